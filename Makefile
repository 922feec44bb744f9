# libushim: see README.md. `make help` lists the targets.

PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
BINDIR ?= $(PREFIX)/bin
BUILD  ?= build
CC     ?= cc

VERSION := 0.1.0

# _FORTIFY_SOURCE and _FILE_OFFSET_BITS would change the names we export (shim/over/over.h).
CFLAGS      ?= -O2 -g
WARNINGS    := -Wall -Wextra -Wshadow -Wpointer-arith -Wstrict-prototypes -Wmissing-prototypes \
	       -Wundef -Wvla -Wswitch-enum
SHIM_CFLAGS := -std=gnu11 -D_GNU_SOURCE -U_FORTIFY_SOURCE -Iinclude -Ishim $(WARNINGS) \
	       -DUSHIM_VERSION='"$(VERSION)"'
# -fexceptions: a cancelled thread unwinds through us (pthread_testcancel).
LIB_CFLAGS  := -fPIC -fvisibility=hidden -fno-plt -fexceptions -ftls-model=initial-exec
LIB_LDFLAGS := -shared -Wl,-soname,libushim.so -Wl,-z,now -Wl,-z,relro -Wl,-z,nodelete \
	       -Wl,--exclude-libs,ALL -Wl,--no-undefined -Wl,-O1 -Wl,--as-needed

ifneq ($(V),1)
Q := @
say = @printf '  %-7s %s\n' $(1) $(2)
endif

ENGINE_SRC := $(filter-out shim/init.c,$(wildcard shim/*.c))
OVER_SRC   := $(wildcard shim/over/*.c)
LIB_OBJ    := $(patsubst %.c,$(BUILD)/%.o,shim/init.c $(ENGINE_SRC) $(OVER_SRC)) \
	      $(BUILD)/shim/over/stubs.o
PROGS      := $(patsubst tests/prog/%.c,$(BUILD)/prog/%,$(wildcard tests/prog/*.c))

.PHONY: all
all: $(BUILD)/libushim.so

$(BUILD)/libushim.so: $(LIB_OBJ)
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $(LIB_LDFLAGS) -o $@ $(LIB_OBJ) -l:liburing.a

$(BUILD)/%.o: %.c
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(SHIM_CFLAGS) $(LIB_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/%.o: %.S
	$(call say,AS,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -Iinclude -D_GNU_SOURCE -MMD -MP -c -o $@ $<

# Small programs the tests run, one source file each. "// LDLIBS: -lx" in a source adds to the link.
.PHONY: progs
progs: $(PROGS)

$(BUILD)/prog/%: tests/prog/%.c
	$(call say,PROG,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -std=gnu11 -D_GNU_SOURCE -O1 -g -Wall -Wextra -pthread -MMD -MP -o $@ $< \
		$$(sed -n 's,^// LDLIBS: ,,p' $<)

.PHONY: clean
clean:
	$(Q)rm -rf $(BUILD)

-include $(LIB_OBJ:.o=.d) $(PROGS:=.d)
