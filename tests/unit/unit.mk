# Unit tests: tests/unit/NAME.c becomes $(BUILD)/unit/NAME, and the same under sanitizers in
# $(BUILD)/unit-asan (addresses and undefined behaviour) and $(BUILD)/unit-tsan (races).
#
# They link the shim but for what is exported (stubs.S) and its constructor (init.c), from an
# archive: a test that defines a function of the shim itself (ring_sys_setup, to play an older
# kernel) gets its own.

UNIT_NAMES := $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/*.c))
UNIT_KINDS := unit unit-asan unit-tsan
UNIT_CFLAGS := -O1 -g -fno-omit-frame-pointer -fvisibility=hidden -fexceptions \
	       -ftls-model=initial-exec -pthread
UNIT_SANITIZE_unit      :=
UNIT_SANITIZE_unit-asan := -fsanitize=address,undefined -fno-sanitize-recover=undefined
UNIT_SANITIZE_unit-tsan := -fsanitize=thread
UNIT_SANITIZE_unit-gcov := --coverage
UNIT_PROGS := $(foreach kind,$(UNIT_KINDS),$(UNIT_NAMES:%=$(BUILD)/$(kind)/%))

.PHONY: unit
unit: $(UNIT_PROGS) ; @:

# unit_rules KIND: an archive of the shim and the programs, or where the compiler has no such
# sanitizer, programs that say so.
define unit_rules
UNIT_OBJ_$(1) := $(patsubst %.c,$(BUILD)/$(1)/obj/%.o,$(ENGINE_SRC) $(OVER_SRC))

$(BUILD)/$(1)/obj/%.o: %.c
	$(Q)mkdir -p $$(@D)
	$(Q)if [ -e $(BUILD)/$(1)/obj/has ]; then \
		$(CC) $(CPPFLAGS) $(SHIM_CFLAGS) $(UNIT_CFLAGS) $(UNIT_SANITIZE_$(1)) \
			-MMD -MP -c -o $$@ $$<; \
	else : >$$@; fi

$$(UNIT_OBJ_$(1)) $(BUILD)/$(1)/obj/shim/init.o: | $(BUILD)/$(1)/obj/asked

$(BUILD)/$(1)/obj/asked:
	$(Q)mkdir -p $$(@D)
	$(Q)echo 'int main(void) { return 0; }' | \
		$(CC) $(UNIT_SANITIZE_$(1)) -x c -o $$@.try - 2>/dev/null && $$@.try && \
		touch $(BUILD)/$(1)/obj/has || true
	$(Q)touch $$@

$(BUILD)/$(1)/obj/shim.a: $$(UNIT_OBJ_$(1))
	$$(call say,AR,$$@)
	$(Q)rm -f $$@
	$(Q)ar rcs $$@ $$^

$(BUILD)/$(1)/%: tests/unit/%.c tests/unit/check.h $(BUILD)/$(1)/obj/shim.a
	$$(call say,UNIT,$$@)
	$(Q)if [ -e $(BUILD)/$(1)/obj/has ]; then \
		$(CC) $(CPPFLAGS) $(SHIM_CFLAGS) -Itests/unit $(UNIT_CFLAGS) \
			$(UNIT_SANITIZE_$(1)) -MMD -MP -MF $(BUILD)/$(1)/obj/$$*.d -o $$@ $$< \
			$(BUILD)/$(1)/obj/shim.a -l:liburing.a; \
	else \
		printf '#!/bin/sh\necho "ok 1 - $$* # skip requires $(UNIT_SANITIZE_$(1))"\necho 1..1\n' \
			>$$@ && chmod 755 $$@; \
	fi

-include $$(UNIT_OBJ_$(1):.o=.d) $$(wildcard $(BUILD)/$(1)/obj/*.d)
endef

$(foreach kind,$(UNIT_KINDS) unit-gcov,$(eval $(call unit_rules,$(kind))))

include tests/unit/inside.mk
