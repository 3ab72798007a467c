/* A control server on a thread of its own, as on the monitor, and a client that knows the protocol.
 * Shared by the tests of the server; co_snapshot is a stub with as many threads as a test wants.
 * Check forks for each test, so server and directory are fresh. */
#ifndef TEST_CONTROL_CLIENT_H
#define TEST_CONTROL_CLIENT_H

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "runtime/co_info.h"
#include "runtime/stack_info.h"
#include "runtime/stat.h"
#include "shim/control.h"
#include "shim/control_internal.h"
#include "shim/protocol.h"
#include "shim/version.h"

#define FLOOR 600

static char runtime_directory[64], xdg[128];
static char *environment[] = { xdg, NULL };
static pthread_t server;
static int wake_fd;
static bool stopping;
static uint64_t thread_count;

/* Threads with odd ids 1, 3, 5... */
size_t co_snapshot(uint64_t after_id, struct co_info *out, size_t max)
{
    size_t count = 0;

    for (uint64_t id = (after_id + 1) | 1; id < 2 * thread_count && count < max; id += 2, count++) {
        memset(&out[count], 0, sizeof(out[count]));
        out[count].id = id;
        out[count].tid = (uint32_t)id + 1000;
    }
    return count;
}

/* One stack, of thread 7, with four bytes of memory. */
size_t co_stacks(uint64_t after_id, uint64_t only_id, uint32_t max_stack_bytes, void *out,
                 size_t room, uint32_t *count, int *more)
{
    struct co_stack_info info = { .id = 7, .memory_bytes = 4 };

    (void)after_id, (void)only_id, (void)max_stack_bytes;
    ck_assert_uint_ge(room, sizeof(info) + 8);
    memcpy(out, &info, sizeof(info));
    memcpy((char *)out + sizeof(info), "abcd\0\0\0", 8);
    *count = 1;
    *more = 1;
    return sizeof(info) + 8;
}

size_t co_memory(void *to, uintptr_t address, size_t bytes)
{
    memset(to, (int)address, bytes);
    return bytes;
}

void runtime_read_stat(struct runtime_stat *stat)
{
    *stat = (struct runtime_stat){ .uptime_ns = 2000000000, .threads = 12, .switches = 345 };
}

static void *serve(void *unused)
{
    while (!__atomic_load_n(&stopping, __ATOMIC_RELAXED))
        control_serve(wake_fd, UINT64_MAX);
    return unused;
}

static void set_up(void)
{
    snprintf(runtime_directory, sizeof(runtime_directory), "/tmp/coroshim-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(runtime_directory));
    snprintf(xdg, sizeof(xdg), "XDG_RUNTIME_DIR=%s", runtime_directory);
    wake_fd = eventfd(0, EFD_CLOEXEC);
    thread_count = 3;
    stopping = false;
    signal(SIGPIPE, SIG_DFL);
}

static void tear_down(void)
{
    char command[128];

    control_remove();
    snprintf(command, sizeof(command), "rm -rf %s", runtime_directory);
    ck_assert_int_eq(system(command), 0);
}

static int prepare(void)
{
    control_read_environment(environment);
    return control_prepare(FLOOR);
}

static void start(void)
{
    ck_assert_int_eq(prepare(), 0);
    ck_assert_int_eq(pthread_create(&server, NULL, serve, NULL), 0);
}

static void stop(void)
{
    __atomic_store_n(&stopping, true, __ATOMIC_RELAXED);
    ck_assert_int_eq(eventfd_write(wake_fd, 1), 0);
    pthread_join(server, NULL);
}

/* The client: plain, blocking, with a limit on its patience. */

static int dial(void)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    struct timeval patience = { .tv_sec = 5 };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", control_path());
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    return fd;
}

static void put(int fd, const void *bytes, size_t length)
{
    ck_assert_int_eq(send(fd, bytes, length, MSG_NOSIGNAL), (ssize_t)length);
}

static void put_frame(int fd, uint16_t type, const void *body, uint32_t length)
{
    struct frame_header header = { .length = length, .type = type };

    put(fd, &header, sizeof(header));
    if (length > 0)
        put(fd, body, length);
}

static struct frame_header get_frame(int fd, void *body)
{
    struct frame_header header;

    ck_assert_int_eq(recv(fd, &header, sizeof(header), MSG_WAITALL), sizeof(header));
    ck_assert_uint_le(header.length, FRAME_REPLY_MAX);
    if (header.length > 0)
        ck_assert_int_eq(recv(fd, body, header.length, MSG_WAITALL), header.length);
    return header;
}

static void greet(int fd)
{
    struct hello_request hello = { PROTOCOL_MAGIC, PROTOCOL_VERSION };
    char body[FRAME_REPLY_MAX];

    put_frame(fd, FRAME_HELLO, &hello, sizeof(hello));
    ck_assert_uint_eq(get_frame(fd, body).type, FRAME_HELLO | FRAME_REPLY);
}

static size_t clients_held(void)
{
    size_t held = 0;

    for (int i = 0; i < CONTROL_CLIENTS; i++)
        held += __atomic_load_n(&control_server.fds[i], __ATOMIC_RELAXED) >= 0;
    return held;
}

static void wait_for_clients(size_t count)
{
    for (int i = 0; i < 500 && clients_held() != count; i++)
        usleep(10000);
    ck_assert_uint_eq(clients_held(), count);
}

#endif
