/* What the unit tests of the runtime share: a runtime on the test's own main thread, and coroutines
 * that run test functions.
 *
 * Check forks for each test, so every test has a fresh runtime and may leave it as it likes. All
 * coroutines keep the main thread's TLS: libc and Check work in them, one at a time. */
#ifndef TEST_HARNESS_H
#define TEST_HARNESS_H

#include "runtime/poll/poll.h"
#include "runtime/poll/script.h"
#include "runtime/sched.h"
#include "tests/unit/suite.h"

#define HARNESS_STACK_BYTES (256 * 1024UL)

/* 0: poll_script, 1: poll_epoll. */
const struct poll_backend *harness_backend(int index);

/* What the shim's constructor does, and runtime_start: the caller is now the main coroutine, in the
 * runtime. */
void harness_start(const struct poll_backend *backend);

/* A coroutine that will run fn(argument) on a stack from the arena, and free itself. */
struct co *harness_spawn(void (*fn)(void *), void *argument);

/* Parks the main coroutine until all spawned ones have ended. */
void harness_join(void);

/* Spawned coroutines that have not ended. */
unsigned harness_live(void);

uint64_t harness_now_ns(void);

#endif
