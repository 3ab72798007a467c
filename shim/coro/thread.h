/* Threads that call any function with any arguments.
 *
 * A signature names what a function returns and, in parentheses, what it takes:
 *
 *     "v()"  "i(d,p)"  "d(iiq)"  "p({il}p)"
 *
 *     b B  int8_t, uint8_t     h H  short, unsigned short     i I  int, unsigned
 *     l L  long, unsigned long     q Q  int64_t, uint64_t     f d  float, double
 *     p  any pointer     v  void, as a result only     {...}  a struct of these, in order
 *
 * Commas and spaces between them mean nothing. char is b, bool is B, size_t is L, ssize_t is l, an enum is
 * I or i. Arrays in structs are written out; structs may nest, 8 deep; at most 32 arguments. A struct is
 * passed to coro_* by its address and copied at the call: the function called gets it by value.
 *
 * Errors of all that take a signature: EINVAL (the signature; fn is NULL), ELIBACC (libffi.so.8, which
 * makes the call, can't be loaded), ENOMEM. */
#ifndef CORO_API_THREAD_H
#define CORO_API_THREAD_H

#include "base.h"

CORO_BEGIN

#define CORO_NAME_BYTES 16 /* with the 0; longer names are cut */

enum coro_state {
    CORO_STATE_NEW, /* not started */
    CORO_STATE_RUNNABLE,
    CORO_STATE_RUNNING,
    CORO_STATE_WAITING,
    CORO_STATE_ENDED, /* its result waits for a join */
};

/* What is known of one thread. */
struct coro_info {
    uint64_t size; /* of this struct, set by the caller: sizeof(struct coro_info) */
    coro_id id;
    coro_id parent; /* who made it; it may be gone. 0: nobody did */
    uint32_t state; /* enum coro_state */
    int32_t tid;    /* what gettid() says there; 0 before it runs */
    char name[CORO_NAME_BYTES];
    double cpu_seconds;   /* sampled */
    double state_seconds; /* since it is in that state */
    uint64_t slices;      /* times it was given the processor */
    uint64_t preemptions; /* times it was taken away */
    uint32_t selfishness; /* coro_set_selfishness */
    uint32_t children;    /* made by coro_new or coro_spawn, and not yet joined */
};

/* The outcome of a function that was called elsewhere. */
struct coro_outcome {
    int error; /* 0: it returned. ECANCELED: it was shut down or left by pthread_exit; else what
                * coro_raise or coro_fail gave */
    union {
        int64_t i; /* what it returned: integers are widened */
        uint64_t u;
        double d; /* float too */
        void *p;
        unsigned char bytes[16]; /* a struct, its first 16 bytes */
    } value;
};

/* Makes a thread that will call @fn with the arguments that follow, and does not start it. It is a
 * child of the calling one. @name NULL: the function's. Returns its id, or 0. */
CORO_API coro_id coro_new(const char *name, coro_fn fn, const char *signature, ...);
CORO_API coro_id coro_vnew(const char *name, coro_fn fn, const char *signature, va_list arguments);

/* Starts it. ESRCH: no such thread; EALREADY: it was started; EAGAIN: the system has no room for
 * another thread; it may be tried again. */
CORO_API int coro_start(coro_id id);

/* coro_new and coro_start. */
CORO_API coro_id coro_spawn(const char *name, coro_fn fn, const char *signature, ...);
CORO_API coro_id coro_vspawn(const char *name, coro_fn fn, const char *signature,
                             va_list arguments);

/* Waits until thread @id, made here, has ended, and stores what it returned in *@result, an object of
 * the type in its signature (NULL: not wanted). The thread is then forgotten. WAITS.
 * EDEADLK: it is the calling thread; ESRCH: no such thread, or joined before; EINVAL: not made by
 * coro_new or coro_spawn, or not started; EBUSY: somebody else waits for it; ETIMEDOUT;
 * ECANCELED: it ended without returning (coro_join_outcome says why). */
CORO_API int coro_join(coro_id id, double seconds, void *result);

/* The same; how it ended is in *@outcome, which is no error. WAITS. */
CORO_API int coro_join_outcome(coro_id id, double seconds, struct coro_outcome *outcome);

/* Joins @count threads, in any order of their ends. @outcomes (NULL: not wanted) has @count entries, in
 * the order of @ids. Errors as for coro_join, of the first in order that has one, with ECANCELED when
 * one did not return; all others have been joined then. After ETIMEDOUT, those that haven't ended
 * have EINPROGRESS as their outcome's error and can be joined later. WAITS. */
CORO_API int coro_join_all(const coro_id *ids, size_t count, double seconds,
                           struct coro_outcome *outcomes);

/* Joins all children of the calling thread that have been started, those included that are made
 * meanwhile. ETIMEDOUT: some are left; ECANCELED: one did not return. WAITS. */
CORO_API int coro_join_children(double seconds);

/* Ends thread @id as pthread_cancel does: at its next cancellation point its cleanup handlers and
 * destructors run. One that was not started never will be, and is forgotten. Never fails: a thread
 * that has ended, or never was, is left alone. */
CORO_API void coro_shutdown(coro_id id);

/* The same, and coro_join_outcome will tell @error (> 0, else EINVAL). ESRCH: no such thread; ESTALE: it
 * has ended; EINVAL: not made here. A thread not started ends with @error at once. */
CORO_API int coro_raise(coro_id id, int error);

/* Ends the calling thread, or the function that coro_in_parallel called, with @error (> 0), running
 * cleanup handlers and destructors. Returns only when it can't: EINVAL. */
CORO_API int coro_fail(int error);

/* Nobody will join it: it is forgotten when it ends. Errors as for coro_join. */
CORO_API int coro_detach(coro_id id);

/* The calling thread. Never fails. */
CORO_API coro_id coro_current(void);

/* Who made thread @id (it may be gone); 0 with errno ESRCH, or 0 alone: nobody did. */
CORO_API coro_id coro_parent(coro_id id);

/* The children of @id, made by coro_new or coro_spawn and not yet joined, oldest first: stores up to
 * @room ids and returns how many there are. -1: ESRCH. */
CORO_API ssize_t coro_children(coro_id id, coro_id *ids, size_t room);

/* All threads of the process, those not started and those not joined included, by id: stores up to
 * @room and returns how many there are. On the kernel's threads (coro_is_running() is 0), those made here
 * and the calling one. */
CORO_API ssize_t coro_all(coro_id *ids, size_t room);

/* Fills *@info, whose size is set. ESRCH: no such thread; EINVAL: the size. */
CORO_API int coro_by_id(coro_id id, struct coro_info *info);

CORO_END

#endif
