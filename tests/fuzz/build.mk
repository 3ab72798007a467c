# Fuzzing with clang's libFuzzer: fuzz_NAME.c is a target, corpus/NAME what it begins with.
#
#   make fuzz FUZZ_SECONDS=60     all targets at the same time, for so long
#   make fuzz FUZZ='server'       those alone
#
# A build of its own, with AddressSanitizer and UndefinedBehaviourSanitizer.

FUZZ_SECONDS ?= 60
FUZZ         ?= $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
fuzz_build   := $(B)/fuzz
fuzz_flags   := -O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined \
	-fno-sanitize=alignment

.PHONY: fuzz fuzz-targets
fuzz:
	$(MAKE) B=$(fuzz_build) CC=clang CFLAGS='$(fuzz_flags)' FUZZ='$(FUZZ)' fuzz-targets
	tests/fuzz/run $(fuzz_build) $(FUZZ_SECONDS) $(FUZZ)

# From here on as seen by the make above.
fuzz_link := clang -fsanitize=fuzzer,address,undefined

fuzz-targets: $(FUZZ:%=$(B)/fuzz_%)

$(OBJ)/tests/fuzz/fuzz_%.o $(OBJ)/tests/tools/fake_runtime.o: flags := $(tool_flags)

$(B)/fuzz_server: $(call objects,tests/fuzz/fuzz_server.c tests/tools/fake_runtime.c $(wildcard shim/conf*.c shim/control*.c) \
	shim/format.c shim/log.c runtime/files.c runtime/mem.c)
	$(fuzz_link) -o $@ $^

$(B)/fuzz_expression: $(call objects,tests/fuzz/fuzz_expression.c tools/coroctl/expression.c \
	tools/coroctl/types.c)
	$(fuzz_link) -o $@ $^

$(B)/fuzz_replies: $(call objects,tests/fuzz/fuzz_replies.c) $(filter-out $(OBJ)/tools/coroctl.o,$(coroctl_obj)) \
	$(tool_shared)
	$(fuzz_link) -Wl,--wrap=connection_choose -o $@ $^ $(coroctl_libs)

.SECONDARY: $(call objects,$(wildcard tests/fuzz/*.c))
-include $(patsubst %.o,%.d,$(call objects,$(wildcard tests/fuzz/*.c)))
