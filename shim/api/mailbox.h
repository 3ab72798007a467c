/* What the two halves of mailboxes share (sending and finding: mailbox.c; receiving:
 * mailbox_receive.c), and what those need who know when threads end. */
#ifndef CORO_API_MAILBOX_INTERNAL_H
#define CORO_API_MAILBOX_INTERNAL_H

#include "shim/api/meeting.h"
#include "shim/api/ring.h"
#include "shim/coro/mailbox.h"

struct mailbox {
    struct meeting meeting;
    coro_id owner;        /* 0: none */
    struct mailbox *next; /* in its bucket, or free */
    size_t limit;
    uint64_t messages_ever;
    struct ring messages; /* struct coro_message */
};

/* What a taker waits for. */
struct wish {
    struct coro_message *message; /* NULL: to be told that there is a new one */
    bool any;
    long type;
};

/* Begins a visit to the mailbox of thread @id. 0, -ESRCH: it has none and can't have one, or another
 * error. */
int mailbox_enter(struct visit *visit, coro_id id, int64_t timeout_ns, struct mailbox **found);

bool mailbox_is_full(const struct mailbox *mailbox);

/* Makes room in the ring if there may be more in it. 0 or -errno, then the visit is over. */
int mailbox_make_room(struct mailbox *mailbox, struct visit *visit, coro_id id);

/* Senders come in while there is room. A caller stays, among the others. */
void mailbox_let_in(struct mailbox *mailbox);

/* Thread @id ends and will receive nothing more: whoever waits for it fails with ESRCH. */
void mailbox_close(uint64_t id);

/* The same within the runtime, for the running coroutine. */
void mailbox_thread_ended(uint64_t id);

/* In the child of a fork: nobody has a mailbox. */
void mailbox_after_fork(void);

#endif
