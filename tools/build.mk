# What corun and coroctl need beyond the common flags, and the manuals that are made from tables.

corun_libs   :=
coroctl_libs := -ljansson -lunwind-x86_64 -lunwind -ldw -lelf -liberty -lncursesw -ltinfo

# corun looks beside itself first; this is where it looks last.
$(OBJ)/tools/corun/preload.o: CFLAGS += -DLIBDIR='"$(PREFIX)/lib"'

# A script is a part of it.
$(OBJ)/tools/coroctl/flame.o: tools/coroctl/flame.js

# coroshim-env(7) says what conf.def says, and coroshim-calls(7) what table.def and calls.def say, for
# they are made from them.
generated_manuals := $(B)/man/coroshim-env.7 $(B)/man/coroshim-calls.7
gen_man           := $(OBJ)/tools/gen-env-man $(OBJ)/tools/gen-calls-man

$(gen_man:%=%.o): flags := $(tool_flags)

$(gen_man): $(OBJ)/tools/%: $(OBJ)/tools/%.o $(tool_shared)
	$(CC) -o $@ $^ $(LDFLAGS)

$(generated_manuals): $(B)/man/coroshim-%.7: man/coroshim-%.7.in $(OBJ)/tools/gen-%-man
	@mkdir -p $(@D)
	$(OBJ)/tools/gen-$*-man <$< >$@.new && mv $@.new $@

# Those of coro.h are its headers' comments, and examples that are tested.
api_manuals := $(B)/man/coro.3
$(api_manuals): tools/gen-api-man shim/coro.h $(wildcard shim/coro/*.h tests/examples/coro*) shim/version.h
	$< --version $(shell sed -n 's/.*CORO_VERSION *"\(.*\)"/\1/p' shim/version.h) --headers shim \
		--examples tests/examples --out $(@D)

all: $(generated_manuals) $(api_manuals)

-include $(gen_man:%=%.d)
