# make lint: the gates of tests/lint/run. GATES names some: make lint GATES='below needed'

GATES ?=

lint: all
	@BELOW='$(below_obj)' ABOVE='$(above_obj)' LIBRARY=$(B)/libcoroshim.so \
		GEN_CALLS=$(OBJ)/tools/gen-calls-man tests/lint/run $(GATES)
