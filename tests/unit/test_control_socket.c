/* Where the control socket is and who may use it: the directory's safety, stale files, forked
 * children, descriptors, other users. */
#include "tests/unit/control_client.h"

START_TEST(waking_and_time_out_end_a_turn)
{
    struct timespec before, after;

    /* Without a socket, too. */
    clock_gettime(CLOCK_MONOTONIC, &before);
    ck_assert(!control_serve(wake_fd, 20 * NSEC_PER_MSEC));
    clock_gettime(CLOCK_MONOTONIC, &after);
    ck_assert_int_ge((after.tv_sec - before.tv_sec) * 1000000000L + after.tv_nsec - before.tv_nsec,
                     20000000);
    ck_assert_int_eq(prepare(), 0);
    ck_assert(!control_serve(wake_fd, 0));
    ck_assert_int_eq(eventfd_write(wake_fd, 5), 0);
    ck_assert(control_serve(wake_fd, UINT64_MAX));
    ck_assert(!control_serve(wake_fd, 0));
    ck_assert(!control_serve(-1, 0));
}
END_TEST

START_TEST(descriptors_are_high_and_not_inherited)
{
    int fd, lowest = dup(0);

    start();
    fd = dial();
    greet(fd);
    wait_for_clients(1);
    for (int i = 0; i < 4096; i++) {
        if (!control_owns_fd(i))
            continue;
        ck_assert_int_ge(i, FLOOR);
        ck_assert_int_eq(fcntl(i, F_GETFD), FD_CLOEXEC);
    }
    ck_assert(control_owns_fd(control_server.listen_fd));
    ck_assert(!control_owns_fd(-1) && !control_owns_fd(0) && !control_owns_fd(fd));
    ck_assert_int_eq(fd, lowest + 1);
    stop();
}
END_TEST

START_TEST(directory_and_socket_are_private)
{
    char expected[128];
    struct stat st;

    umask(0777);
    start();
    umask(022);
    snprintf(expected, sizeof(expected), "%s/coroshim/%d.sock", runtime_directory, (int)getpid());
    ck_assert_str_eq(control_path(), expected);
    ck_assert_int_eq(stat(expected, &st), 0);
    ck_assert(S_ISSOCK(st.st_mode));
    *strrchr(expected, '/') = '\0';
    ck_assert_int_eq(stat(expected, &st), 0);
    ck_assert_int_eq(st.st_mode & 07777, 0700);
    greet(dial());
    stop();
}
END_TEST

static void expect_fallback(void)
{
    char expected[64];

    ck_assert_int_eq(prepare(), 0);
    snprintf(expected, sizeof(expected), "/tmp/coroshim-%u/%d.sock", geteuid(), (int)getpid());
    ck_assert_str_eq(control_path(), expected);
    control_remove();
    ck_assert_int_ne(access(expected, F_OK), 0);
}

START_TEST(an_unsafe_runtime_directory_is_not_used)
{
    char path[128], target[128];

    snprintf(path, sizeof(path), "%s/coroshim", runtime_directory);
    snprintf(target, sizeof(target), "%s/elsewhere", runtime_directory);
    ck_assert_int_eq(mkdir(target, 0700), 0);
    ck_assert_int_eq(symlink(target, path), 0);
    expect_fallback();
    unlink(path);
    ck_assert_int_eq(mkdir(path, 0750), 0);
    expect_fallback();
    chmod(path, 0701);
    expect_fallback();
    rmdir(path);
    close(open(path, O_CREAT | O_WRONLY, 0600));
    expect_fallback();
    unlink(path);
    if (geteuid() == 0) {
        mkdir(path, 0700);
        ck_assert_int_eq(chown(path, 65534, 65534), 0);
        expect_fallback();
        rmdir(path);
    }
    chmod(runtime_directory, 0777);
    expect_fallback();
    chmod(runtime_directory, 0700);
    snprintf(xdg, sizeof(xdg), "XDG_RUNTIME_DIR=relative");
    expect_fallback();
    snprintf(xdg, sizeof(xdg), "XDG_RUNTIME_DIR=/nonexistent");
    expect_fallback();
    snprintf(xdg, sizeof(xdg), "XDG_RUNTIME_DIR=");
    expect_fallback();
    snprintf(xdg, sizeof(xdg), "NOTHING=0");
    expect_fallback();
}
END_TEST

START_TEST(a_long_runtime_directory_is_not_used)
{
    static char variable[512];
    char path[400];
    size_t length;

    snprintf(path, sizeof(path), "%s/", runtime_directory);
    length = strlen(path);
    memset(path + length, 'x', 60);
    path[length + 60] = '\0';
    ck_assert_int_eq(mkdir(path, 0700), 0);
    snprintf(variable, sizeof(variable), "XDG_RUNTIME_DIR=%s", path);
    environment[0] = variable;
    expect_fallback();
    memset(path + length, 'x', 200);
    path[length + 200] = '\0';
    ck_assert_int_eq(mkdir(path, 0700), 0);
    snprintf(variable, sizeof(variable), "XDG_RUNTIME_DIR=%s", path);
    expect_fallback();
    environment[0] = xdg;
}
END_TEST

START_TEST(a_stale_socket_is_replaced)
{
    char path[128], temporary[128];

    snprintf(path, sizeof(path), "%s/coroshim", runtime_directory);
    mkdir(path, 0700);
    snprintf(path, sizeof(path), "%s/coroshim/%d.sock", runtime_directory, (int)getpid());
    snprintf(temporary, sizeof(temporary), "%s/coroshim/.%d.sock", runtime_directory,
             (int)getpid());
    close(open(path, O_CREAT | O_WRONLY, 0600));
    close(open(temporary, O_CREAT | O_WRONLY, 0600));
    start();
    greet(dial());
    ck_assert_int_ne(access(temporary, F_OK), 0);
    stop();
}
END_TEST

START_TEST(removal_is_idempotent_and_the_parents_file_survives_a_child)
{
    char path[128];
    int status;
    pid_t pid;

    ck_assert_int_eq(prepare(), 0);
    snprintf(path, sizeof(path), "%s", control_path());
    pid = fork();
    if (pid == 0) {
        int listener = control_server.listen_fd;

        control_remove();
        if (access(path, F_OK) != 0)
            _exit(1);
        control_after_fork();
        if (control_path()[0] != '\0' || control_owns_fd(listener) ||
            fcntl(listener, F_GETFD) != -1)
            _exit(2);
        if (prepare() != 0 || strcmp(control_path(), path) == 0)
            _exit(3);
        control_remove();
        control_remove();
        _exit(access(path, F_OK) == 0 ? 0 : 4);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
    control_remove();
    ck_assert_int_ne(access(path, F_OK), 0);
    control_remove();
}
END_TEST

START_TEST(the_last_to_leave_removes_the_runtime_directory)
{
    char directory[128], other[140];

    snprintf(directory, sizeof(directory), "%s/coroshim", runtime_directory);
    snprintf(other, sizeof(other), "%s/1.sock", directory);
    ck_assert_int_eq(prepare(), 0);
    ck_assert_int_eq(mknod(other, S_IFREG | 0600, 0), 0);
    control_remove();
    ck_assert_int_eq(unlink(other), 0);
    ck_assert_int_eq(prepare(), 0);
    control_remove();
    ck_assert_int_ne(access(directory, F_OK), 0);
}
END_TEST

START_TEST(what_the_program_sets_later_is_not_the_runtime_directory)
{
    char expected[128];

    snprintf(expected, sizeof(expected), "%s/coroshim/%d.sock", runtime_directory, (int)getpid());
    control_read_environment(environment);
    snprintf(xdg, sizeof(xdg), "XDG_RUNTIME_DIR=/nonexistent");
    ck_assert_int_eq(control_prepare(FLOOR), 0);
    ck_assert_str_eq(control_path(), expected);
    control_remove();
}
END_TEST

START_TEST(other_users_are_turned_away)
{
    char path[128];
    int status;
    pid_t pid;

    if (geteuid() != 0)
        return;
    start();
    snprintf(path, sizeof(path), "%s/coroshim", runtime_directory);
    chmod(runtime_directory, 0755);
    chmod(path, 0755);
    chmod(control_path(), 0777);
    pid = fork();
    if (pid == 0) {
        struct hello_request hello = { PROTOCOL_MAGIC, PROTOCOL_VERSION };
        struct frame_header header = { sizeof(hello), FRAME_HELLO, 0 };
        char byte;
        int fd;

        if (setgid(65534) != 0 || setuid(65534) != 0)
            _exit(2);
        fd = dial();
        send(fd, &header, sizeof(header), MSG_NOSIGNAL);
        send(fd, &hello, sizeof(hello), MSG_NOSIGNAL);
        _exit(recv(fd, &byte, 1, 0) > 0);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
    greet(dial());
    stop();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("control_socket");
    TCase *tests = tcase_create("control_socket");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, waking_and_time_out_end_a_turn);
    tcase_add_test(tests, descriptors_are_high_and_not_inherited);
    tcase_add_test(tests, directory_and_socket_are_private);
    tcase_add_test(tests, an_unsafe_runtime_directory_is_not_used);
    tcase_add_test(tests, a_long_runtime_directory_is_not_used);
    tcase_add_test(tests, a_stale_socket_is_replaced);
    tcase_add_test(tests, removal_is_idempotent_and_the_parents_file_survives_a_child);
    tcase_add_test(tests, the_last_to_leave_removes_the_runtime_directory);
    tcase_add_test(tests, what_the_program_sets_later_is_not_the_runtime_directory);
    tcase_add_test(tests, other_users_are_turned_away);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
