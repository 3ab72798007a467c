# What corun and coroctl need beyond the common flags, and the manual that is made from conf.def.

corun_libs   :=
coroctl_libs := -ljansson

# corun looks beside itself first; this is where it looks last.
$(OBJ)/tools/corun/preload.o: CFLAGS += -DLIBDIR='"$(PREFIX)/lib"'
