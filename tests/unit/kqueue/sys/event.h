/* kqueue's declarations, as far as runtime/poll/kqueue.c uses them: what a system with kqueue has in
 * its own header (FreeBSD's kqueue(2)). The functions are in tests/unit/kqueue.c. */
#ifndef TESTS_KQUEUE_EVENT_H
#define TESTS_KQUEUE_EVENT_H

#include <stdint.h>
#include <time.h>

struct kevent {
    uintptr_t ident;
    short filter;
    unsigned short flags;
    unsigned fflags;
    int64_t data;
    void *udata;
    uint64_t ext[4];
};

#define EVFILT_READ   (-1)
#define EVFILT_WRITE  (-2)
#define EVFILT_SIGNAL (-6)

#define EV_ADD     0x0001
#define EV_DELETE  0x0002
#define EV_ENABLE  0x0004
#define EV_CLEAR   0x0020
#define EV_RECEIPT 0x0040
#define EV_ERROR   0x4000
#define EV_EOF     0x8000

#define EV_SET(event, ident_, filter_, flags_, fflags_, data_, udata_)                             \
    (*(event) = (struct kevent){ .ident = (uintptr_t)(ident_),                                     \
                                 .filter = (filter_),                                              \
                                 .flags = (flags_),                                                \
                                 .fflags = (fflags_),                                              \
                                 .data = (data_),                                                  \
                                 .udata = (udata_) })

int kqueue(void);
int kevent(int queue, const struct kevent *changes, int change_count, struct kevent *events,
           int event_count, const struct timespec *timeout);

#endif
