/* The constructor: what every process that we are loaded into pays, threads or not. It reads the
 * configuration, finds libc's own functions and the offset of a tid, and arms the gate: from then
 * on the first CLONE_THREAD, from whatever door it comes, brings the runtime up. */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "interpose/activation.h"
#include "interpose/cancel.h"
#include "interpose/doors_pthread.h"
#include "shim/activate.h"
#include "shim/api/mailbox.h"
#include "shim/api/meeting.h"
#include "shim/conf.h"
#include "shim/control.h"
#include "shim/gate/gate.h"
#include "shim/log.h"

#define TID_OFFSET_USUAL 0x2d0 /* glibc 2.28 to 2.39 */
#define TID_OFFSET_LIMIT 0x800

extern char **environ;

void doors_resolve(void);

/* struct pthread is opaque; the word in it that holds our tid is found by its value. The word
 * after it (the once-cached pid) and before it are not equal to it. */
static uint32_t find_tid_offset(void)
{
    int tid = gettid();
    const char *self;
    __asm__("movq %%fs:16, %0" : "=r"(self));
    if (*(const int *)(self + TID_OFFSET_USUAL) == tid)
        return TID_OFFSET_USUAL;
    for (uint32_t at = 64; at < TID_OFFSET_LIMIT; at += sizeof(int)) {
        if (*(const int *)(self + at) == tid)
            return at;
    }
    return 0;
}

#define PTHREAD_WORDS (TID_OFFSET_LIMIT / sizeof(uint32_t))

/* The word that holds the state of cancellation: the one that changes with its type, by the bit
 * that we know, and with whether it is enabled. Nothing else runs yet. */
static uint32_t find_cancel_word(void)
{
    const volatile uint32_t *self;
    uint32_t before[PTHREAD_WORDS];
    __asm__("movq %%fs:16, %0" : "=r"(self));
    for (size_t i = 0; i < PTHREAD_WORDS; i++)
        before[i] = self[i];
    int old_type, old_state;
    uint32_t found = 0, both = CANCEL_ASYNCHRONOUS | CANCEL_DISABLED;
    pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, &old_type);
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &old_state);
    for (size_t i = 1; i < PTHREAD_WORDS && !found; i++) {
        if (!(before[i] & both) && self[i] == (before[i] | both))
            found = (uint32_t)(i * sizeof(uint32_t));
    }
    pthread_setcancelstate(old_state, NULL);
    pthread_setcanceltype(old_type, NULL);
    return found;
}

/* CORO_FOLLOW=off: what the program executes does not inherit us. */
static void drop_preload(void)
{
    const char *value = getenv("LD_PRELOAD");
    char *kept = value ? calloc(1, strlen(value) + 1) : NULL;
    if (!kept)
        return;
    for (const char *at = value; *at;) {
        size_t separators = strspn(at, ": "), length = strcspn(at + separators, ": ");
        const char *item = at + separators;
        const char *name = memrchr(item, '/', length);
        name = name ? name + 1 : item;
        if (length && strncmp(name, "libcoroshim.so", sizeof("libcoroshim.so") - 1) != 0) {
            if (*kept)
                strcat(kept, ":");
            strncat(kept, item, length);
        }
        at = item + length;
    }
    if (*kept)
        setenv("LD_PRELOAD", kept, 1);
    else
        unsetenv("LD_PRELOAD");
    free(kept);
}

/* AddressSanitizer asks for a program's defaults by this name, before any constructor runs. It would
 * end the program because an object comes before its own in the list; ours does not mind. */
__attribute__((visibility("default"))) const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "verify_asan_link_order=0";
}

/* ThreadSanitizer keeps a model of the kernel's threads, and must see every lock itself. */
extern void __tsan_init(void) __attribute__((weak));

/* Valgrind keeps its own account of kernel threads, stacks and code, to which ours are unknown: programs lost
 * their output in it. Elsewhere these instructions, by which programs ask whether it runs them (valgrind.h),
 * do nothing: the rotations add up to 128 bits. */
static bool is_in_valgrind(void)
{
    const uint64_t running_on_valgrind[6] = { 0x1001 };
    uint64_t answer = 0;
    __asm__ volatile("rolq $3, %%rdi\n\t"
                     "rolq $13, %%rdi\n\t"
                     "rolq $61, %%rdi\n\t"
                     "rolq $51, %%rdi\n\t"
                     "xchgq %%rbx, %%rbx"
                     : "+d"(answer)
                     : "a"(running_on_valgrind)
                     : "cc", "memory");
    return answer;
}

static const char *reason_to_refuse(void)
{
    if (getauxval(AT_SECURE))
        return "it runs with privileges of its file (AT_SECURE)";
    if (!conf.on)
        return "CORO=off";
    if (__tsan_init)
        return "it is built with ThreadSanitizer";
    if (is_in_valgrind())
        return "it runs in Valgrind";
    return NULL;
}

static void forget_others(void)
{
    meeting_after_fork();
    mailbox_after_fork();
}

static void after_fork(void)
{
    control_after_fork();
    forget_others();
}

__attribute__((constructor)) static void load(void)
{
    static const struct op_hooks hooks = {
        .activate = activate,
        .leave_process = control_remove,
        .in_child = after_fork,
        .thread_ended = mailbox_thread_ended,
        .cancelled = meeting_cancel,
    };
    conf_load(environ);
    control_read_environment(environ);
    activate_refused = reason_to_refuse();
    filtered_at_load = prctl(PR_GET_SECCOMP) > 0;
    activation_prepare(getauxval(AT_HWCAP2), getauxval(AT_SYSINFO_EHDR));
    doors_nptl.tid_offset = find_tid_offset();
    if (doors_nptl.tid_offset && !conf.lock_sites)
        activation_allow_fast_locks();
    cancel_word_offset = find_cancel_word();
    doors_resolve();
    activation_set_hooks(&hooks, control_owns_fd);
    pthread_atfork(NULL, NULL, forget_others);
    if (!conf.follow)
        drop_preload();
    int sites = gate_arm();
    if (sites < 0) {
        activation_set_native();
        log_line(LOG_WARN, "running natively: libc's code cannot be rewritten (error %d)", -sites);
    }
}
