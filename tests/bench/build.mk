# The benchmark programs and their driver. The top Makefile includes this file and gives `all`.

BENCH_DIR := tests/bench
BENCH_OUT := build/tests/bench
BENCH_CFLAGS := -std=gnu11 -O2 -g -Wall -Wextra -pthread
BENCH_NAMES := yield handoff create lock many pingpong sleepers startup trivial talk spawn timers \
	echo_threads echo_epoll echo_epoll_full echo_client
BENCH_BINS := $(BENCH_NAMES:%=$(BENCH_OUT)/%)

# Other coroutine systems to stand beside, where the machine has them; nothing depends on them.
BENCH_ST_FLAGS ?=
BENCH_GO ?= go
BENCH_PEERS := $(if $(wildcard /usr/include/st.h)$(BENCH_ST_FLAGS),$(BENCH_OUT)/st_peer) \
	$(if $(shell command -v $(BENCH_GO) 2>/dev/null),$(BENCH_OUT)/go_peer) \
	$(if $(wildcard /usr/lib/*/libboost_fiber.so),$(BENCH_OUT)/fiber_peer)

# Options of the driver, such as: make bench BENCH_ARGS='--quick --only yield'
BENCH_ARGS ?=

.PHONY: bench bench-programs
bench: all bench-programs
	$(BENCH_DIR)/run $(BENCH_ARGS)

bench-programs: $(BENCH_BINS) $(BENCH_PEERS)

# Kept, so that the next make has less to do.
.SECONDARY: $(BENCH_NAMES:%=$(BENCH_OUT)/%.o) $(BENCH_OUT)/bench.o $(BENCH_OUT)/echo.o $(BENCH_OUT)/meet.o

$(BENCH_OUT)/%.o: $(BENCH_DIR)/programs/%.c $(wildcard $(BENCH_DIR)/programs/*.h)
	@mkdir -p $(@D)
	$(CC) $(BENCH_CFLAGS) -c -o $@ $<

# These use coro.h where the library is preloaded.
$(BENCH_OUT)/meet.o $(BENCH_OUT)/talk.o $(BENCH_OUT)/spawn.o: BENCH_CFLAGS += -I$(B)/include -DCORO_WEAK
$(BENCH_OUT)/meet.o $(BENCH_OUT)/talk.o $(BENCH_OUT)/spawn.o: $(B)/include/coro/weak.h

$(BENCH_OUT)/talk: $(BENCH_OUT)/talk.o $(BENCH_OUT)/meet.o $(BENCH_OUT)/bench.o
	$(CC) -pthread -o $@ $^

$(BENCH_OUT)/trivial: $(BENCH_OUT)/trivial.o
	$(CC) -o $@ $^

$(BENCH_OUT)/echo_%: $(BENCH_OUT)/echo_%.o $(BENCH_OUT)/echo.o $(BENCH_OUT)/bench.o
	$(CC) -pthread -o $@ $^

$(BENCH_OUT)/st_peer: $(BENCH_DIR)/peers/st_peer.c $(BENCH_OUT)/echo.o $(BENCH_OUT)/bench.o
	$(CC) $(BENCH_CFLAGS) -o $@ $^ $(BENCH_ST_FLAGS) -lst

$(BENCH_OUT)/fiber_peer: $(BENCH_DIR)/peers/fiber_peer.cpp $(BENCH_OUT)/bench.o
	$(CXX) -std=c++17 -O2 -g -Wall -Wextra -pthread -o $@ $^ -lboost_fiber -lboost_context

$(BENCH_OUT)/go_peer: $(BENCH_DIR)/peers/go_peer.go
	@mkdir -p $(@D)
	GOCACHE=$(abspath $(BENCH_OUT))/go-cache GO111MODULE=off $(BENCH_GO) build -o $@ $<

$(BENCH_OUT)/%: $(BENCH_OUT)/%.o $(BENCH_OUT)/bench.o
	$(CC) -pthread -o $@ $^
