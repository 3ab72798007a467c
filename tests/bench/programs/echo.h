/* What the two echo servers and their client agree on. */
#ifndef ECHO_H
#define ECHO_H

#include <sys/epoll.h>

enum {
    ECHO_BACKLOG = 4096,
    ECHO_BUFFER_BYTES = 4096,
    ECHO_LIMIT_S = 120, /* a server that nobody stopped ends itself */
    ECHO_EVENTS = 512,  /* of one echo_wait */
};

/* Listens on a free port of the loopback, prints `port N tcp`, and returns the descriptor. */
int echo_listen(void);

/* Small messages go out at once. */
void echo_no_delay(int fd);

/* For the event loops: an epoll set, edge-triggered, in which @listener, nonblocking now, has @data. */
int echo_poller(int listener, epoll_data_t data);

/* Waits for events, of which @events has room for ECHO_EVENTS. Returns how many; 0 after a signal. */
int echo_wait(int poller, struct epoll_event *events);

#endif
