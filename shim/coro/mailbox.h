/* Mailboxes and messages: every thread has a mailbox, which others send to by the thread's id.
 *
 * Messages of one sender come in the order in which they were sent. A mailbox holds at most as many as its
 * thread allows; who sends more waits. It ends with its thread: messages in it are dropped, and who waits
 * for its thread fails with ESRCH.
 *
 * Without coroutines, a thread that coro_spawn did not make has a mailbox once it has used it. The child
 * of a fork begins with empty ones.
 *
 * A message is copied; what its data points to is not, and belongs to whom the two sides agree on. */
#ifndef CORO_API_MAILBOX_H
#define CORO_API_MAILBOX_H

#include "base.h"

CORO_BEGIN

struct coro_message {
    long type; /* the sender's choice, as are data and bytes */
    void *data;
    size_t bytes;

    /* Filled in when it is sent. */
    coro_id from, to;
    uint64_t number; /* from 1, in the order of coming to this mailbox */
    uint64_t call;   /* who waits for the reply; 0: nobody does */
};

typedef int coro_match(const struct coro_message *message, void *context);

#define CORO_MAILBOX_LIMIT 1000 /* messages in a mailbox, unless its thread says otherwise */

/* The calling thread's own mailbox holds at most @limit messages; 0: any number. Those already in it
 * stay. */
CORO_API int coro_mailbox_set_limit(size_t limit);

/* How many messages wait in the mailbox of thread @id; 0: the calling one's. -1: ESRCH. */
CORO_API ssize_t coro_mailbox_length(coro_id id);

/* Sends @message's type, data and bytes to thread @to and doesn't wait for what becomes of it. ESRCH: there
 * is no such thread, or it ended while this waited; ETIMEDOUT: its mailbox was full all the time; EINVAL: not a
 * number. WAITS when the mailbox is full. */
CORO_API int coro_mailbox_send(coro_id to, const struct coro_message *message, double seconds);

/* The same, and waits for the reply, which is stored in *@reply (NULL: not wanted), @seconds in all.
 * ETIMEDOUT: then a reply that comes later is refused; EDEADLK: to itself; any other error was sent by
 * coro_mailbox_reply_error. WAITS. */
CORO_API int coro_mailbox_call(coro_id to, const struct coro_message *message,
                               struct coro_message *reply, double seconds);

/* Answers the call @message, which may have been received by another thread: its caller gets @reply's type,
 * data and bytes. EINVAL: nobody waits for a reply to it; ESTALE: nobody does any more; ESRCH: the
 * thread that it was sent to has ended. */
CORO_API int coro_mailbox_reply(const struct coro_message *message,
                                const struct coro_message *reply);

/* The same, with an error: the caller's call fails with @error (> 0, else EINVAL). */
CORO_API int coro_mailbox_reply_error(const struct coro_message *message, int error);

/* Takes the calling thread's first message into *@message. ETIMEDOUT; EINVAL: not a number. WAITS. */
CORO_API int coro_mailbox_receive(struct coro_message *message, double seconds);

/* The first one of @type. Others stay, and count as long as they do. WAITS. */
CORO_API int coro_mailbox_receive_type(long type, struct coro_message *message, double seconds);

/* The first one for which @matches returns true (not 0); it may make any call. Others stay, and count
 * as long as they do. EINVAL: @matches is NULL. WAITS. */
CORO_API int coro_mailbox_receive_match(coro_match *matches, void *context,
                                        struct coro_message *message, double seconds);

/* Waits @seconds for the first message and, once it has come, @batch_seconds for more, until there are
 * @room. Returns how many are in @messages, or -1: ETIMEDOUT: there was none; EINVAL: not a number, or no
 * room. WAITS. */
CORO_API ssize_t coro_mailbox_receive_batch(struct coro_message *messages, size_t room,
                                            double seconds, double batch_seconds);

CORO_END

#endif
