/* The soak's rounds (soak.c) and loads (load_*.c).
 *
 * A load runs in a thread of its own, with as many threads of its own as it likes, until
 * round_is_over; then it ends all of them, checks that nothing was lost, and returns. Signals with
 * SA_RESTART handlers reach any thread at any time. */
#ifndef TESTS_SOAK_H
#define TESTS_SOAK_H

#include "tests/programs/net.h"

#include <stdbool.h>

/* What was done, over all rounds; each is counted when it has been verified. */
enum count { MESSAGES, REPLIES, RESETS, CANCELS, SIGNALS, FORKS, THREADS, COUNTS };

struct load {
    const char *name;
    void (*run)(uint64_t *random);
};

extern const struct load loads[];
extern const int load_count;

bool round_is_over(void);
void counted(enum count what, long times);

/* A number below @limit; @random is the caller's own generator. */
uint64_t below(uint64_t *random, uint64_t limit);

/* A generator for a thread, seeded from @random. */
uint64_t split(uint64_t *random);

/* All of @data is written; false when the other end has gone. */
bool write_full(int fd, const void *data, size_t size);

void load_queue(uint64_t *random);
void load_lanes(uint64_t *random);
void load_server(uint64_t *random);
void load_cancels(uint64_t *random);
void load_signals(uint64_t *random);
void load_forks(uint64_t *random);
void load_churn(uint64_t *random);
void load_files(uint64_t *random);
void load_locks(uint64_t *random);

#endif
