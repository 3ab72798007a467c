/* The control server's loop: bytes in and out of at most CONTROL_CLIENTS clients.
 *
 * The monitor also wakes the scheduler's slices, so nothing here may take long: every socket is
 * non-blocking, each ready client moves once per turn, and a client is either receiving one request
 * or being sent one reply, in buffers of fixed size. Whoever sends garbage is dropped; whoever is
 * slow waits alone. When all slots are taken, a newcomer replaces the client that has been silent
 * longest, if that is long enough, and is turned away otherwise.
 *
 * A request is read in two steps, header then body, and never beyond: what a client sends ahead
 * stays in the kernel, where poll sees it. */
#include <linux/fcntl.h>
#include <linux/poll.h>
#include <linux/socket.h>
#include <linux/time_types.h>

#include <asm/socket.h>

#include "runtime/files.h"
#include "runtime/mem.h"
#include "runtime/sys.h"
#include "shim/control.h"
#include "shim/control_internal.h"

#define MONOTONIC      1
#define SEND_DONTWAIT  0x40
#define SEND_NOSIGNAL  0x4000
#define PASS_RIGHTS    1 /* SCM_RIGHTS */
#define DEAF_NS        (100 * NSEC_PER_MSEC)
#define POLL_WAKE      0
#define POLL_LISTEN    1
#define POLL_CLIENTS   2
#define FRAME_BYTES(h) ((uint32_t)sizeof(struct frame_header) + (h)->length)

/* struct ucred of SO_PEERCRED, which the kernel's headers do not export. */
struct credentials {
    int32_t pid;
    uint32_t uid;
    uint32_t gid;
};

/* What sendmsg takes: struct iovec, struct msghdr, and a struct cmsghdr with its descriptor. */
struct part {
    void *bytes;
    size_t count;
};

struct message {
    void *name;
    uint32_t name_bytes;
    struct part *parts;
    size_t part_count;
    void *control;
    size_t control_bytes;
    int flags;
};

struct passing {
    size_t bytes;
    int level, type;
    int fd;
    int padding;
};

static struct control_client clients[CONTROL_CLIENTS];

uint64_t control_now_ns(void)
{
    struct __kernel_timespec now = { 0 };

    sys2(__NR_clock_gettime, MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NSEC_PER_SEC + (uint64_t)now.tv_nsec;
}

static void close_passed(struct control_client *client)
{
    if (client->passed_fd >= 0)
        files_let_go(client->passed_fd);
    client->passed_fd = -1;
}

static void drop(size_t slot)
{
    control_forget_trace(&clients[slot]);
    close_passed(&clients[slot]);
    files_let_go(control_server.fds[slot]);
    control_server.fds[slot] = -1;
}

void control_drop_all(void)
{
    for (size_t i = 0; i < CONTROL_CLIENTS; i++)
        if (control_server.fds[i] >= 0)
            drop(i);
}

static bool is_retry(long result)
{
    return result == -EAGAIN || result == -EINTR;
}

/* Sends what is left of the reply, and the descriptor that goes with it. */
static long send_left(struct control_client *client, int fd)
{
    struct passing passing = { .bytes = offsetof(struct passing, fd) + sizeof(passing.fd),
                               .level = SOL_SOCKET,
                               .type = PASS_RIGHTS,
                               .fd = client->passed_fd };
    struct part part = { client->out + client->out_sent, client->out_used - client->out_sent };
    struct message message = { .parts = &part, .part_count = 1 };

    if (client->passed_fd >= 0) {
        message.control = &passing;
        message.control_bytes = sizeof(passing);
    }
    return sys3(__NR_sendmsg, fd, &message, SEND_DONTWAIT | SEND_NOSIGNAL);
}

/* Returns false when the client must go. */
static bool send_more(struct control_client *client, int fd)
{
    long sent = send_left(client, fd);

    if (is_retry(sent))
        return true;
    close_passed(client);
    if (sent <= 0)
        return false;
    client->active_ns = control_now_ns();
    client->out_sent += (uint32_t)sent;
    return true;
}

/* Receives up to @end bytes of the request. Returns 1 when they are all there, 0 when not yet, and
 * -1 when the client must go. */
static int receive_to(struct control_client *client, int fd, uint32_t end)
{
    long received;

    if (client->in_used == end)
        return 1;
    received = sys6(__NR_recvfrom, fd, client->in + client->in_used, end - client->in_used,
                    SEND_DONTWAIT, NULL, NULL);
    if (is_retry(received))
        return 0;
    if (received <= 0)
        return -1;
    client->active_ns = control_now_ns();
    client->in_used += (uint32_t)received;
    return client->in_used == end;
}

static bool receive_more(struct control_client *client, int fd)
{
    const struct frame_header *header = (const struct frame_header *)client->in;
    int done = 1;

    if (client->in_used < sizeof(*header))
        done = receive_to(client, fd, sizeof(*header));
    if (done <= 0)
        return done == 0;
    if (header->length > FRAME_REQUEST_MAX)
        return false;
    done = receive_to(client, fd, FRAME_BYTES(header));
    if (done <= 0)
        return done == 0;
    control_answer(client);
    client->in_used = 0;
    return send_more(client, fd);
}

static void serve_client(size_t slot)
{
    struct control_client *client = &clients[slot];
    int fd = control_server.fds[slot];
    bool keep;

    if (client->out_sent < client->out_used)
        keep = send_more(client, fd);
    else
        keep = receive_more(client, fd);
    if (!keep)
        drop(slot);
}

/* May whoever is behind @fd look into this process? Only our own user and root. */
static bool is_trusted(int fd)
{
    struct credentials peer;
    int length = sizeof(peer);

    if (sys5(__NR_getsockopt, fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0)
        return false;
    return peer.uid == 0 || peer.uid == (uint32_t)sys0(__NR_geteuid);
}

/* A slot for a newcomer, or CONTROL_CLIENTS. */
static size_t find_slot(uint64_t now)
{
    size_t silent = 0;

    for (size_t i = 0; i < CONTROL_CLIENTS; i++) {
        if (control_server.fds[i] < 0)
            return i;
        if (clients[i].active_ns < clients[silent].active_ns)
            silent = i;
    }
    if (now - clients[silent].active_ns < control_server.silent_ns)
        return CONTROL_CLIENTS;
    drop(silent);
    return silent;
}

bool control_adopt(int fd)
{
    uint64_t now = control_now_ns();
    size_t slot = find_slot(now);

    if (slot == CONTROL_CLIENTS) {
        sys1(__NR_close, fd);
        return false;
    }
    clients[slot].greeted = false;
    clients[slot].passed_fd = -1;
    clients[slot].in_used = clients[slot].out_used = clients[slot].out_sent = 0;
    clients[slot].active_ns = now;
    control_server.fds[slot] = fd;
    return true;
}

static void accept_client(void)
{
    long low = sys4(__NR_accept4, control_server.listen_fd, NULL, NULL, O_CLOEXEC | O_NONBLOCK);
    long fd;

    if (low == -EMFILE || low == -ENFILE || low == -ENOBUFS || low == -ENOMEM)
        control_server.deaf_until_ns =
            control_now_ns() + DEAF_NS; /* the newcomer stays queued: do not spin */
    if (low < 0)
        return;
    fd = sys3(__NR_fcntl, low, F_DUPFD_CLOEXEC, control_server.fd_floor);
    sys1(__NR_close, low);
    if (fd < 0)
        return;
    if (is_trusted((int)fd))
        control_adopt((int)fd);
    else
        sys1(__NR_close, fd);
}

/* Listens again when it is time to; returns how long to wait at most. */
static uint64_t watch_listener(struct pollfd *poll, uint64_t timeout_ns)
{
    uint64_t now;

    poll->fd = control_server.listen_fd;
    poll->events = POLLIN;
    if (control_server.deaf_until_ns == 0)
        return timeout_ns;
    now = control_now_ns();
    if (now >= control_server.deaf_until_ns) {
        control_server.deaf_until_ns = 0;
        return timeout_ns;
    }
    poll->fd = -1;
    return timeout_ns < DEAF_NS ? timeout_ns : DEAF_NS;
}

static long wait_for_any(struct pollfd *polls, size_t count, uint64_t timeout_ns)
{
    struct __kernel_timespec timeout = { .tv_sec = (long long)(timeout_ns / NSEC_PER_SEC),
                                         .tv_nsec = (long long)(timeout_ns % NSEC_PER_SEC) };

    return sys5(__NR_ppoll, polls, count, timeout_ns == UINT64_MAX ? NULL : &timeout, NULL, 0);
}

static void drain(int wake_fd)
{
    uint64_t count;

    sys3(__NR_read, wake_fd, &count, sizeof(count));
}

bool control_serve(int wake_fd, uint64_t timeout_ns)
{
    struct pollfd polls[POLL_CLIENTS + CONTROL_CLIENTS];
    bool woken;

    polls[POLL_WAKE] = (struct pollfd){ .fd = wake_fd, .events = POLLIN };
    polls[POLL_LISTEN] = (struct pollfd){ .fd = -1 };
    timeout_ns = watch_listener(&polls[POLL_LISTEN], timeout_ns);
    for (size_t i = 0; i < CONTROL_CLIENTS; i++) {
        bool sending = clients[i].out_sent < clients[i].out_used;

        polls[POLL_CLIENTS + i] =
            (struct pollfd){ .fd = control_server.fds[i], .events = sending ? POLLOUT : POLLIN };
    }
    if (wait_for_any(polls, ARRAY_SIZE(polls), timeout_ns) <= 0)
        return false;
    woken = (polls[POLL_WAKE].revents & POLLIN) != 0;
    if (woken)
        drain(wake_fd);
    for (size_t i = 0; i < CONTROL_CLIENTS; i++)
        if (polls[POLL_CLIENTS + i].revents != 0)
            serve_client(i);
    if (polls[POLL_LISTEN].revents != 0)
        accept_client();
    return woken;
}
