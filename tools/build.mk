# What corun and coroctl need beyond the common flags, and the manuals that are made from tables.

corun_libs   :=
coroctl_libs := -ljansson -lunwind-x86_64 -lunwind -ldw -lelf -liberty -lncursesw -ltinfo

# corun looks beside itself first; this is where it looks last.
$(OBJ)/tools/corun/preload.o: CFLAGS += -DLIBDIR='"$(PREFIX)/lib"'

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

all: $(generated_manuals)

-include $(gen_man:%=%.d)
