# Unit tests: each test_NAME.c is a program of its own, with the very objects that libcoroshim.so is
# made of. An archive offers them, so that a test may put a stub in the place of a module it does
# not test.
#
#   make check-unit       UNIT='test_futex test_sched' runs those alone
#   make check-sanitize   the same with AddressSanitizer and UndefinedBehaviourSanitizer

unit_src := tests/unit
unit_out := $(B)/tests/unit
UNIT     ?= $(patsubst $(unit_src)/%.c,%,$(wildcard $(unit_src)/test_*.c))

unit_libs  := -lcheck -lsubunit -lm -lrt -pthread
unit_flags := $(common) -D_GNU_SOURCE -pthread
# Without interpose/, whose tests bring their own, and the shim's entry.
unit_objects := $(filter-out $(OBJ)/shim/init.o $(OBJ)/shim/activate.o $(OBJ)/interpose/%,$(below_obj) $(above_obj)) \
	$(call objects,runtime/poll/script.c runtime/poll/kqueue.c $(unit_src)/harness.c $(unit_src)/suite.c $(unit_src)/kqueue.c)

$(call objects,runtime/poll/script.c): flags := $(below_flags)
$(call objects,$(wildcard $(unit_src)/*.c)): flags := $(unit_flags)

# Linux has no kqueue: its header comes from a folder of the tests, its functions from theirs.
$(call objects,runtime/poll/kqueue.c $(unit_src)/kqueue.c): flags := $(unit_flags) -I$(unit_src)/kqueue

.PHONY: check-unit check-sanitize unit
unit: $(UNIT:%=$(unit_out)/%)

check-unit: unit
	@$(unit_src)/run $(UNIT:%=$(unit_out)/%)

$(unit_out)/libcoro.a: $(unit_objects)
	@mkdir -p $(@D)
	@rm -f $@
	@ar rcs $@ $^

.SECONDARY: $(call objects,$(wildcard $(unit_src)/*.c))

$(unit_out)/test_%: $(OBJ)/$(unit_src)/test_%.o $(unit_out)/libcoro.a
	$(CC) -o $@ $^ $(LDFLAGS) $(unit_libs)

$(unit_out)/test_simd: $(OBJ)/$(unit_src)/simd_registers.o

# A build of its own. Coroutines' stacks are strange to AddressSanitizer, so the check of uses
# after return is off, and the harness clears what an ended coroutine left poisoned. A gate frame
# lies wherever the caller's stack pointer was, aligned or not.
sanitize_flags := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=undefined \
	-fno-sanitize=alignment
check-sanitize:
	ASAN_OPTIONS=detect_stack_use_after_return=0:detect_leaks=0 $(MAKE) B=$(B)/sanitize \
		CFLAGS='$(sanitize_flags)' LDFLAGS='-fsanitize=address,undefined' check-unit

-include $(patsubst %.o,%.d,$(call objects,$(wildcard $(unit_src)/*.c)))
