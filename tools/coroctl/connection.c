/* One conversation with the library in a process. The answers come from a program that may be
 * broken or hostile: lengths are checked, and patience is limited. */
#include <errno.h>
#include <error.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shim/version.h"
#include "tools/coroctl/command.h"
#include "tools/coroctl/memory.h"
#include "tools/coroctl/process.h"

#define LOOK_MS 100 /* so often it is asked whether a process that doesn't answer is stopped */

/* A server is who it says when its socket was made by that process, as our own user, root, or the
 * user whose process it is. */
static int check_peer(const struct process *process)
{
    struct ucred peer;
    socklen_t length = sizeof(peer);
    char path[32];
    struct stat st;

    if (getsockopt(process->fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0) {
        error(0, errno, "process %d", (int)process->pid);
        return EXIT_FAILED;
    }
    snprintf(path, sizeof(path), "/proc/%d", (int)process->pid);
    if (peer.uid != geteuid() && peer.uid != 0 && (stat(path, &st) != 0 || st.st_uid != peer.uid)) {
        error(0, 0, "the socket of process %d belongs to user %u: refused", (int)process->pid,
              peer.uid);
        return EXIT_DENIED;
    }
    if (peer.pid != process->pid) {
        error(0, 0, "the socket of process %d is held by process %d: refused", (int)process->pid,
              (int)peer.pid);
        return EXIT_DENIED;
    }
    return EXIT_OK;
}

static int fail_protocol(const struct connection *connection)
{
    error(0, 0, "process %d answers nonsense: is it coroshim's?", (int)connection->pid);
    return EXIT_PROTOCOL;
}

static int fail_transfer(struct connection *connection, ssize_t result)
{
    if (result == 0 || errno == ECONNRESET || errno == EPIPE) {
        connection->ended = true;
        if (connection->may_end)
            return EXIT_FAILED;
        if (kill(connection->pid, 0) != 0 && errno == ESRCH)
            error(0, 0, "process %d has ended", (int)connection->pid);
        else
            error(0, 0, "process %d hung up; has it too many clients?", (int)connection->pid);
        return EXIT_FAILED;
    }
    if (errno == EAGAIN) {
        error(0, 0, "process %d did not answer within %d s", (int)connection->pid,
              PROCESS_PATIENCE_S);
        return EXIT_FAILED;
    }
    error(0, errno, "process %d", (int)connection->pid);
    return EXIT_FAILED;
}

static int send_all(struct connection *connection, const void *bytes, size_t length)
{
    ssize_t sent = send(connection->fd, bytes, length, MSG_NOSIGNAL);

    /* A blocking socket sends everything or fails. */
    return sent == (ssize_t)length ? EXIT_OK : fail_transfer(connection, sent < 0 ? sent : 0);
}

/* A stop of ours (SIGSTOP, and on) interrupts a receive that has a time limit. */
static int receive_all(struct connection *connection, void *bytes, size_t length)
{
    for (size_t done = 0; done < length;) {
        ssize_t received = recv(connection->fd, (char *)bytes + done, length - done, MSG_WAITALL);

        if (received < 0 && errno == EINTR)
            continue;
        if (received <= 0)
            return fail_transfer(connection, received);
        done += (size_t)received;
    }
    return EXIT_OK;
}

/* The first bytes of a reply bring the descriptor that belongs to it. */
static int receive_passed(struct connection *connection, void *bytes, size_t length)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec part = { bytes, length };
    struct msghdr message = { .msg_iov = &part,
                              .msg_iovlen = 1,
                              .msg_control = &control,
                              .msg_controllen = sizeof(control) };
    const struct cmsghdr *first;
    ssize_t received;

    connection->passed_fd = -1;
    do
        received = recvmsg(connection->fd, &message, MSG_CMSG_CLOEXEC);
    while (received < 0 && errno == EINTR);
    if (received <= 0)
        return fail_transfer(connection, received);
    first = CMSG_FIRSTHDR(&message);
    if (first != NULL && first->cmsg_level == SOL_SOCKET && first->cmsg_type == SCM_RIGHTS &&
        first->cmsg_len == CMSG_LEN(sizeof(int)))
        memcpy(&connection->passed_fd, CMSG_DATA(first), sizeof(int));
    return receive_all(connection, (char *)bytes + received, length - (size_t)received);
}

static int receive_reply(struct connection *connection, struct frame_header *header)
{
    int code = receive_passed(connection, header, sizeof(*header));

    if (code != EXIT_OK)
        return code;
    if (header->length > FRAME_REPLY_MAX)
        return fail_protocol(connection);
    connection->body_bytes = header->length;
    connection->flags = header->flags;
    if (header->length > 0)
        code = receive_all(connection, connection->body, header->length);
    return code;
}

/* The process answers nobody: it is stopped. From now on its memory does. */
static int read_instead(struct connection *connection)
{
    const struct memory_kind *kind;
    int code = live_open(connection->pid, &kind);

    connection_close(connection);
    connection->fd = -1;
    connection->by_memory = true;
    return code == EXIT_OK ? memory_open(kind) : code;
}

/* Waits for a reply. False: the process is stopped, and none will come. */
static bool await_reply(const struct connection *connection)
{
    struct pollfd reply = { .fd = connection->fd, .events = POLLIN };

    for (int waited = 0; waited < PROCESS_PATIENCE_S * 1000; waited += LOOK_MS) {
        if (poll(&reply, 1, LOOK_MS) != 0)
            return true;
        if (live_is_stopped(connection->pid))
            return false;
    }
    return true; /* to find that out is receive's business */
}

int connection_ask(struct connection *connection, enum frame_type type, const void *request,
                   uint32_t request_bytes, uint32_t reply_bytes)
{
    struct frame_header header = { .length = request_bytes, .type = (uint16_t)type };
    struct error_reply *refusal = (struct error_reply *)connection->body;
    int code;

    if (connection->by_memory)
        return memory_answer(connection, type, request);
    code = send_all(connection, &header, sizeof(header));
    if (code == EXIT_OK)
        code = send_all(connection, request, request_bytes);
    if (code == EXIT_OK && !await_reply(connection)) {
        code = read_instead(connection);
        return code == EXIT_OK ? memory_answer(connection, type, request) : code;
    }
    if (code == EXIT_OK)
        code = receive_reply(connection, &header);
    if (code != EXIT_OK)
        return code;
    if (header.type == FRAME_ERROR && header.length >= sizeof(*refusal)) {
        refusal->text[sizeof(refusal->text) - 1] = '\0';
        error(0, 0, "process %d refuses: %s", (int)connection->pid, refusal->text);
        return refusal->code == PROTOCOL_UNKNOWN_REQUEST ? EXIT_PROTOCOL
               : refusal->code == PROTOCOL_DENIED        ? EXIT_DENIED
                                                         : EXIT_FAILED;
    }
    if (header.type != (type | FRAME_REPLY) || header.length < reply_bytes)
        return fail_protocol(connection);
    return EXIT_OK;
}

static int say_hello(struct connection *connection)
{
    struct hello_request hello = { .magic = PROTOCOL_MAGIC, .version = PROTOCOL_VERSION };
    const struct hello_reply *answer = (const struct hello_reply *)connection->body;
    int code = connection_ask(connection, FRAME_HELLO, &hello, sizeof(hello), sizeof(*answer));

    if (code != EXIT_OK)
        return code;
    if (answer->magic != PROTOCOL_MAGIC)
        return fail_protocol(connection);
    snprintf(connection->library, sizeof(connection->library), "%.32s", answer->library);
    if (answer->version != PROTOCOL_VERSION) {
        error(0, 0,
              "process %d has coroshim %s (protocol %u), this coroctl is %s (protocol %u): use "
              "the coroctl that belongs to it",
              (int)connection->pid, connection->library, answer->version, CORO_VERSION,
              PROTOCOL_VERSION);
        return EXIT_PROTOCOL;
    }
    return EXIT_OK;
}

int connection_open(const struct process *process, struct connection *connection)
{
    int code = check_peer(process);

    connection->fd = process->fd;
    connection->pid = process->pid;
    snprintf(connection->name, sizeof(connection->name), "%s", process->name);
    if (code == EXIT_OK)
        code = say_hello(connection);
    if (code != EXIT_OK)
        connection_close(connection);
    return code;
}

int connection_choose(const char *wanted, struct connection *connection)
{
    struct process process;
    int code = process_choose(wanted, &process);

    return code == EXIT_OK ? connection_open(&process, connection) : code;
}

int connection_for(const struct settings *settings, struct connection *connection)
{
    const struct memory_kind *kind;
    int code;

    if (settings->core == NULL)
        return connection_choose(settings->process, connection);
    code = core_open(settings->core, settings->program, &kind);
    connection->fd = -1;
    connection->by_memory = true;
    return code == EXIT_OK ? memory_open(kind) : code;
}

void connection_close(struct connection *connection)
{
    if (connection->fd >= 0)
        close(connection->fd);
}
