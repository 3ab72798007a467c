/* The libc types that the table's rows name, as the kernel's layout has them. Below the gate there
 * are no libc headers; above it (doors) libc's own come first and these are skipped. */
#ifndef CORO_TYPES_H
#define CORO_TYPES_H

#ifndef CORO_LIBC_TYPES
#include <linux/types.h>
#include <linux/poll.h>
#include <linux/eventpoll.h>
#include <linux/uio.h>
#include <linux/posix_types.h>
#include <linux/time_types.h>

#include "runtime/base.h"

typedef long ssize_t;
typedef long off_t;
typedef int pid_t;
typedef unsigned int socklen_t;
typedef unsigned long nfds_t;
typedef __kernel_fd_set fd_set;

struct sockaddr;
struct rusage;
struct timespec;
struct timeval;

struct msghdr {
    void *msg_name;
    socklen_t msg_namelen;
    struct iovec *msg_iov;
    size_t msg_iovlen;
    void *msg_control;
    size_t msg_controllen;
    int msg_flags;
};

struct mmsghdr {
    struct msghdr msg_hdr;
    unsigned int msg_len;
};
#endif

#endif
