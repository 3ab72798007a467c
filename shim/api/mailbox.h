/* Mailboxes, for those who know when threads end. */
#ifndef CORO_API_MAILBOX_INTERNAL_H
#define CORO_API_MAILBOX_INTERNAL_H

#include <stdint.h>

/* Thread @id ends and will receive nothing more: whoever waits for it fails with ESRCH. */
void mailbox_close(uint64_t id);

/* The same within the runtime, for the running coroutine. */
void mailbox_thread_ended(uint64_t id);

/* In the child of a fork: nobody has a mailbox. */
void mailbox_after_fork(void);

#endif
