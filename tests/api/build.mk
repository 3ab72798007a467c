# Tests of coro.h: programs that use the library as any program would.
#
#   make check-api            API='test_api_sched' runs those alone
#   make check-api-sanitize   the same with AddressSanitizer and UndefinedBehaviourSanitizer
#
# Each test_api_NAME.c is built twice: linked with -lcoroshim, and with CORO_WEAK, for LD_PRELOAD or for
# nothing at all. `run` has the ways in which they are run.

api_src := tests/api
api_out := $(B)/tests/api
API     ?= $(basename $(notdir $(wildcard $(api_src)/test_api_*.c $(api_src)/test_api_*.cpp)))

api_flags := -std=gnu11 $(WARNINGS) -I. -I$(B)/include -Itests/unit -D_GNU_SOURCE -pthread -MMD -MP $(CFLAGS)
api_libs  := -lcheck -lsubunit -lm -lrt -pthread

.PHONY: api check-api check-api-sanitize
api: all $(API:%=$(api_out)/%) $(API:%=$(api_out)/%.weak) $(api_extra)

check-api: api
	@$(api_src)/run $(B) $(API:%=$(api_out)/%)
	@$(if $(API_WAYS),true,CC="$(CC)" CXX="$(CXX)" $(api_src)/run-plain $(B))

$(api_out)/test_api_%.weak: $(api_src)/test_api_%.c tests/unit/suite.c $(B)/include/coro/weak.h
	@mkdir -p $(@D)
	$(CC) $(api_flags) -DCORO_WEAK -o $@ $< tests/unit/suite.c $(LDFLAGS) $(api_libs)

$(api_out)/test_api_%: $(api_src)/test_api_%.c tests/unit/suite.c $(B)/include/coro/weak.h $(B)/libcoroshim.so
	@mkdir -p $(@D)
	$(CC) $(api_flags) -o $@ $< tests/unit/suite.c $(LDFLAGS) -L$(B) -lcoroshim \
		-Wl,-rpath,'$$ORIGIN/../..' $(api_libs)

# In C++.
api_cxx := -std=c++17 $(filter-out -std=%,$(api_flags))

$(api_out)/suite.o: tests/unit/suite.c
	@mkdir -p $(@D)
	$(CC) $(api_flags) -c -o $@ $<

$(api_out)/test_api_%.weak: $(api_src)/test_api_%.cpp $(api_out)/suite.o $(B)/include/coro/weak.h
	$(CXX) $(api_cxx) -DCORO_WEAK -o $@ $< $(api_out)/suite.o $(LDFLAGS) $(api_libs)

$(api_out)/test_api_%: $(api_src)/test_api_%.cpp $(api_out)/suite.o $(B)/include/coro/weak.h $(B)/libcoroshim.so
	$(CXX) $(api_cxx) -o $@ $< $(api_out)/suite.o $(LDFLAGS) -L$(B) -lcoroshim \
		-Wl,-rpath,'$$ORIGIN/../..' $(api_libs)

# A build of its own, run without preloading. Stacks are not instrumented: cancelled threads and coroutines
# leave theirs without the compiler's knowledge, and what they left would be reported as an error. For gcc.
check-api-sanitize:
	ASAN_OPTIONS=detect_stack_use_after_return=0:detect_leaks=0 API_WAYS='linked native' $(MAKE) \
		B=$(B)/sanitize-api CFLAGS='$(sanitize_flags) --param asan-stack=0' LDFLAGS='-fsanitize=address,undefined' check-api

-include $(wildcard $(api_out)/*.d)
