# make lint: the gates of tests/lint/run. GATES names some: make lint GATES='below needed'
#
# The gate `rows` wants to know which rows of interpose/table.def the threaded programs enter, and by
# which door. The library for that differs from the other in what tells so; a program that has not been
# built anew since is not run again.

GATES ?=

rows_out := $(B)/tests/rows
rows_src := interpose/dispatch.c $(wildcard interpose/doors*.c) tests/lint/seen.c
rows_obj := $(rows_src:%.c=$(rows_out)/%.o)

.PHONY: rows
lint: all $(if $(filter rows,$(or $(GATES),rows)),rows)
	@BELOW='$(below_obj)' ABOVE='$(above_obj)' LIBRARY=$(B)/libcoroshim.so ROWS=$(rows_out) \
		GEN_CALLS=$(OBJ)/tools/gen-calls-man tests/lint/run $(GATES)

rows: $(rows_out)/libcoroshim.so programs
	@tests/programs/run --shim $< --seen $(rows_out) --timeout 120 $(programs_out) | sed -E '/^ok|^[0-9]+ passed, 0 failed/d'

$(rows_out)/interpose/dispatch.o: flags := $(below_flags)
$(filter $(rows_out)/interpose/doors%,$(rows_obj)): flags := $(above_flags) -finstrument-functions
$(rows_out)/tests/lint/seen.o: flags := $(above_flags)

$(rows_out)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(flags) -DCORO_SEEN -c -o $@ $<

$(rows_out)/libcoroshim.so: $(filter-out $(call objects,$(rows_src)),$(below_obj) $(above_obj)) $(rows_obj) \
		$(B)/coroshim.map
	$(CC) -shared -o $@ $(filter %.o,$^) -Wl,-soname,libcoroshim.so -Wl,-z,now -Wl,-z,defs \
		-Wl,--as-needed -Wl,--version-script=$(B)/coroshim.map $(LDFLAGS)

-include $(rows_obj:%.o=%.d)
