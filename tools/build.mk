# What corun and coroctl need beyond the common flags, and the manual that is made from conf.def.

corun_libs   :=
coroctl_libs := -ljansson -lunwind-x86_64 -lunwind -ldw -lelf -liberty

# corun looks beside itself first; this is where it looks last.
$(OBJ)/tools/corun/preload.o: CFLAGS += -DLIBDIR='"$(PREFIX)/lib"'

# coroshim-env(7) says what conf.def says, for the file is made from it.
generated_manuals := $(B)/man/coroshim-env.7
gen_env_man       := $(OBJ)/tools/gen-env-man

$(OBJ)/tools/gen-env-man.o: flags := $(tool_flags)

$(gen_env_man): $(OBJ)/tools/gen-env-man.o $(tool_shared)
	$(CC) -o $@ $^ $(LDFLAGS)

$(B)/man/coroshim-env.7: man/coroshim-env.7.in $(gen_env_man)
	@mkdir -p $(@D)
	$(gen_env_man) <$< >$@.new && mv $@.new $@

all: $(generated_manuals)

-include $(OBJ)/tools/gen-env-man.d
