/* The gate as a whole: libc's calls pass through it with the results and errno that they have
 * without it; processes and threads are made through it; objects that come later are rewritten.
 *
 * Each test runs in a process of its own (Check forks), which arms and opens the gate for itself.
 */
#include <check.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shim/gate/internal.h"
#include "tests/unit/test_gate_pass.h"

extern char **environ;

static void open_gate(void)
{
    ck_assert_int_eq(gate_arm(), 2);
    ck_assert_int_eq(gate_open(false), 0);
    memset((void *)gate_calls, 0, sizeof(gate_calls));
}

static bool find_stats(const char *part, struct gate_object_stats *found)
{
    static struct gate_object_stats stats[256];
    size_t count = gate_stats(stats, 0, 256);
    for (size_t i = 0; i < count && i < 256; i++)
        if (strstr(stats[i].name, part)) {
            *found = stats[i];
            return true;
        }
    return false;
}

START_TEST(nearly_all_sites_of_libc_are_rewritten)
{
    struct gate_object_stats libc, ldso;
    ck_assert(find_stats("libc.so.6", &libc));
    ck_assert(find_stats("ld-linux", &ldso));
    ck_assert_uint_ge(libc.rewritten, 400);
    ck_assert_uint_le(libc.raw * 20, libc.rewritten);
    ck_assert_uint_ge(ldso.rewritten, 20);
}
END_TEST

START_TEST(syscall_function_passes_with_its_result)
{
    ck_assert_int_eq(syscall(SYS_getpid), sys0(__NR_getpid));
    ck_assert_uint_eq(gate_calls[__NR_getpid], 1);
    ck_assert(gate_site_in_libc(gate_last_site));
    ck_assert(!gate_site_in_ldso(gate_last_site));
    ck_assert(!gate_site_in_libc((uintptr_t)open_gate));
}
END_TEST

START_TEST(file_calls_pass_with_result_and_errno)
{
    char text[8] = "";
    int fd = open("/proc/self/comm", O_RDONLY);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_gt(read(fd, text, sizeof(text)), 0);
    ck_assert_int_eq(close(fd), 0);
    errno = 0;
    ck_assert_int_eq(read(fd, text, 1), -1);
    ck_assert_int_eq(errno, EBADF);
    ck_assert_int_eq(open("/nonexistent/file", O_RDONLY), -1);
    ck_assert_int_eq(errno, ENOENT);
    ck_assert_uint_eq(gate_calls[__NR_openat], 2);
    ck_assert_uint_eq(gate_calls[__NR_read], 2);
    ck_assert_uint_eq(gate_calls[__NR_close], 1);
}
END_TEST

START_TEST(six_arguments_arrive)
{
    char *memory = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(memory, MAP_FAILED);
    memory[8191] = 1;
    ck_assert_int_eq(munmap(memory, 8192), 0);
    ck_assert_uint_eq(gate_calls[__NR_mmap], 1);
    ck_assert_uint_eq(gate_calls[__NR_munmap], 1);
}
END_TEST

static void handler(int signal)
{
    (void)signal;
}

START_TEST(signal_handlers_return_as_ever)
{
    struct sigaction action = { .sa_handler = handler };
    ck_assert_int_eq(sigaction(SIGUSR1, &action, NULL), 0);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(raise(SIGUSR1), 0);
    ck_assert_uint_eq(gate_calls[__NR_rt_sigaction], 1);
    ck_assert_uint_eq(gate_calls[__NR_rt_sigreturn], 0);
}
END_TEST

START_TEST(vfork_and_exec_work)
{
    volatile int survivor = 42;
    pid_t child = vfork();
    if (child == 0) {
        execl("/bin/sh", "sh", "-c", "exit 7", NULL);
        _exit(1);
    }
    int status;
    ck_assert_int_gt(child, 0);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(WEXITSTATUS(status), 7);
    ck_assert_int_eq(survivor, 42);
    ck_assert_uint_eq(gate_calls[__NR_vfork], 1);
}
END_TEST

START_TEST(posix_spawn_fork_and_system_work)
{
    char *arguments[] = { "sh", "-c", "exit 3", NULL };
    pid_t child;
    int status;
    ck_assert_int_eq(posix_spawn(&child, "/bin/sh", NULL, NULL, arguments, environ), 0);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(WEXITSTATUS(status), 3);
    ck_assert_uint_eq(gate_calls[__NR_clone3], 1);
    child = fork();
    if (child == 0)
        _exit(getppid() > 0 ? 5 : 6);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(WEXITSTATUS(status), 5);
    ck_assert_uint_eq(gate_calls[__NR_clone], 1);
    ck_assert_int_eq(WEXITSTATUS(system("exit 9")), 9);
}
END_TEST

static void *thread_body(void *argument)
{
    errno = 0;
    close(-1);
    return errno == EBADF ? argument : NULL;
}

static void create_and_join(void)
{
    pthread_t threads[8];
    for (long i = 0; i < 8; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, thread_body, (void *)(i + 1)), 0);
    for (long i = 0; i < 8; i++) {
        void *result;
        ck_assert_int_eq(pthread_join(threads[i], &result), 0);
        ck_assert_ptr_eq(result, (void *)(i + 1));
    }
}

START_TEST(threads_are_created_through_the_rewritten_clone3)
{
    create_and_join();
    ck_assert_uint_eq(gate_calls[__NR_clone3] + gate_calls[__NR_clone], 8);
}
END_TEST

START_TEST(armed_gate_sees_thread_creation_only)
{
    ck_assert_int_eq(gate_arm(), 2);
    create_and_join();
    ck_assert_uint_eq(gate_calls[__NR_clone3] + gate_calls[__NR_clone], 8);
    syscall(SYS_getpid);
    ck_assert_uint_eq(gate_calls[__NR_getpid], 0);
}
END_TEST

/* Calls io_uring_setup by an inline instruction in liburing, whatever the kernel says to it. */
static bool use_liburing(void)
{
    void *library = dlopen("liburing.so.2", RTLD_NOW);
    if (!library)
        return false;
    gate_refresh();
    int (*init)(unsigned, void *, unsigned) = dlsym(library, "io_uring_queue_init");
    char ring[4096];
    unsigned long before = gate_calls[__NR_io_uring_setup];
    ck_assert_int_lt(init(0, ring, 0), 0);
    ck_assert_uint_eq(gate_calls[__NR_io_uring_setup], before + 1);
    dlclose(library);
    return true;
}

START_TEST(object_opened_later_is_rewritten_each_time)
{
    struct gate_object_stats stats;
    if (!use_liburing())
        return;
    ck_assert(find_stats("liburing", &stats));
    ck_assert_uint_gt(stats.rewritten, 0);
    use_liburing(); /* most likely mapped at the same address, by fresh text */
    gate_refresh();
    use_liburing();
}
END_TEST

START_TEST(protection_is_restored)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[512];
    ck_assert_ptr_nonnull(maps);
    while (fgets(line, sizeof(line), maps))
        ck_assert_msg(!strstr(line, "rwxp"), "writable and executable: %s", line);
    fclose(maps);
}
END_TEST

static volatile uintptr_t seen_stub, seen_site;

static void note_stub(struct gate_frame *frame)
{
    seen_stub = frame->tail;
    seen_site = frame->site;
}

START_TEST(addresses_in_stubs_lead_back_to_the_site)
{
    gate_hook = note_stub;
    syscall(SYS_getpid);
    gate_hook = NULL;
    ck_assert(gate_owns_pc(seen_stub));
    ck_assert(!gate_owns_pc((uintptr_t)open_gate));
    uintptr_t stub = seen_stub & ~63UL;
    uintptr_t start = gate_original_pc(stub);
    uintptr_t call = gate_original_pc(seen_stub - 2); /* the raw syscall instruction */
    ck_assert(gate_site_in_libc(start));
    ck_assert_uint_eq(call, start);
    ck_assert_uint_lt(seen_site - start, 16);
    ck_assert_uint_eq(gate_original_pc((uintptr_t)open_gate), 0);
}
END_TEST

/* Refuses mprotect(..., PROT_EXEC), as hardened services do. */
static void forbid_executable(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_mprotect, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = { ARRAY_SIZE(code), code };
    ck_assert_int_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    ck_assert_int_eq(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
}

static void check_unseen(void)
{
    memset((void *)gate_calls, 0, sizeof(gate_calls));
    ck_assert_int_eq(syscall(SYS_getpid), sys0(__NR_getpid));
    ck_assert_uint_eq(gate_calls[__NR_getpid], 0);
}

START_TEST(refusal_leaves_everything_as_it_was)
{
    forbid_executable();
    ck_assert_int_eq(gate_arm(), -EPERM);
    ck_assert_int_eq(gate_open(false), -EPERM);
    check_unseen();
    create_and_join();
}
END_TEST

START_TEST(refusal_of_open_keeps_the_armed_sites)
{
    ck_assert_int_eq(gate_arm(), 2);
    forbid_executable();
    ck_assert_int_eq(gate_open(false), -EPERM);
    check_unseen();
    create_and_join();
    ck_assert_uint_eq(gate_calls[__NR_clone3] + gate_calls[__NR_clone], 8);
}
END_TEST

START_TEST(without_the_decoder_nothing_more_is_rewritten)
{
    struct rlimit none, old;
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
    none = (struct rlimit){ 0, old.rlim_max }; /* no descriptor, no library */
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    ck_assert_int_eq(gate_arm(), 2);
    ck_assert_int_eq(gate_open(false), -ENOENT);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
    memset((void *)gate_calls, 0, sizeof(gate_calls));
    ck_assert_int_eq(getppid(), sys0(__NR_getppid));
    ck_assert_uint_eq(gate_calls[__NR_getppid], 0);
    create_and_join();
    ck_assert_uint_gt(gate_calls[__NR_clone3] + gate_calls[__NR_clone], 0);
}
END_TEST

START_TEST(stub_memory_is_found_near_an_object_whose_neighbourhood_is_taken)
{
    char *object = (char *)0x200000000000;
    size_t bytes = 1 << 20;
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE;
    ck_assert_ptr_eq(mmap(object, bytes, PROT_NONE, flags, -1, 0), object);
    for (int i = 0; i < 8; i++) {
        uintptr_t low = (uintptr_t)object;
        long memory = gate_map_near(low, low + bytes, PAGE_BYTES);
        ck_assert_int_gt(memory, 0);
        ck_assert_int_lt(labs(memory - (long)low), 0x7ff00000);
        *(char *)memory = 1;
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gate");
    TCase *opened = tcase_create("opened"), *armed = tcase_create("armed");
    tcase_set_timeout(opened, 60);
    tcase_add_checked_fixture(opened, open_gate, NULL);
    tcase_add_test(opened, nearly_all_sites_of_libc_are_rewritten);
    tcase_add_test(opened, syscall_function_passes_with_its_result);
    tcase_add_test(opened, file_calls_pass_with_result_and_errno);
    tcase_add_test(opened, six_arguments_arrive);
    tcase_add_test(opened, signal_handlers_return_as_ever);
    tcase_add_test(opened, vfork_and_exec_work);
    tcase_add_test(opened, posix_spawn_fork_and_system_work);
    tcase_add_test(opened, threads_are_created_through_the_rewritten_clone3);
    tcase_add_test(opened, object_opened_later_is_rewritten_each_time);
    tcase_add_test(opened, protection_is_restored);
    tcase_add_test(opened, addresses_in_stubs_lead_back_to_the_site);
    tcase_add_test(armed, armed_gate_sees_thread_creation_only);
    tcase_add_test(armed, refusal_leaves_everything_as_it_was);
    tcase_add_test(armed, refusal_of_open_keeps_the_armed_sites);
    tcase_add_test(armed, stub_memory_is_found_near_an_object_whose_neighbourhood_is_taken);
    tcase_add_test(armed, without_the_decoder_nothing_more_is_rewritten);
    suite_add_tcase(suite, opened);
    suite_add_tcase(suite, armed);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
