/* What the kernel keeps per thread, by system call: ids, lists, names, scheduling, and the end. */
#include "gates.h"

#include <asm/prctl.h>
#include <linux/futex.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/rseq.h>
#include <sys/wait.h>

#define NO_TID 0x3ffffffe

static uint32_t word;
static int other_tid;

static void *exits(void *arg)
{
    CHECK_EQ(syscall(SYS_set_tid_address, &word), syscall(SYS_gettid));
    __atomic_store_n(&word, 1, __ATOMIC_SEQ_CST);
    syscall(SYS_futex, &word, FUTEX_WAKE, 1);
    sleep_ms(3);
    syscall(SYS_exit, 0);
    return arg;
}

static void wait_while(uint32_t value)
{
    while (__atomic_load_n(&word, __ATOMIC_SEQ_CST) == value)
        syscall(SYS_futex, &word, FUTEX_WAIT, value, NULL);
}

/* The kernel clears the word and wakes one waiter when the thread is gone. */
static void tid_addresses(void)
{
    CHECK_EQ(pthread_detach(start(exits, NULL)), 0);
    wait_while(0);
    wait_while(1);
    CHECK_EQ(word, 0);
}

static void *exits_soon(void *arg)
{
    syscall(SYS_exit, 0);
    return arg;
}

static void exit_joined(void)
{
    CHECK(join(start(exits_soon, &word)) == NULL);
}

static void *reaps_nobody(void *arg)
{
    syscall(SYS_exit_group, 21);
    return arg;
}

static int status_of(pid_t child)
{
    int status;
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void exit_groups(void)
{
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        join(start(reaps_nobody, NULL));
        _exit(1);
    }
    CHECK_EQ(status_of(child), 21);
}

/* As fork: with threads before and, in the child, a thread after. */
static void clones(void)
{
    struct clone_args args = { .exit_signal = SIGCHLD };
    pid_t child = (pid_t)syscall(SYS_clone, (long)SIGCHLD, NULL, NULL, NULL, 0L);
    if (child == 0)
        _exit(22);
    CHECK_EQ(status_of(child), 22);
    child = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
    if (child == 0)
        _exit(23);
    CHECK_EQ(status_of(child), 23);
    FAILS(EINVAL, SYS_clone, (long)CLONE_THREAD, NULL, NULL, NULL, 0L);
    FAILS(EINVAL, SYS_clone3, &args, 8L);
    FAILS(EFAULT, SYS_clone3, NOWHERE, sizeof(args));
}

static void *waits_here(void *arg)
{
    other_tid = (int)syscall(SYS_gettid);
    pthread_barrier_wait(arg);
    pthread_barrier_wait(arg);
    return NULL;
}

static void robust_lists(void)
{
    void *head = NULL, *own = NULL;
    size_t size = 0;
    pthread_barrier_t barrier;
    pthread_barrier_init(&barrier, NULL, 2);
    pthread_t other = start(waits_here, &barrier);
    pthread_barrier_wait(&barrier);
    CHECK_EQ(syscall(SYS_get_robust_list, 0, &own, &size), 0);
    CHECK(own && size == sizeof(struct robust_list_head));
    CHECK_EQ(syscall(SYS_get_robust_list, other_tid, &head, &size), 0);
    CHECK(head && head != own);
    CHECK_EQ(syscall(SYS_get_robust_list, (int)syscall(SYS_gettid), &head, &size), 0);
    CHECK(head == own);
    CHECK_EQ(syscall(SYS_set_robust_list, NULL, size), 0);
    CHECK_EQ(syscall(SYS_get_robust_list, 0, &head, &size), 0);
    CHECK(!head);
    CHECK_EQ(syscall(SYS_set_robust_list, own, size), 0);
    FAILS(EINVAL, SYS_set_robust_list, own, size - 1);
    FAILS(ESRCH, SYS_get_robust_list, NO_TID, &head, &size);
    FAILS(EFAULT, SYS_get_robust_list, 0, NOWHERE, &size);
    FAILS(EFAULT, SYS_get_robust_list, 0, &head, NOWHERE);
    pthread_barrier_wait(&barrier);
    join(other);
    pthread_barrier_destroy(&barrier);
}

/* libc's own area, taken away and given back. */
static void sequences(void)
{
    char *area = (char *)__builtin_thread_pointer() + __rseq_offset;
    if (!__rseq_size)
        return;
    CHECK_EQ(syscall(SYS_rseq, area, 32U, RSEQ_FLAG_UNREGISTER, RSEQ_SIG), 0);
    CHECK_EQ(syscall(SYS_rseq, area, 32U, 0, RSEQ_SIG), 0);
    CHECK(sched_getcpu() >= 0);
}

static void affinities(void)
{
    uint64_t all[128] = { 0 }, got[128] = { 0 }, none[128] = { 0 };
    long bytes = syscall(SYS_sched_getaffinity, 0, sizeof(all), all);
    CHECK(bytes >= 8 && bytes % 8 == 0);
    CHECK_EQ(syscall(SYS_sched_setaffinity, 0, bytes, all), 0);
    CHECK_EQ(syscall(SYS_sched_getaffinity, (int)syscall(SYS_gettid), sizeof(got), got), bytes);
    CHECK(memcmp(all, got, (size_t)bytes) == 0);
    FAILS(EINVAL, SYS_sched_setaffinity, 0, bytes, none);
    FAILS(EFAULT, SYS_sched_setaffinity, 0, bytes, NOWHERE);
    FAILS(ESRCH, SYS_sched_setaffinity, NO_TID, bytes, all);
    FAILS(EINVAL, SYS_sched_getaffinity, 0, 7L, got);
    FAILS(EFAULT, SYS_sched_getaffinity, 0, sizeof(got), NOWHERE);
    FAILS(ESRCH, SYS_sched_getaffinity, NO_TID, sizeof(got), got);
}

static void policies(void)
{
    struct sched_param param = { .sched_priority = 9 }, five = { .sched_priority = 5 };
    int tid = (int)syscall(SYS_gettid);
    CHECK_EQ(syscall(SYS_sched_getscheduler, tid), SCHED_OTHER);
    CHECK_EQ(syscall(SYS_sched_getparam, tid, &param), 0);
    CHECK_EQ(param.sched_priority, 0);
    CHECK_EQ(syscall(SYS_sched_setscheduler, tid, SCHED_OTHER, &param), 0);
    CHECK_EQ(syscall(SYS_sched_setparam, tid, &param), 0);
    FAILS(EINVAL, SYS_sched_setscheduler, tid, SCHED_OTHER, &five);
    FAILS(EINVAL, SYS_sched_setscheduler, tid, 99, &param);
    FAILS(EINVAL, SYS_sched_setparam, tid, &five);
    FAILS(EFAULT, SYS_sched_setparam, tid, NOWHERE);
    FAILS(EFAULT, SYS_sched_getparam, tid, NOWHERE);
    FAILS(EINVAL, SYS_sched_getscheduler, -1);
    FAILS(ESRCH, SYS_sched_getscheduler, NO_TID);
    FAILS(ESRCH, SYS_sched_getparam, NO_TID, &param);
    FAILS(ESRCH, SYS_sched_setparam, NO_TID, &param);
    FAILS(ESRCH, SYS_sched_setscheduler, NO_TID, SCHED_OTHER, &param);
}

static void priorities(void)
{
    int tid = (int)syscall(SYS_gettid);
    long own = syscall(SYS_getpriority, PRIO_PROCESS, 0);
    CHECK(own >= 1 && own <= 40);
    CHECK_EQ(syscall(SYS_getpriority, PRIO_PROCESS, tid), own);
    CHECK_EQ(syscall(SYS_setpriority, PRIO_PROCESS, tid, 20 - (int)own), 0);
    CHECK_EQ(syscall(SYS_setpriority, PRIO_PROCESS, 0, 20 - (int)own), 0);
    FAILS(EINVAL, SYS_getpriority, 9, 0);
    FAILS(EINVAL, SYS_setpriority, 9, 0, 0);
    FAILS(ESRCH, SYS_getpriority, PRIO_PROCESS, NO_TID);
    FAILS(ESRCH, SYS_setpriority, PRIO_PROCESS, NO_TID, 0);
}

static void names(void)
{
    char name[16] = "";
    CHECK_EQ(syscall(SYS_prctl, PR_SET_NAME, "a-name-that-is-too-long", 0L, 0L, 0L), 0);
    CHECK_EQ(syscall(SYS_prctl, PR_GET_NAME, name, 0L, 0L, 0L), 0);
    CHECK(strcmp(name, "a-name-that-is-") == 0);
    FAILS(EFAULT, SYS_prctl, PR_SET_NAME, NOWHERE, 0L, 0L, 0L);
    FAILS(EFAULT, SYS_prctl, PR_GET_NAME, NOWHERE, 0L, 0L, 0L);
    FAILS(EINVAL, SYS_prctl, 9999, 0L, 0L, 0L, 0L);
}

static __thread int own_word;

static void registers(void)
{
    unsigned long base = 0, gs = 1;
    own_word = 5;
    CHECK_EQ(syscall(SYS_arch_prctl, ARCH_GET_FS, &base), 0);
    CHECK_EQ(base, (unsigned long)__builtin_thread_pointer());
    CHECK_EQ(syscall(SYS_arch_prctl, ARCH_SET_FS, base), 0);
    CHECK_EQ(own_word, 5);
    CHECK_EQ(syscall(SYS_sched_yield), 0);
    CHECK_EQ(own_word, 5);
    CHECK_EQ(syscall(SYS_arch_prctl, ARCH_GET_GS, &gs), 0);
    CHECK_EQ(gs, 0);
    FAILS(EINVAL, SYS_arch_prctl, 1, 0L);
    FAILS(EFAULT, SYS_arch_prctl, ARCH_GET_FS, NOWHERE);
    FAILS(EFAULT, SYS_arch_prctl, ARCH_GET_GS, NOWHERE);
    FAILS(EPERM, SYS_arch_prctl, ARCH_SET_FS, -1L);
}

int main(void)
{
    const struct gate_test tests[] = {
        { "set_tid_address, exit", tid_addresses },
        { "exit of a joined thread", exit_joined },
        { "exit_group", exit_groups },
        { "clone, clone3", clones },
        { "get_robust_list, set_robust_list", robust_lists },
        { "rseq", sequences },
        { "sched_getaffinity, sched_setaffinity", affinities },
        { "scheduling policies and parameters", policies },
        { "getpriority, setpriority", priorities },
        { "prctl", names },
        { "arch_prctl, sched_yield", registers },
    };
    run_gates(tests, COUNT(tests));
    return 0;
}
