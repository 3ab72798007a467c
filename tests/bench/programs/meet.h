/* Channels and mailboxes for the benchmarks: coroshim's where it is there, and otherwise what a program
 * would make of a mutex and condition variables. */
#ifndef BENCH_MEET_H
#define BENCH_MEET_H

#include <coro.h>
#include <stdint.h>

/* A channel without a place of its own: put returns when get has the value. */
void meet_channel_init(void);
void meet_channel_put(intptr_t value);
intptr_t meet_channel_get(void);

/* The mailbox of the thread that calls meet_mailbox_init, for up to MEET_ROOM messages. */
enum { MEET_ROOM = 1000 };
void meet_mailbox_init(void);
void meet_mailbox_put(intptr_t value);
intptr_t meet_mailbox_get(void);

#endif
