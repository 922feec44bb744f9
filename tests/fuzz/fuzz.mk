# Fuzz targets: tests/fuzz/NAME.c becomes $(BUILD)/fuzz/NAME with clang's libFuzzer, for "make fuzz", and
# $(BUILD)/unit-asan/fuzz-NAME, which gives it the inputs of tests/fuzz/corpus/NAME in "make check".

FUZZ_NAMES   := $(filter-out replay,$(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/*.c)))
FUZZ_SECONDS ?= 60
FUZZ_CC      ?= clang
FUZZ_CFLAGS  := -O1 -g -fno-omit-frame-pointer -fexceptions -ftls-model=initial-exec -pthread -Wno-unknown-warning-option
FUZZ_FLAGS   := -fsanitize=address,undefined -fno-sanitize-recover=undefined
FUZZ_OBJ     := $(patsubst %.c,$(BUILD)/fuzz/obj/%.o,$(ENGINE_SRC) $(OVER_SRC))
FUZZ_PROGS   := $(FUZZ_NAMES:%=$(BUILD)/fuzz/%)
FUZZ_REPLAYS := $(FUZZ_NAMES:%=$(BUILD)/unit-asan/fuzz-%)

# Each target for FUZZ_SECONDS, from what is in the corpus; a finding stops it and is left beside it.
.PHONY: fuzz
fuzz:
	$(Q)tools/deps.sh fuzz
	$(Q)$(MAKE) $(FUZZ_PROGS)
	$(Q)for name in $(FUZZ_NAMES); do \
		echo "$$name: $(FUZZ_SECONDS) s" && mkdir -p $(BUILD)/fuzz/found-$$name && \
		$(BUILD)/fuzz/$$name -max_total_time=$(FUZZ_SECONDS) -max_len=4096 -timeout=10 -print_final_stats=1 \
			-artifact_prefix=$(BUILD)/fuzz/$$name- $(BUILD)/fuzz/found-$$name tests/fuzz/corpus/$$name \
			2>$(BUILD)/fuzz/$$name.log || { tail -40 $(BUILD)/fuzz/$$name.log; exit 1; }; \
		grep -h number_of_executed_units $(BUILD)/fuzz/$$name.log; \
	done

$(BUILD)/fuzz/obj/%.o: %.c
	$(Q)mkdir -p $(@D)
	$(Q)$(FUZZ_CC) $(SHIM_CFLAGS) $(FUZZ_CFLAGS) $(FUZZ_FLAGS) -fsanitize=fuzzer-no-link -MMD -MP -c -o $@ $<

$(BUILD)/fuzz/obj/shim.a: $(FUZZ_OBJ)
	$(Q)rm -f $@
	$(Q)ar rcs $@ $^

$(BUILD)/fuzz/%: tests/fuzz/%.c tests/fuzz/fuzz.h $(BUILD)/fuzz/obj/shim.a
	$(call say,FUZZ,$@)
	$(Q)$(FUZZ_CC) $(SHIM_CFLAGS) $(FUZZ_CFLAGS) $(FUZZ_FLAGS) -fsanitize=fuzzer -o $@ $< \
		$(BUILD)/fuzz/obj/shim.a -l:liburing.a

$(BUILD)/unit-asan/fuzz-%: tests/fuzz/%.c tests/fuzz/replay.c tests/fuzz/fuzz.h $(BUILD)/unit-asan/obj/shim.a
	$(call say,REPLAY,$@)
	$(Q)if [ -e $(BUILD)/unit-asan/obj/has ]; then \
		$(CC) $(SHIM_CFLAGS) $(UNIT_CFLAGS) $(UNIT_SANITIZE_unit-asan) -o $@ $< tests/fuzz/replay.c \
			-DCORPUS='"$(CURDIR)/tests/fuzz/corpus/$*"' $(BUILD)/unit-asan/obj/shim.a -l:liburing.a; \
	else \
		printf '#!/bin/sh\necho "ok 1 - fuzz-$* # skip requires $(UNIT_SANITIZE_unit-asan)"\necho 1..1\n' \
			>$@ && chmod 755 $@; \
	fi

unit: $(FUZZ_REPLAYS)

-include $(FUZZ_OBJ:.o=.d)
