/* See harness.h. */
#include "tests/unit/harness.h"

#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/resource.h>
#include <unistd.h>

#include "runtime/stack.h"

struct spawned {
    void (*fn)(void *);
    void *argument;
};

static struct {
    unsigned live;
    bool joining;
} harness;

const struct poll_backend *harness_backend(int index)
{
    return index ? &poll_epoll : &poll_script;
}

void harness_start(const struct poll_backend *backend)
{
    cpu_init(&runtime.cpu, getauxval(AT_HWCAP2));
    clock_init(&runtime.clock, getauxval(AT_SYSINFO_EHDR));
    runtime.selfishness = 4;
    poll_set = backend;
    if (backend == &poll_script) /* private descriptors, too, are below SCRIPT_FDS */
        setrlimit(RLIMIT_NOFILE, &(struct rlimit){ SCRIPT_FDS, SCRIPT_FDS });
    ck_assert_int_eq(runtime_start((int)getpid()), 0);
}

static void leave(struct co *co)
{
    stack_unmap(co->stack_base, co->stack_bytes);
    co_free(co);
    harness.live--;
    if (!harness.live && harness.joining)
        sched_wake(runtime.main, 0);
}

static void begin(void *argument)
{
    struct spawned spawned = *(struct spawned *)argument;
    free(argument);
    spawned.fn(spawned.argument);
    sched_exit(leave);
}

struct co *harness_spawn(void (*fn)(void *), void *argument)
{
    struct co *co = co_create();
    struct spawned *spawned = malloc(sizeof(*spawned));
    long stack = stack_map(HARNESS_STACK_BYTES);
    ck_assert_ptr_nonnull(co);
    ck_assert(!sys_is_error(stack));
    /* Whoever had this stack before never returned from its last frames. */
    clean_stack((void *)stack, HARNESS_STACK_BYTES);
    *spawned = (struct spawned){ fn, argument };
    co->stack_base = (uintptr_t)stack;
    co->stack_bytes = HARNESS_STACK_BYTES;
    co->sp = context_prepare((char *)stack + HARNESS_STACK_BYTES, begin, spawned);
    harness.live++;
    sched_start(co);
    return co;
}

void harness_join(void)
{
    while (harness.live) {
        harness.joining = true;
        sched_park(DEADLINE_NEVER);
        harness.joining = false;
    }
}

unsigned harness_live(void)
{
    return harness.live;
}

uint64_t harness_now_ns(void)
{
    return clock_now(&runtime.clock);
}
