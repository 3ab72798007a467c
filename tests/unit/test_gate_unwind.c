/* Unwinding from inside gate_dispatch: every unwinder steps from the gate to the function that
 * holds the site, and on to its callers; forced unwinding (cancellation) runs their cleanup. */
#include <check.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <unwind.h>

#include "tests/unit/test_gate_pass.h"

#define FRAMES_MAX 64

static volatile uintptr_t frames[FRAMES_MAX];
static volatile size_t frame_count;

static void open_gate(void)
{
    ck_assert_int_eq(gate_arm(), 2);
    ck_assert_int_eq(gate_open(false), 0);
}

/* libgcc's unwinder must be loaded and warm before the hook runs inside a call. */
static _Unwind_Reason_Code collect(struct _Unwind_Context *context, void *argument)
{
    (void)argument;
    if (frame_count < FRAMES_MAX)
        frames[frame_count++] = _Unwind_GetIP(context);
    return _URC_NO_REASON;
}

static void unwind_by_libgcc(struct gate_frame *frame)
{
    if (frame->rax != __NR_getppid || frame_count > 0)
        return;
    _Unwind_Backtrace(collect, NULL);
}

/* libunwind's local interface, by name: its header isn't needed to build us. */
static int (*local_context)(void *), (*local_init)(void *, void *), (*local_step)(void *);
static int (*local_register)(void *, int, unsigned long *);

static void unwind_by_libunwind(struct gate_frame *frame)
{
    unsigned long context[256], cursor[256], ip;
    if (frame->rax != __NR_getppid || frame_count > 0)
        return;
    frame_count = 0;
    if (local_context(context) || local_init(cursor, context))
        return;
    do {
        if (local_register(cursor, 16, &ip) || frame_count == FRAMES_MAX)
            return;
        frames[frame_count++] = ip;
    } while (local_step(cursor) > 0);
}

static bool find_libunwind(void)
{
    void *library = dlopen("libunwind.so.8", RTLD_NOW | RTLD_LOCAL);
    if (!library)
        return false;
    *(void **)&local_context = dlsym(library, "_Ux86_64_getcontext");
    *(void **)&local_init = dlsym(library, "_ULx86_64_init_local");
    *(void **)&local_step = dlsym(library, "_ULx86_64_step");
    *(void **)&local_register = dlsym(library, "_ULx86_64_get_reg");
    return local_context && local_init && local_step && local_register;
}

static bool within(uintptr_t pc, const void *function, size_t bytes)
{
    return pc - (uintptr_t)function < bytes;
}

/* The frames are: ..., gate_dispatch, gate_enter, the libc function, call_getppid. */
NOINLINE static long call_getppid(void)
{
    long result = getppid();
    __asm__ volatile("" : "+r"(result));
    return result;
}

static void check_frames(void)
{
    size_t entry = 0;
    while (entry < frame_count && !within(frames[entry], (void *)gate_enter, 256))
        entry++;
    ck_assert_msg(entry + 2 < frame_count, "%zu frames, none of gate_enter", frame_count);
    Dl_info info;
    ck_assert(dladdr((void *)frames[entry + 1], &info));
    ck_assert_str_eq(info.dli_sname, "getppid");
    ck_assert(within(frames[entry + 2], (void *)call_getppid, 64));
    ck_assert_msg(entry + 4 < frame_count, "the stack ends at %zu", frame_count);
}

START_TEST(libgcc_sees_the_site_and_its_callers)
{
    _Unwind_Backtrace(collect, NULL);
    frame_count = 0;
    gate_hook = unwind_by_libgcc;
    ck_assert_int_eq(call_getppid(), sys0(__NR_getppid));
    gate_hook = NULL;
    check_frames();
}
END_TEST

START_TEST(libunwind_sees_the_site_and_its_callers)
{
    if (!find_libunwind())
        return;
    gate_hook = unwind_by_libunwind;
    ck_assert_int_eq(call_getppid(), sys0(__NR_getppid));
    gate_hook = NULL;
    check_frames();
}
END_TEST

static volatile int cleanups;

static void count_cleanup(int *unused)
{
    (void)unused;
    cleanups++;
}

/* Built with -fexceptions, the first cleanup is run by the unwinder when it comes through the gate
 * (callee-saved registers and all); without, only the second runs, by glibc's own list. */
#ifdef __EXCEPTIONS
#define CLEANUPS 2
#else
#define CLEANUPS 1
#endif

static void *blocked_reader(void *argument)
{
    int *pipe_ends = argument;
    char byte;
    __attribute__((cleanup(count_cleanup))) int guard = 0;
    (void)guard;
    pthread_cleanup_push((void (*)(void *))count_cleanup, NULL);
    ssize_t got = read(pipe_ends[0], &byte, 1);
    cleanups += 100 + (int)got;
    pthread_cleanup_pop(0);
    return NULL;
}

START_TEST(cancellation_unwinds_through_the_gate)
{
    int ends[2];
    pthread_t thread;
    void *result;
    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_eq(pthread_create(&thread, NULL, blocked_reader, ends), 0);
    usleep(50000);
    ck_assert_int_eq(pthread_cancel(thread), 0);
    ck_assert_int_eq(pthread_join(thread, &result), 0);
    ck_assert_ptr_eq(result, PTHREAD_CANCELED);
    ck_assert_int_eq(cleanups, CLEANUPS);
}
END_TEST

/* A new stack continues on a copy of its creator's frame, as a new coroutine does. */
static long left_word;
static uint64_t other_stack[4096];

static void leave_copy(struct gate_frame *frame)
{
    if (frame->rax != __NR_getppid)
        return;
    char *top = (char *)(other_stack + 4096) - 256;
    uint64_t *words = (uint64_t *)top;
    words[0] = ((uint64_t *)((char *)(frame + 1) + GATE_RED_ZONE))[0]; /* getppid's caller */
    struct gate_frame *copy = (struct gate_frame *)(top - GATE_RED_ZONE) - 1;
    *copy = *frame;
    copy->rax = 4711;
    gate_hook = NULL;
    gate_leave(copy);
}

START_TEST(gate_leave_continues_behind_the_site_on_another_stack)
{
    gate_hook = leave_copy;
    /* The call returns on the other stack; its result says so, then the old stack comes back. */
    __asm__ volatile("mov %%rsp, %%r12; sub $128, %%rsp; and $-16, %%rsp; call getppid@plt;"
                     "mov %%r12, %%rsp"
                     : "=a"(left_word)
                     :
                     : "r12", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "memory", "cc");
    ck_assert_int_eq(left_word, 4711);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gate_unwind");
    TCase *opened = tcase_create("opened");
    tcase_set_timeout(opened, 60);
    tcase_add_checked_fixture(opened, open_gate, NULL);
    tcase_add_test(opened, libgcc_sees_the_site_and_its_callers);
    tcase_add_test(opened, libunwind_sees_the_site_and_its_callers);
    tcase_add_test(opened, cancellation_unwinds_through_the_gate);
    tcase_add_test(opened, gate_leave_continues_behind_the_site_on_another_stack);
    suite_add_tcase(suite, opened);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
