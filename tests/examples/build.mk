# Programs that show coro.h at work. NAME.c prints what NAME.out says; those named after a manual page are its
# example.
#
#   make check-examples

examples_src := tests/examples
examples_out := $(B)/tests/examples
examples     := $(patsubst $(examples_src)/%.c,$(examples_out)/%,$(wildcard $(examples_src)/*.c))

.PHONY: examples check-examples
examples: $(examples)

check-examples: examples
	@$(examples_src)/run $(examples)

# As a user compiles them.
$(examples_out)/%: $(examples_src)/%.c $(B)/include/coro/weak.h $(B)/libcoroshim.so
	@mkdir -p $(@D)
	$(CC) -std=c11 $(WARNINGS) -pedantic -D_GNU_SOURCE -pthread -I$(B)/include -MMD -MP $(CFLAGS) -o $@ $< \
		-L$(B) -lcoroshim -Wl,-rpath,'$$ORIGIN/../..'

-include $(wildcard $(examples_out)/*.d)
