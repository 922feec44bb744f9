# libushim: see README.md. `make help` lists the targets.

PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
BINDIR ?= $(PREFIX)/bin
MANDIR ?= $(PREFIX)/share/man
INCDIR ?= $(PREFIX)/include
BUILD  ?= build
CC     ?= cc

VERSION := 0.1.0

# _FORTIFY_SOURCE and _FILE_OFFSET_BITS would change the names we export (shim/over/over.h).
CFLAGS      ?= -O2 -g
WARNINGS    := -Wall -Wextra -Wshadow -Wpointer-arith -Wstrict-prototypes -Wmissing-prototypes \
	       -Wundef -Wvla -Wswitch-enum -Wno-gnu-variable-sized-type-not-at-end
SHIM_CFLAGS := -std=gnu11 -D_GNU_SOURCE -U_FORTIFY_SOURCE -Iinclude -Ishim $(WARNINGS) \
	       -DUSHIM_VERSION='"$(VERSION)"'
# The library is optimised as one: where nobody is interested in much, what each module says about a
# call is a function of one line, and calling them was a third of the price (callgrind: starting
# 77,000 instructions and 54,000 so). gcc's linker plugin sees what the stubs use; others need theirs.
# Fat: nm(1) reads them for the layer rules.
LTO         := $(if $(findstring Free Software Foundation,$(shell $(CC) --version 2>/dev/null)),-flto=auto -ffat-lto-objects)
# -fexceptions: a cancelled thread unwinds through us (pthread_testcancel).
LIB_CFLAGS  := -fPIC -fvisibility=hidden -fno-plt -fexceptions -ftls-model=initial-exec $(LTO)
# noseparate-code: two mappings fewer, an eighth of what loading us costs (94 us, 83 so; a library
# with nothing in it takes 44).
LIB_LDFLAGS := -shared -Wl,-soname,libushim.so -Wl,-z,now -Wl,-z,relro -Wl,-z,nodelete -Wl,-z,noseparate-code \
	       -Wl,--exclude-libs,ALL -Wl,--no-undefined -Wl,-O1 -Wl,--as-needed

ifneq ($(V),1)
Q := @
say = @printf '  %-7s %s\n' $(1) $(2)
MAKEFLAGS += --no-print-directory
endif

OVER_SRC   := $(wildcard shim/over/*.c)
ENGINE_SRC := $(filter-out shim/init.c $(OVER_SRC),$(wildcard shim/*.c shim/*/*.c shim/*/*/*.c))
LIB_SRC    := shim/init.c $(ENGINE_SRC) $(OVER_SRC) shim/over/stubs.S
LIB_OBJ    := $(patsubst %,$(BUILD)/%.o,$(basename $(LIB_SRC)))
PROGS      := $(patsubst tests/prog/%.c,$(BUILD)/prog/%,$(wildcard tests/prog/*.c))
BENCHES    := $(patsubst tools/bench/%.c,$(BUILD)/bench/%,$(wildcard tools/bench/*.c))
TOOLS      := $(wildcard tools/ushim tools/ushim-ab tools/ushim-doctor tools/ushim-stat)

.PHONY: all
all: $(BUILD)/libushim.so $(BUILD)/ushim-run ; @:

# The two commands to know: each sees to its packages first (tools/deps.sh).
.PHONY: demo check
demo:
	$(Q)tools/deps.sh demo
	$(Q)$(MAKE) all
	$(Q)BUILD=$(BUILD) tools/demo

check:
	$(Q)tools/deps.sh check
	$(Q)$(MAKE) all progs unit slowfs
	$(Q)BUILD=$(BUILD) tests/run

.PHONY: bench
bench:
	$(Q)tools/deps.sh bench
	$(Q)$(MAKE) all benches slowfs $(BUILD)/prog/treesum
	$(Q)BUILD=$(BUILD) tools/bench/run

# Real network file systems and other kernels (tests/lab/README.md): minutes to an hour, so apart.
.PHONY: check-lab bench-lab
check-lab bench-lab:
	$(Q)tools/deps.sh lab
	$(Q)$(MAKE) all slowfs
	$(Q)BUILD=$(BUILD) tests/lab/run $(@:-lab=)

.PHONY: lint
lint:
	$(Q)tools/deps.sh lint
	$(Q)$(MAKE) all
	$(Q)BUILD=$(BUILD) MAKE=$(MAKE) tests/lint/run

.PHONY: help
help:
	@echo 'make demo       packages, build, and cp -al of a real tree plain and under the library'
	@echo 'make check      packages, build, and all tests'
	@echo 'make            $(BUILD)/libushim.so'
	@echo 'make bench      what it costs and gains here; BENCH_SECTIONS="ahead-slow start" for some'
	@echo 'make coverage   lines that the tests under sanitizers reach, by part'
	@echo 'make fuzz       each fuzz target for FUZZ_SECONDS (60)'
	@echo 'make check-lab, bench-lab: NFS in virtual machines of other kernels, sshfs, GlusterFS: the same'
	@echo '                results, and what is gained; LAB_ROWS="nfs3-6.1 sshfs" for some'
	@echo 'make lint       warnings as errors, static analysis, layer rules'
	@echo 'make install    to DESTDIR=$(DESTDIR) PREFIX=$(PREFIX); also uninstall'
	@echo 'make deb        a Debian package, beside this directory'
	@echo 'make dist       $(DIST).tar.gz of what is committed'
	@echo 'make debug      the same, unoptimised, under $(BUILD)/debug; ubsan, asan: under sanitizers'
	@echo 'make compile_commands.json   for editors and analysers'
	@echo 'make progs, unit, slowfs, benches: what the tests and the bench use; clean'
	@echo 'V=1 shows the commands; USHIM_DEPS=0 in the environment: never install packages'

$(BUILD)/libushim.so: $(LIB_OBJ)
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(LTO) $(LDFLAGS) $(LIB_LDFLAGS) -o $@ $(LIB_OBJ) -l:liburing.a

$(BUILD)/ushim-run: tools/ushim-run.c
	$(call say,TOOL,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -std=gnu11 -D_GNU_SOURCE $(WARNINGS) -o $@ $<

$(BUILD)/%.o: %.c
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(OWN_CFLAGS) $(SHIM_CFLAGS) $(LIB_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/%.o: %.S
	$(call say,AS,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -Iinclude -D_GNU_SOURCE -MMD -MP -c -o $@ $<

# A build of its own for who works on the library: nothing optimised, invariants asserted, linked in
# a moment, where the ordinary one spends five seconds on optimising all modules as one.
.PHONY: debug
debug:
	$(Q)$(MAKE) BUILD=$(BUILD)/debug CFLAGS='-O0 -g3 -DUSHIM_DEBUG' LTO= all

# The whole library under sanitizers, for the shell tests: BUILD=$(BUILD)/asan tests/run FILE.... The address
# sanitizer's run-time goes in front of it (preload-first, tests/bats/common.bash), and is not there yet when
# the first calls come: what they meet before the constructor has run is not instrumented.
ASAN_EARLY := $(patsubst %.c,$(BUILD)/%.o,$(filter %/engine.c %/real.c %/table.c %/process.c,$(ENGINE_SRC)))

.PHONY: asan ubsan
asan:
	$(Q)$(MAKE) BUILD=$(BUILD)/asan LTO= CFLAGS='-O1 -g -fno-omit-frame-pointer -DUSHIM_DEBUG \
		-fsanitize=address,undefined -fno-sanitize-recover=undefined' EARLY_CFLAGS=-fno-sanitize=all \
		LIB_LDFLAGS='-shared -Wl,-soname,libushim.so -Wl,-z,now -Wl,-z,nodelete -Wl,--exclude-libs,ALL' \
		all progs slowfs
	$(Q)$(CC) -print-file-name=libasan.so >$(BUILD)/asan/preload-first

$(ASAN_EARLY): OWN_CFLAGS = $(EARLY_CFLAGS)

# Undefined behaviour alone, which traps: no run-time, and nearly as fast as the ordinary build.
ubsan:
	$(Q)$(MAKE) BUILD=$(BUILD)/ubsan LTO= CFLAGS='-O1 -g -DUSHIM_DEBUG -fsanitize=undefined \
		-fsanitize-undefined-trap-on-error' all progs slowfs

# How each file is compiled, for editors and analysers (clangd, clang-tidy -p).
compile_commands.json: Makefile
	$(call say,JSON,$@)
	$(Q){ echo '['; for source in $(filter %.c,$(LIB_SRC)); do \
		printf '{"directory": "%s", "file": "%s", "command": "%s"},\n' '$(CURDIR)' "$$source" \
			"$(CC) $(CFLAGS) $(subst ",\\\",$(SHIM_CFLAGS)) -fPIC -fexceptions -c $$source"; \
	done | sed '$$s/,$$//'; echo ']'; } >$@

# Small programs the tests run, one source file each. "// LDLIBS: -lx" in a source adds to the link.
.PHONY: progs
progs: $(PROGS) $(BUILD)/prog/fails-late.so ; @:

$(BUILD)/prog/%: tests/prog/%.c
	$(call say,PROG,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -std=gnu11 -D_GNU_SOURCE -O1 -g -Wall -Wextra -pthread -MMD -MP -o $@ $< \
		$$(sed -n 's,^// LDLIBS: ,,p' $<)

# The library with a part more, for what a test cannot cause from outside; linked as it stands, because
# that part's constructor has to be the last.
$(BUILD)/prog/fails-late.so: tests/preload/fails-late.c $(LIB_OBJ)
	$(call say,LINK,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(SHIM_CFLAGS) $(LIB_CFLAGS) -fno-lto $(LDFLAGS) $(LIB_LDFLAGS) -o $@ \
		$(LIB_OBJ) $< -l:liburing.a

# Programs of tests/unit, plain and under sanitizers.
include tests/unit/unit.mk

# How many lines of the library the instrumented programs reach, part by part.
COVERAGE_PROGS := $(UNIT_NAMES:%=$(BUILD)/unit-gcov/%) $(INSIDE_NAMES:%=$(BUILD)/unit-gcov/inside/%)

.PHONY: coverage
coverage:
	$(Q)$(MAKE) $(COVERAGE_PROGS)
	$(Q)BUILD=$(BUILD) tests/unit/coverage

# Programs of tests/fuzz.
include tests/fuzz/fuzz.mk

# Timing programs of the bench, as the test programs.
.PHONY: benches
benches: $(BENCHES) ; @:

$(BUILD)/bench/%: tools/bench/%.c
	$(call say,BENCH,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -std=gnu11 -D_GNU_SOURCE -O2 -g -Wall -Wextra -MMD -MP -o $@ $<

# A FUSE file system that is slow on purpose, where there is libfuse 3.
SLOWFS_SRC := $(wildcard tools/bench/slowfs/*.c)
FUSE_H     := $(wildcard /usr/include/fuse3/fuse_lowlevel.h)

.PHONY: slowfs
slowfs: $(if $(and $(SLOWFS_SRC),$(FUSE_H)),$(BUILD)/slowfs) ; @:

$(BUILD)/slowfs: $(SLOWFS_SRC) $(wildcard tools/bench/slowfs/*.h tools/bench/slowfs/*.def)
	$(call say,SLOWFS,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -std=gnu11 -D_GNU_SOURCE -O2 -g -Wall -Wextra -I/usr/include/fuse3 -pthread \
		-o $@ $(SLOWFS_SRC) -lfuse3

.PHONY: install uninstall
install: all
	$(call say,INSTALL,$(DESTDIR)$(PREFIX))
	$(Q)install -d $(DESTDIR)$(LIBDIR)/ushim $(DESTDIR)$(BINDIR) $(DESTDIR)$(MANDIR)/man1
	$(Q)install -m 644 $(BUILD)/libushim.so $(DESTDIR)$(LIBDIR)/libushim.so
	$(Q)install -m 755 $(BUILD)/ushim-run $(DESTDIR)$(LIBDIR)/ushim/ushim-run
	$(Q)for tool in $(TOOLS); do \
		sed -e 's,@LIBDIR@,$(LIBDIR),g' -e 's,@VERSION@,$(VERSION),g' $$tool \
			>$(DESTDIR)$(BINDIR)/$${tool##*/} && \
		chmod 755 $(DESTDIR)$(BINDIR)/$${tool##*/} || exit 1; \
	done
	$(Q)for page in $(wildcard docs/*.1); do \
		install -m 644 $$page $(DESTDIR)$(MANDIR)/man1/ || exit 1; \
	done
	$(Q)for header in $(wildcard include/ushim.h); do \
		install -d $(DESTDIR)$(INCDIR) && \
		install -m 644 $$header $(DESTDIR)$(INCDIR)/ || exit 1; \
	done

uninstall:
	$(call say,REMOVE,$(DESTDIR)$(PREFIX))
	$(Q)rm -f $(DESTDIR)$(LIBDIR)/libushim.so $(DESTDIR)$(LIBDIR)/ushim/ushim-run \
		$(DESTDIR)$(INCDIR)/ushim.h \
		$(patsubst tools/%,$(DESTDIR)$(BINDIR)/%,$(TOOLS)) \
		$(patsubst docs/%,$(DESTDIR)$(MANDIR)/man1/%,$(wildcard docs/*.1))
	$(Q)rmdir $(DESTDIR)$(LIBDIR)/ushim 2>/dev/null || :

DIST := libushim-$(VERSION)

.PHONY: dist deb
dist:
	$(Q)git archive --format=tar.gz --prefix=$(DIST)/ -o $(DIST).tar.gz HEAD
	$(call say,DIST,$(DIST).tar.gz)

deb:
	$(Q)tools/deps.sh deb
	$(Q)dpkg-buildpackage -us -uc -b

.PHONY: clean
clean:
	$(Q)rm -rf $(BUILD) $(DIST).tar.gz

-include $(LIB_OBJ:.o=.d) $(PROGS:=.d) $(BENCHES:=.d)
