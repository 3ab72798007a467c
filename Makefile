# coroshim. Everything built lands in build/.
#
#   make                  build/libcoroshim.so, build/corun, build/coroctl
#   make check            unit tests, threaded programs with and without us, the tools
#   make check-sanitize   the unit tests with AddressSanitizer and UndefinedBehaviourSanitizer
#   make check-real       real Debian programs, driven by real clients
#   make bench lint demo fuzz
#   make install uninstall     DESTDIR=, PREFIX=/usr/local
#
# CC=clang works too. WERROR=1 (or CI in the environment) makes warnings errors.

PREFIX ?= /usr/local
bindir := $(DESTDIR)$(PREFIX)/bin
libdir := $(DESTDIR)$(PREFIX)/lib
mandir := $(DESTDIR)$(PREFIX)/share/man
sharedir := $(DESTDIR)$(PREFIX)/share
incdir := $(DESTDIR)$(PREFIX)/include
gdbdir := $(DESTDIR)$(PREFIX)/share/gdb/auto-load$(PREFIX)/lib

B   := build
OBJ := $(B)/obj

CFLAGS   ?= -O2 -g
WARNINGS := -Wall -Wextra
ifneq ($(WERROR)$(CI),)
WARNINGS += -Werror
endif
common := -std=gnu11 $(WARNINGS) -I. -MMD -MP

# ---- libcoroshim.so ----
#
# Below the gate: entered from inside any libc function, so no libc, no TLS (the stack protector
# reads it), no vector registers. Above: may call libc. shim/gate/internal.h says which is which.

# CET markers would promise an indirect-branch discipline that our stubs don't keep.
shared := $(common) -fPIC -fvisibility=hidden -fno-stack-protector -fcf-protection=none \
	-fomit-frame-pointer -fasynchronous-unwind-tables -fexceptions
below_flags := $(shared) -ffreestanding -mgeneral-regs-only
above_flags := $(shared)

gate_below := $(addprefix shim/gate/,enter.S stub.c patch.c sites.c memory.c)
below_src := \
	$(wildcard runtime/*.c runtime/arch/x86_64/*.c runtime/arch/x86_64/*.S) \
	$(filter-out %/script.c %/kqueue.c,$(wildcard runtime/poll/*.c)) \
	$(filter-out interpose/doors%,$(wildcard interpose/*.c interpose/*.S)) \
	$(wildcard shim/conf*.c shim/control*.c) shim/doctor.c shim/format.c shim/log.c shim/report.c \
	$(wildcard $(gate_below))
above_src := $(wildcard interpose/doors*.c shim/init.c shim/activate.c shim/call.c shim/where*.c shim/api/*.c) \
	$(filter-out $(gate_below),$(wildcard shim/gate/*.c))

objects = $(patsubst %,$(OBJ)/%.o,$(basename $(1)))
below_obj := $(call objects,$(below_src))
above_obj := $(call objects,$(above_src))

.PHONY: all clean
all: $(B)/libcoroshim.so

$(below_obj): flags := $(below_flags)
$(above_obj): flags := $(above_flags)

$(OBJ)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(flags) -c -o $@ $<

$(OBJ)/%.o: %.S Makefile
	@mkdir -p $(@D)
	$(CC) -g -I. -MMD -MP -c -o $@ $<

# What programs may find in us: the rows of interpose/table.def, and coro.h.
api_headers := $(wildcard shim/coro/*.h)

$(B)/coroshim.map: tests/lint/exports shim/api/gen-weak interpose/table.def $(api_headers)
	@mkdir -p $(@D)
	tests/lint/exports map >$@.new && mv $@.new $@

$(B)/libcoroshim.so: $(below_obj) $(above_obj) $(B)/coroshim.map
	$(CC) -shared -o $@ $(below_obj) $(above_obj) -Wl,-soname,libcoroshim.so \
		-Wl,-z,relro,-z,now,-z,defs,-z,noexecstack -Wl,--as-needed \
		-Wl,--version-script=$(B)/coroshim.map $(LDFLAGS)

# ---- what programs that use coro.h compile and link with ----

all: $(B)/include/coro/weak.h $(B)/coroshim.pc

$(B)/include/coro/weak.h: shim/api/gen-weak shim/coro.h $(api_headers)
	@mkdir -p $(@D)
	cp shim/coro.h $(B)/include/ && cp $(api_headers) $(B)/include/coro/
	shim/api/gen-weak $(api_headers) >$@.new && mv $@.new $@

$(B)/coroshim.pc: shim/coroshim.pc.in shim/version.h Makefile
	@mkdir -p $(@D)
	sed -e 's|@PREFIX@|$(PREFIX)|' -e "s|@VERSION@|$$(sed -n 's/.*VERSION "\(.*\)"/\1/p' shim/version.h)|" \
		$< >$@.new && mv $@.new $@

# gdb looks for its plug-in beside the object.
all: $(B)/libcoroshim.so-gdb.py
$(B)/libcoroshim.so-gdb.py: tools/gdb/libcoroshim.so-gdb.py
	@mkdir -p $(@D)
	cp $< $@

# ---- corun and coroctl ----
#
# They share the protocol, the variables' table and the formatting with the object, nothing else.

tool_flags := $(common) -D_GNU_SOURCE
tool_shared := $(call objects,$(wildcard shim/conf*.c) shim/format.c shim/log.c runtime/mem.c)
tool_common := $(call objects,$(wildcard tools/common/*.c))
corun_obj := $(call objects,$(wildcard tools/corun*.c tools/corun/*.c)) $(tool_common)
coroctl_obj := $(call objects,$(wildcard tools/coroctl*.c tools/coroctl/*.c)) $(tool_common)

-include $(wildcard tools/build.mk)

$(corun_obj) $(coroctl_obj): flags := $(tool_flags)

$(B)/corun: $(corun_obj) $(tool_shared)
	$(CC) -o $@ $^ $(LDFLAGS) $(corun_libs)

$(B)/coroctl: $(coroctl_obj) $(tool_shared)
	$(CC) -o $@ $^ $(LDFLAGS) $(coroctl_libs)

ifneq ($(corun_obj),)
all: $(B)/corun
endif
ifneq ($(coroctl_obj),)
all: $(B)/coroctl
endif

# ---- tests ----

-include $(wildcard tests/unit/build.mk tests/programs/build.mk tests/real/build.mk \
	tests/api/build.mk tests/examples/build.mk tests/bench/build.mk tests/lint/build.mk tests/soak/build.mk tests/fuzz/build.mk tests/tools/*.mk)

.PHONY: check check-unit check-programs check-tools check-real check-sanitize bench lint demo
check: check-unit check-programs check-api check-examples check-tools
check-tools: all

# ---- manual pages ----

manuals := $(wildcard man/*.[1357]) $(generated_manuals)

# ---- install ----

.PHONY: install uninstall
install: all
	install -d $(bindir) $(libdir) $(incdir)
	install -m 755 $(B)/libcoroshim.so $(libdir)/
	install -m 644 $(B)/libcoroshim.so-gdb.py $(libdir)/
	install -D -m 644 $(B)/libcoroshim.so-gdb.py $(gdbdir)/libcoroshim.so-gdb.py
	$(foreach tool,$(wildcard $(B)/corun $(B)/coroctl),install -m 755 $(tool) $(bindir)/ &&) true
	install -d $(incdir)/coro $(libdir)/pkgconfig
	install -m 644 $(B)/include/coro.h $(incdir)/
	install -m 644 $(B)/include/coro/*.h $(incdir)/coro/
	install -m 644 $(B)/coroshim.pc $(libdir)/pkgconfig/
	$(foreach page,$(manuals),install -D -m 644 $(page) \
		$(mandir)/man$(subst .,,$(suffix $(page)))/$(notdir $(page)) &&) true
	install -d $(mandir)/man3
	install -m 644 $(B)/man/*.3 $(mandir)/man3/
	install -D -m 644 tools/coroctl/coroctl.schema.json $(sharedir)/coroshim/coroctl.schema.json
	install -D -m 644 tools/completions/coroctl.bash $(sharedir)/bash-completion/completions/coroctl
	install -D -m 644 tools/completions/coroctl.zsh $(sharedir)/zsh/site-functions/_coroctl
	install -D -m 644 tools/completions/coroctl.fish $(sharedir)/fish/vendor_completions.d/coroctl.fish

uninstall:
	rm -f $(bindir)/corun $(bindir)/coroctl $(libdir)/libcoroshim.so $(libdir)/libcoroshim.so-gdb.py \
		$(gdbdir)/libcoroshim.so-gdb.py $(incdir)/coro.h \
		$(libdir)/pkgconfig/coroshim.pc
	rm -rf $(incdir)/coro
	rm -f $(patsubst $(B)/man/%,$(mandir)/man3/%,$(wildcard $(B)/man/*.3))
	rm -f $(foreach page,$(manuals),\
		$(mandir)/man$(subst .,,$(suffix $(page)))/$(notdir $(page)))
	rm -f $(sharedir)/coroshim/coroctl.schema.json $(sharedir)/bash-completion/completions/coroctl \
		$(sharedir)/zsh/site-functions/_coroctl $(sharedir)/fish/vendor_completions.d/coroctl.fish

clean:
	rm -rf $(B)

-include $(patsubst %.o,%.d,$(below_obj) $(above_obj) $(corun_obj) $(coroctl_obj))
