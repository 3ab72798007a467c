/* What the two echo servers and their client agree on. */
#ifndef ECHO_H
#define ECHO_H

enum {
    ECHO_BACKLOG = 4096,
    ECHO_BUFFER_BYTES = 4096,
    ECHO_LIMIT_S = 120, /* a server that nobody stopped ends itself */
};

/* Listens on a free port of the loopback, prints `port N tcp`, and returns the descriptor. */
int echo_listen(void);

/* Small messages go out at once. */
void echo_no_delay(int fd);

#endif
