/* Finding processes under coroshim, and talking to one. */
#ifndef COROCTL_PROCESS_H
#define COROCTL_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "shim/protocol.h"

/* How long to wait for a process to accept, to take a request and to answer it. */
#define PROCESS_PATIENCE_S 5

/* find.c: sockets in the directories of one or all users. */

/* A socket that somebody listens on. Its process is alive. */
struct process {
    pid_t pid;
    int fd;        /* connected, peer not yet checked */
    char name[32]; /* comm */
};

struct process_list {
    struct process *items;
    size_t count;
    bool denied; /* a socket exists that we may not connect to */
};

/* Connects to the sockets of all processes (@pid 0), or of @pid. Removes sockets that nobody
 * listens on. */
struct process_list process_find(pid_t pid);

/* Closes all but @keep (which may be NULL), and frees the list. */
void process_list_free(struct process_list *list, const struct process *keep);

/* The name of a live process, or "". */
void process_name(pid_t pid, char *name, size_t size);

/* choose.c: the process that -p means. */

/* Finds what @wanted (pid, name, or NULL for the only one) means and sets @process, connected.
 * Returns an enum exit_code, having said why on stderr unless it is 0. */
int process_choose(const char *wanted, struct process *process);

/* connection.c: requests and replies. */

struct connection {
    int fd;
    bool by_memory; /* nobody answers: memory.h does */
    pid_t pid;
    char name[32];                                   /* comm */
    char library[33];                                /* CORO_VERSION of the other side */
    _Alignas(8) unsigned char body[FRAME_REPLY_MAX]; /* of the last reply */
    uint32_t body_bytes;
    uint16_t flags; /* of the last reply */
    int passed_fd; /* the descriptor that came with the last reply, -1: none; who takes it closes it */
    bool may_end; /* that the process hangs up is no error: nothing is said about it */
    bool ended;   /* it has */
};

/* Checks who is behind @process's socket and says hello. Returns an enum exit_code, having said why
 * unless it is 0. */
int connection_open(const struct process *process, struct connection *connection);

/* The two steps before every conversation: finds what @wanted means, as process_choose does, and opens
 * @connection to it. Returns an enum exit_code, having said why unless it is 0. */
int connection_choose(const char *wanted, struct connection *connection);

struct settings;

/* Opens @connection to what the options name: a process, as connection_choose does, or a core file. */
int connection_for(const struct settings *settings, struct connection *connection);

/* Sends one request and receives its reply into connection->body, which holds at least
 * @reply_bytes. Returns an enum exit_code, having said why unless it is 0. */
int connection_ask(struct connection *connection, enum frame_type type, const void *request,
                   uint32_t request_bytes, uint32_t reply_bytes);

void connection_close(struct connection *connection);

#endif
