# Programs of tests/prog with the whole library linked in, so that sanitizers and gcov see what it does while a
# program runs: $(BUILD)/unit-KIND/inside/NAME. Every symbol of ops.def gets the prefix shim_, in the program
# and in the stubs: calls of the program come to the stubs, and the next definition is the sanitizer's or
# libc's. Such a program is under the library whether LD_PRELOAD says so or not; USHIM=off switches it off.

INSIDE_NAMES := sequence proofs ahead-removed ahead-listing together-contract
INSIDE_KINDS := unit-asan unit-tsan unit-gcov

$(BUILD)/inside.map: include/ushim/ops.def
	$(Q)mkdir -p $(@D)
	$(Q)printf '%s\n' '#include <features.h>' '#define SYM(name, op) row name' '#include "ushim/ops.def"' | \
		$(CC) -E -P -D_GNU_SOURCE -Iinclude -x c - | tr ' ' '\n' | grep -A1 -x row | \
		sed '/^row$$/d; /^--$$/d; s/.*/& shim_&/' >$@

$(BUILD)/inside-stubs.o: $(BUILD)/shim/over/stubs.o $(BUILD)/inside.map
	$(Q)objcopy --redefine-syms=$(BUILD)/inside.map $< $@

define inside_rules
$(BUILD)/$(1)/inside/%: tests/prog/%.c $(BUILD)/inside.map $(BUILD)/inside-stubs.o $(BUILD)/$(1)/obj/shim.a $(BUILD)/$(1)/obj/shim/init.o
	$$(call say,INSIDE,$$@)
	$(Q)mkdir -p $$(@D)
	$(Q)if [ -e $(BUILD)/$(1)/obj/has ]; then \
		$(CC) -std=gnu11 -D_GNU_SOURCE -O1 -g -pthread $(filter-out --coverage,$(UNIT_SANITIZE_$(1))) \
			-c -o $$@.own.o $$< && \
		objcopy --redefine-syms=$(BUILD)/inside.map $$@.own.o $$@.o && \
		$(CC) $(UNIT_CFLAGS) $(UNIT_SANITIZE_$(1)) -o $$@ $$@.o $(BUILD)/$(1)/obj/shim/init.o \
			$(BUILD)/inside-stubs.o $(BUILD)/$(1)/obj/shim.a -l:liburing.a \
			$$$$(sed -n 's,^// LDLIBS: ,,p' $$<); \
	fi

unit: $(if $(filter unit-gcov,$(1)),,$(INSIDE_NAMES:%=$(BUILD)/$(1)/inside/%))
endef

$(foreach kind,$(INSIDE_KINDS),$(eval $(call inside_rules,$(kind))))
