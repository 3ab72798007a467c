/* Shared by the control server's three files: control.c (directory and socket), control_clients.c
 * (bytes in and out) and control_requests.c (what requests mean). Nobody else includes it. */
#ifndef CORO_CONTROL_INTERNAL_H
#define CORO_CONTROL_INTERNAL_H

#include "runtime/base.h"
#include "shim/protocol.h"

#define CONTROL_CLIENTS 16

#define CONTROL_PATH_MAX 108 /* as in sockaddr_un */
/* After the directory XDG_RUNTIME_DIR: ours, "/.2147483647.sock" and its NUL. */
#define CONTROL_NAME_ROOM (sizeof("/" PROTOCOL_DIRECTORY "/.2147483647" PROTOCOL_SUFFIX))

/* Descriptors, and what must be known before the first client comes. Written by control_prepare and
 * by the monitor; control_owns_fd only reads. */
struct control_server {
    int listen_fd; /* -1: no socket */
    int fd_floor;
    bool own_files;         /* the clients' numbers are in the monitor's table alone */
    long pid;               /* who made path; a forked child must not remove it */
    uint64_t silent_ns;     /* a client silent for so long makes room for another */
    uint64_t deaf_until_ns; /* no accept before: descriptors had run out */
    bool removes_directory; /* that of path, when it is empty */
    char path[CONTROL_PATH_MAX];
    char runtime_directory[CONTROL_PATH_MAX - CONTROL_NAME_ROOM + 1]; /* "": none, or too long */
    int fds[CONTROL_CLIENTS];                                         /* -1: slot not in use */
};

/* One frame each way at a time: a client that does not take its reply gets no other. Pages of these
 * buffers that no client ever needed cost nothing. */
struct control_client {
    bool greeted;
    bool traces;                 /* it has started a trace, and may read it */
    uint32_t in_used;            /* of in: header first, then the body, never more */
    uint32_t out_used, out_sent; /* equal: nothing to send */
    int passed_fd;               /* goes to the client with the reply, and is closed; -1: none */
    uint64_t active_ns;          /* when bytes last moved */
    _Alignas(8) unsigned char in[sizeof(struct frame_header) + FRAME_REQUEST_MAX];
    _Alignas(8) unsigned char out[sizeof(struct frame_header) + FRAME_REPLY_MAX];
};

extern struct control_server control_server;

/* For those that answer requests (control_requests.c): starts a reply of @bytes and returns its
 * zeroed body; or makes the reply an error. */
void *control_reply(struct control_client *client, uint16_t type, uint16_t flags, uint32_t bytes);
void control_refuse(struct control_client *client, enum protocol_error code, uint16_t request,
                    const char *text);

/* control_settings.c */
void control_answer_get(struct control_client *client, const void *body);
void control_answer_set(struct control_client *client, const void *body);
void control_answer_signal(struct control_client *client, const void *body);

/* control_doctor.c */
void control_answer_doctor(struct control_client *client, const void *body);

/* control_errands.c */
void control_answer_cancel(struct control_client *client, const void *body);
void control_answer_call(struct control_client *client, const void *body);

/* control_trace.c; the last: @client has gone. */
void control_answer_trace(struct control_client *client, const void *body);
void control_answer_latency(struct control_client *client, const void *body);
void control_forget_trace(struct control_client *client);

/* CLOCK_MONOTONIC. */
uint64_t control_now_ns(void);

/* Puts the reply to the complete request in client->in into client->out. */
void control_answer(struct control_client *client);

/* Closes every client; of control_clients.c. */
void control_drop_all(void);

#endif
