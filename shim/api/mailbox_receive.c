/* Receiving from one's own mailbox: see mailbox.c for what holds. Only its thread takes messages out, so what a
 * match function, which runs outside of the visit, leaves in place is still there, unless it received
 * itself: the message is found again by its number. */
#include "shim/api/mailbox.h"

#include "shim/coro/thread.h"

static int enter_own(struct visit *visit, double seconds, struct mailbox **mailbox)
{
    int64_t timeout;
    if (!meeting_timeout(seconds, &timeout))
        return -EINVAL;
    return mailbox_enter(visit, coro_current(), timeout, mailbox);
}

/* Takes the message at @index and ends the visit. */
static void take(struct mailbox *mailbox, struct visit *visit, size_t index,
                 struct coro_message *message)
{
    ring_copy(&mailbox->messages, message, ring_at(&mailbox->messages, index));
    ring_remove(&mailbox->messages, index);
    mailbox_let_in(mailbox);
    meeting_leave(visit);
}

static int receive(const struct wish *wish, double seconds)
{
    struct visit visit;
    struct mailbox *mailbox;
    struct waiter self = { .value = (void *)wish };
    int error = enter_own(&visit, seconds, &mailbox);
    if (error)
        return error;
    do {
        const struct ring *messages = &mailbox->messages;
        for (size_t i = 0; i < messages->count; i++) {
            const struct coro_message *message = ring_at(messages, i);
            if (wish->any || message->type == wish->type) {
                take(mailbox, &visit, i, wish->message);
                return 0;
            }
        }
        error = meeting_wait(&visit, TAKERS, &self);
    } while (error == MEETING_AGAIN);
    return error;
}

int coro_mailbox_receive(struct coro_message *message, double seconds)
{
    struct wish wish = { .message = message, .any = true };
    return meeting_result(receive(&wish, seconds));
}

int coro_mailbox_receive_type(long type, struct coro_message *message, double seconds)
{
    struct wish wish = { .message = message, .type = type };
    return meeting_result(receive(&wish, seconds));
}

/* The index of the first message after number @seen; the count when there is none. */
static size_t first_after(const struct ring *messages, uint64_t seen)
{
    size_t index = 0;
    while (index < messages->count &&
           ((struct coro_message *)ring_at(messages, index))->number <= seen)
        index++;
    return index;
}

/* Shows all messages after @seen to @matches, outside of the visit. MEETING_AGAIN: none matches. */
static int search(struct mailbox *mailbox, struct visit *visit, coro_match *matches, void *context,
                  struct coro_message *message, uint64_t *seen)
{
    for (size_t index;
         (index = first_after(&mailbox->messages, *seen)) < mailbox->messages.count;) {
        *message = *(struct coro_message *)ring_at(&mailbox->messages, index);
        meeting_leave(visit);
        bool matched = matches(message, context);
        int error = meeting_return(visit);
        if (error)
            return error;
        index = first_after(&mailbox->messages, message->number - 1);
        *seen = message->number;
        if (matched && index < mailbox->messages.count &&
            ((struct coro_message *)ring_at(&mailbox->messages, index))->number == *seen) {
            take(mailbox, visit, index, message);
            return 0;
        }
    }
    return MEETING_AGAIN;
}

int coro_mailbox_receive_match(coro_match *matches, void *context, struct coro_message *message,
                               double seconds)
{
    struct visit visit;
    struct mailbox *mailbox;
    struct coro_message found;
    struct wish wish = { .message = NULL };
    struct waiter self = { .value = &wish };
    uint64_t seen = 0;
    int error = matches ? enter_own(&visit, seconds, &mailbox) : -EINVAL;
    while (!error) {
        error = search(mailbox, &visit, matches, context, &found, &seen);
        if (error != MEETING_AGAIN)
            break;
        self.ticket = 0;
        error = meeting_wait(&visit, TAKERS, &self);
        if (!error) /* there is a new one */
            error = meeting_return(&visit);
        else if (error == MEETING_AGAIN)
            error = 0;
    }
    if (!error)
        *message = found;
    return meeting_result(error);
}

ssize_t coro_mailbox_receive_batch(struct coro_message *messages, size_t room, double seconds,
                                   double batch_seconds)
{
    int64_t ignored;
    if (!room || !meeting_timeout(batch_seconds, &ignored))
        return meeting_result(-EINVAL);
    if (coro_mailbox_receive(messages, seconds) != 0)
        return -1;
    uint64_t until = meeting_deadline(batch_seconds);
    size_t count = 1;
    int before = errno;
    while (count < room &&
           coro_mailbox_receive(&messages[count], meeting_seconds_until(until)) == 0)
        count++;
    errno = before;
    return (ssize_t)count;
}

int coro_mailbox_set_limit(size_t limit)
{
    struct visit visit;
    struct mailbox *mailbox;
    coro_id self = coro_current();
    int error = mailbox_enter(&visit, self, DONT_WAIT, &mailbox);
    if (error)
        return meeting_result(error);
    mailbox->limit = limit;
    do {
        error = mailbox_make_room(mailbox, &visit, self);
        if (error)
            return meeting_result(error);
        mailbox_let_in(mailbox);
    } while (mailbox->meeting.count[GIVERS] && !mailbox_is_full(mailbox));
    meeting_leave(&visit);
    return 0;
}

ssize_t coro_mailbox_length(coro_id id)
{
    struct visit visit;
    struct mailbox *mailbox;
    int error = mailbox_enter(&visit, id ? id : coro_current(), DONT_WAIT, &mailbox);
    if (error)
        return meeting_result(error);
    size_t length = mailbox->messages.count;
    meeting_leave(&visit);
    return (ssize_t)length;
}
