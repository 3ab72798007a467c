/* What the doors of pthreads know of libc's insides, found out at load (shim/init.c). */
#ifndef CORO_DOORS_PTHREAD_H
#define CORO_DOORS_PTHREAD_H

#include "runtime/base.h"

struct nptl {
    uint32_t tid_offset; /* of struct pthread.tid from pthread_self(); 0: not found */
};

extern struct nptl doors_nptl;

#endif
