/* What libcoroshim and coroctl say to each other over the control socket.
 *
 * A stream of frames, each a header and a body of header.length bytes. The client asks, the server
 * answers each request with one frame, in order; nothing is sent unasked. A reply's type is the
 * request's with FRAME_REPLY set, or FRAME_ERROR. The first request is HELLO: its two layouts never
 * change, so that any two versions can tell each other who they are. A server answers nothing else
 * before a HELLO with its own PROTOCOL_VERSION.
 *
 * Native byte order and alignment: both ends run on one machine. Fixed-size fields, no pointers.
 * A body may be longer than its struct: later releases add fields at the end without a new version,
 * and whoever does not know them ignores them. Adding a request type needs no new version either:
 * an older server says PROTOCOL_UNKNOWN_REQUEST. */
#ifndef CORO_PROTOCOL_H
#define CORO_PROTOCOL_H

#include <stdint.h>

#include "runtime/doctor_info.h"
#include "runtime/errand_info.h"

#define PROTOCOL_MAGIC   UINT32_C(0x4f524f43) /* "CORO" */
#define PROTOCOL_VERSION UINT32_C(1)

/* Bodies longer than these are garbage; the peer hangs up. */
#define FRAME_REQUEST_MAX 4096
#define FRAME_REPLY_MAX   65536

/* The directory's name below $XDG_RUNTIME_DIR; below /tmp, "-UID" follows. */
#define PROTOCOL_DIRECTORY "coroshim"
#define PROTOCOL_SUFFIX    ".sock"

enum frame_type {
    FRAME_HELLO = 1,
    FRAME_LIST = 2,
    FRAME_STACKS = 3,
    FRAME_MEMORY = 4,
    FRAME_STAT = 5, /* empty body; answered by a struct runtime_stat */
    FRAME_GET = 6,  /* empty body; answered by a struct get_reply */
    FRAME_SET = 7,
    FRAME_SIGNAL = 8, /* answered by an empty body */
    FRAME_CANCEL = 9, /* answered by a struct errand_info, as is... */
    FRAME_CALL = 10,  /* ...this */
    FRAME_TRACE = 11,
    FRAME_LATENCY = 12, /* answered by a struct latency_info */
    FRAME_DOCTOR = 14,
    FRAME_LOCK_SITE = 16,
    FRAME_HELD = 18,
    FRAME_REPLY = 0x8000,
    FRAME_ERROR = 0xffff,
};

enum frame_flag {
    FRAME_MORE = 1, /* of a paged reply: ask again for the rest */
};

struct frame_header {
    uint32_t length; /* of the body */
    uint16_t type;   /* enum frame_type */
    uint16_t flags;  /* enum frame_flag; 0 in requests */
};

struct hello_request {
    uint32_t magic;
    uint32_t version;
};

struct hello_reply {
    uint32_t magic;
    uint32_t version;
    uint32_t pid;     /* in the process's own pid namespace */
    uint32_t uid;     /* effective */
    char library[32]; /* CORO_VERSION */
    char program[16]; /* /proc/self/comm */
    uint64_t reserved[4];
};

struct list_request {
    uint64_t after_id;    /* threads with larger ids only; 0: from the first */
    uint32_t max_records; /* 0: as many as fit */
    uint32_t reserved;
};

/* Followed by count records of record_bytes each, every one a struct co_info of the server's
 * release. FRAME_MORE: go on with after_id = the id of the last. */
struct list_reply {
    uint32_t count;
    uint32_t record_bytes;
    uint64_t reserved;
};

/* The stacks of threads: registers, and memory from the stack pointer up. */
struct stacks_request {
    uint64_t after_id;        /* threads with larger ids only; 0: from the first */
    uint64_t only_id;         /* this thread alone, or STACK_OF_RUNNING; 0: all */
    uint32_t max_stack_bytes; /* of each; the rest can be had by MEMORY */
    uint32_t reserved;
};

/* Followed by count records, each a struct co_stack_info of info_bytes and the memory that it says
 * follows. FRAME_MORE: go on with after_id = the id of the last. */
struct stacks_reply {
    uint32_t count;
    uint32_t info_bytes;
    uint64_t own_start, own_end; /* addresses of the library itself */
};

/* Memory of the process, at most MEMORY_MAX bytes. The reply's body is what could be read: less
 * where a page isn't there. */
struct memory_request {
    uint64_t address;
    uint64_t bytes;
};

#define MEMORY_MAX UINT32_C(32768)

#define SETTING_NAME_BYTES  32
#define SETTING_VALUE_BYTES 256

/* Followed by count records, each a struct setting of record_bytes: the CORO_* variables as they are
 * in the process. */
struct get_reply {
    uint32_t count;
    uint32_t record_bytes;
    uint64_t reserved;
};

struct setting {
    char name[SETTING_NAME_BYTES];
    char value[SETTING_VALUE_BYTES];
    char range[SETTING_VALUE_BYTES]; /* in words */
    uint32_t changeable;             /* by SET */
    uint32_t reserved;
};

/* Answered by a struct setting that says what holds now. */
struct set_request {
    uint64_t id; /* of this thread alone; 0: of the process */
    char name[SETTING_NAME_BYTES];
    char value[SETTING_VALUE_BYTES];
};

/* Sends a signal to one thread, as pthread_kill does. */
struct signal_request {
    uint64_t id;
    uint32_t signal; /* from 1 */
    uint32_t reserved;
};

/* Cancels a thread, as pthread_cancel does. The program does so when it comes to it: ask again with
 * the ticket from the reply how it went. */
struct cancel_request {
    uint64_t ticket; /* 0: do it now */
    uint64_t id;
};

/* Calls a function in a thread made for it; ticket as above. Only where CORO_CALL is on. */
struct call_request {
    uint64_t ticket;
    struct call_info call;
};

/* A trace of what threads do. One client at a time has one, and it ends with the client. */
enum trace_operation {
    TRACE_START = 1,
    TRACE_READ = 2,
    TRACE_STOP = 3, /* what is left can still be read */
};

struct trace_request {
    uint32_t operation; /* enum trace_operation */
    uint32_t reserved;
    uint64_t taken; /* TRACE_READ: the client has read all events before this number */
};

/* Events are in shared memory, whose descriptor comes with the reply to TRACE_START: number n is in
 * place n % ring_events, in the order of time, and all before `written` are there. After TRACE_READ the
 * struct is followed by count others that are not there: stalls, which belong among the rest by their
 * time, and after TRACE_STOP what has come last. Every one is a struct trace_event of the server's release, of
 * event_bytes. FRAME_MORE: after TRACE_STOP, there are others still. */
struct trace_reply {
    uint32_t count;
    uint32_t event_bytes;
    uint64_t now;    /* by the clock of the events, whose rate is constant */
    uint64_t now_ns; /* CLOCK_MONOTONIC */
    uint64_t written;
    uint64_t ring_events;
};

struct latency_request {
    uint32_t restart; /* 1: the figures begin anew after this answer */
    uint32_t reserved;
};

/* Where thread @tid took the lock at @address, which it holds. */
struct lock_site_request {
    uint64_t address;
    uint64_t tid;
};

struct lock_site_reply {
    uint64_t pc; /* where the call returns to; 0: not known */
    uint64_t held_ns;
    uint32_t remembers; /* CORO_LOCK_SITES is on */
    uint32_t reserved;
};

/* The locks that are held, as far as CORO_LOCK_SITES remembers where they were taken. */
struct held_request {
    uint32_t next; /* 0: from the first */
    uint32_t reserved;
};

/* Followed by count records, each a struct held_lock of record_bytes. FRAME_MORE: go on with this next. */
struct held_reply {
    uint32_t count;
    uint32_t record_bytes;
    uint32_t next;
    uint32_t remembers; /* CORO_LOCK_SITES is on */
};

struct held_lock {
    uint64_t address;
    uint64_t pc; /* where the call returns to */
    uint64_t held_ns;
    uint32_t tid;
    uint32_t kind; /* enum wait_kind: WAIT_MUTEX, or WAIT_RWLOCK for writing */
};

struct doctor_request {
    uint64_t skip; /* so many objects */
};

/* Followed by count records, each a struct doctor_object of record_bytes. FRAME_MORE: go on with so many
 * more to skip. */
struct doctor_reply {
    uint32_t count;
    uint32_t record_bytes;
    uint32_t facts; /* enum doctor_fact */
    uint32_t reserved;
};

enum protocol_error {
    PROTOCOL_UNKNOWN_REQUEST = 1,
    PROTOCOL_MALFORMED = 2,   /* too short for its type, or a value that cannot be */
    PROTOCOL_NOT_GREETED = 3, /* no HELLO yet, or one of another version */
    PROTOCOL_FAILED = 4,      /* see text */
    PROTOCOL_DENIED = 5,      /* see text: the process does not allow it */
};

struct error_reply {
    uint32_t code;    /* enum protocol_error */
    uint32_t request; /* the type that was asked for */
    char text[120];
};

#endif
