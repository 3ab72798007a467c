/* What an observer may have a process do in a thread of its own, and what became of it. Fixed-size
 * fields, part of the protocol (shim/protocol.h). */
#ifndef CORO_ERRAND_INFO_H
#define CORO_ERRAND_INFO_H

#include <stdint.h>

#define CALL_ARGUMENTS_MAX 16
#define CALL_NAME_BYTES    256
#define CALL_OBJECT_BYTES  512
#define CALL_TEXT_BYTES    2048

/* C types, as far as they differ in how they are passed. */
enum call_type {
    CALL_VOID = 0,
    CALL_INT8,
    CALL_UINT8,
    CALL_INT16,
    CALL_UINT16,
    CALL_INT32,
    CALL_UINT32,
    CALL_INT64,
    CALL_UINT64,
    CALL_FLOAT,
    CALL_DOUBLE,
    CALL_POINTER,
    CALL_STRING, /* the argument's value is where in `text` it begins; as a result, a pointer */
    CALL_TYPES,
};

enum call_flag {
    CALL_INDIRECT =
        1, /* at the address is a function that returns the function's (STT_GNU_IFUNC) */
};

/* The function is what the object exports as @name; without an object, what the program would find
 * under that name; or if that is nothing, at @address. */
struct call_info {
    uint64_t address;
    uint32_t flags;   /* enum call_flag */
    uint16_t returns; /* enum call_type */
    uint16_t count;   /* of arguments */
    uint16_t types[CALL_ARGUMENTS_MAX];
    uint64_t values[CALL_ARGUMENTS_MAX]; /* a float's or double's bits */
    char name[CALL_NAME_BYTES];
    char object[CALL_OBJECT_BYTES];
    char text[CALL_TEXT_BYTES]; /* strings, each with its NUL */
};

enum errand_state {
    ERRAND_NONE = 0, /* a free place, or never heard of */
    ERRAND_QUEUED,   /* the program has not come to it */
    ERRAND_RUNNING,
    ERRAND_DONE,
};

struct errand_info {
    uint64_t ticket;
    uint64_t thread;    /* of a call: the one that makes it, once there is one */
    uint64_t value;     /* what the function returned, its type's bits */
    uint32_t state;     /* enum errand_state */
    int32_t error;      /* 0, or why it was not done: see below */
    int32_t call_errno; /* errno after the call, 0 before */
    uint32_t reserved;
};

/* errand_info.error: ESRCH no such thread; ENOENT no such function; ELIBACC a library that it takes
 * cannot be loaded; EAGAIN no thread could be made; ECANCELED the thread ended in the call. */

#endif
