/* Mailboxes (coro/mailbox.h): a meeting for each thread that anybody has sent to, found by its id.
 *
 * Takers: the mailbox's own thread. Givers: those who send to a full one. Others: callers whose message was
 * received or lies in the ring, until the reply. A caller that finds the mailbox full begins as a giver, and
 * whoever puts its message into the ring makes it one of the others, in the same step: so a reply finds
 * it. Its waiter's ticket is the number of its call.
 *
 * `table` is a meeting as well: a visit goes on from it to the mailbox. Mailboxes are never freed but used
 * again for another thread, so a visit to a stale one is safe, and `owner` tells. */
#include "shim/api/mailbox.h"

#include <stdlib.h>

#include "shim/api/meeting.h"
#include "shim/api/ring.h"
#include "shim/coro/mailbox.h"
#include "shim/coro/thread.h"

#define BUCKETS (1U << 14)

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

/* A caller or a sender: what its waiter points to. */
struct letter {
    struct coro_message message;
    struct coro_message *reply;
    bool is_call;
};

static struct {
    struct meeting meeting;
    struct mailbox *free;
    struct mailbox *buckets[BUCKETS];
    bool in_use;
} table;

/* ---- finding ---- */

static struct mailbox **place_of(coro_id id)
{
    struct mailbox **place = &table.buckets[id % BUCKETS];
    while (*place && (*place)->owner != id)
        place = &(*place)->next;
    return place;
}

/* At the table. A mailbox for @id, which has none; @fresh is one that is not in use. */
static struct mailbox *give_mailbox(coro_id id, struct mailbox **fresh)
{
    struct mailbox *mailbox = table.free;
    if (mailbox) {
        table.free = mailbox->next;
    } else {
        mailbox = *fresh;
        *fresh = NULL;
    }
    mailbox->owner = id;
    mailbox->limit = CORO_MAILBOX_LIMIT;
    mailbox->messages_ever = 0;
    mailbox->next = NULL;
    *place_of(id) = mailbox;
    return mailbox;
}

static struct mailbox *new_mailbox(void)
{
    struct mailbox *mailbox = malloc(sizeof(*mailbox));
    if (!mailbox)
        return NULL;
    *mailbox = (struct mailbox){ .messages.bytes = sizeof(struct coro_message) };
    meeting_init(&mailbox->meeting);
    return mailbox;
}

static bool is_thread(coro_id id)
{
    struct coro_info info = { .size = sizeof(info) };
    int before = errno;
    bool is =
        id == coro_current() || (coro_by_id(id, &info) == 0 && info.state != CORO_STATE_ENDED);
    errno = before;
    return is;
}

/* Makes a mailbox for thread @id, unless it has one by now. 0 or -errno. */
static int make_mailbox(coro_id id)
{
    struct visit visit;
    struct mailbox *fresh = is_thread(id) ? new_mailbox() : NULL;
    if (!fresh)
        return is_thread(id) ? -ENOMEM : -ESRCH;
    int error = meeting_enter(&visit, &table.meeting, DONT_WAIT);
    if (!error) {
        table.in_use = true;
        if (!*place_of(id))
            give_mailbox(id, &fresh);
        meeting_leave(&visit);
    }
    free(fresh);
    if (!error && !is_thread(id)) { /* it ended meanwhile */
        mailbox_close(id);
        error = -ESRCH;
    }
    return error;
}

/* Begins a visit to the mailbox of thread @id. 0, -ESRCH or another error. */
static int enter(struct visit *visit, coro_id id, int64_t timeout_ns, struct mailbox **found)
{
    for (;;) {
        int error = meeting_enter(visit, &table.meeting, timeout_ns);
        if (error)
            return error;
        struct mailbox *mailbox = *place_of(id);
        if (likely(mailbox)) {
            *found = mailbox;
            meeting_move(visit, &mailbox->meeting);
            if (likely(mailbox->owner == id))
                return 0;
        }
        meeting_leave(visit);
        error = mailbox ? -ESRCH : make_mailbox(id);
        if (error)
            return error;
    }
}

/* At the table, before and after. The ring's memory is kept for the next thread. */
static void close_mailbox(struct visit *visit, coro_id id)
{
    struct mailbox **place = place_of(id), *mailbox = *place;
    if (!mailbox)
        return;
    *place = mailbox->next;
    meeting_move(visit, &mailbox->meeting);
    mailbox->owner = 0;
    mailbox->messages.count = 0;
    for (int side = 0; side < SIDES; side++)
        meeting_wake_all(&mailbox->meeting, side, -ESRCH);
    meeting_move(visit, &table.meeting);
    mailbox->next = table.free;
    table.free = mailbox;
}

void mailbox_close(uint64_t id)
{
    struct visit visit;
    if (!table.in_use || meeting_enter(&visit, &table.meeting, DONT_WAIT) != 0)
        return;
    close_mailbox(&visit, id);
    meeting_leave(&visit);
}

void mailbox_thread_ended(uint64_t id)
{
    struct visit visit;
    if (!table.in_use)
        return;
    meeting_within(&visit, &table.meeting);
    close_mailbox(&visit, id);
}

/* The child has none of the threads, and the one that it has begins anew. */
void mailbox_after_fork(void)
{
    for (size_t i = 0; table.in_use && i < BUCKETS; i++) {
        for (struct mailbox *mailbox; (mailbox = table.buckets[i]);) {
            table.buckets[i] = mailbox->next;
            mailbox->owner = 0;
            mailbox->messages = (struct ring){ .bytes = sizeof(struct coro_message) };
            mailbox->next = table.free;
            table.free = mailbox;
        }
    }
}

/* ---- sending ---- */

static bool is_full(const struct mailbox *mailbox)
{
    return mailbox->limit && mailbox->messages.count >= mailbox->limit;
}

/* To the thread itself, if it waits for such a one, or into the ring, where there is room. */
static void deliver(struct mailbox *mailbox, struct letter *letter)
{
    struct waiter *taker = meeting_first(&mailbox->meeting, TAKERS);
    struct wish *wish = taker ? taker->value : NULL;
    letter->message.to = mailbox->owner;
    letter->message.number = ++mailbox->messages_ever;
    bool direct = wish && wish->message && (wish->any || wish->type == letter->message.type);
    if (direct)
        *wish->message = letter->message;
    else
        ring_push(&mailbox->messages, &letter->message);
    if (direct || (wish && !wish->message))
        meeting_wake(&mailbox->meeting, taker, 0);
}

/* Senders come in while there is room. A caller stays, among the others. */
static void let_in(struct mailbox *mailbox)
{
    struct waiter *giver;
    while (!is_full(mailbox) && (giver = meeting_first(&mailbox->meeting, GIVERS))) {
        struct letter *letter = giver->value;
        if (mailbox->messages.count == mailbox->messages.capacity)
            return; /* the limit was raised: let_in_all makes room */
        letter->message.call = letter->is_call ? giver->ticket : 0;
        deliver(mailbox, letter);
        if (letter->is_call)
            meeting_shift(&mailbox->meeting, giver, OTHERS);
        else
            meeting_wake(&mailbox->meeting, giver, 0);
    }
}

/* Makes room in the ring if there may be more in it. 0 or -errno, then the visit is over. */
static int make_room(struct mailbox *mailbox, struct visit *visit, coro_id id)
{
    while (mailbox->messages.count == mailbox->messages.capacity && !is_full(mailbox)) {
        int error = ring_grow(&mailbox->messages, visit, mailbox->limit);
        if (error)
            return error;
        if (mailbox->owner != id) {
            meeting_leave(visit);
            return -ESRCH;
        }
    }
    return 0;
}

/* At the mailbox: puts the letter in, or waits until somebody else has. */
static int put(struct mailbox *mailbox, struct visit *visit, struct waiter *self)
{
    struct letter *letter = self->value;
    if (!is_full(mailbox)) {
        letter->message.call = letter->is_call ? meeting_ticket(&mailbox->meeting, self) : 0;
        deliver(mailbox, letter);
        if (letter->is_call)
            return meeting_wait(visit, OTHERS, self);
        meeting_leave(visit);
        return 0;
    }
    return meeting_wait(visit, GIVERS, self);
}

static int send(coro_id to, struct letter *letter, double seconds)
{
    struct visit visit;
    struct mailbox *mailbox;
    struct waiter self = { .value = letter };
    int64_t timeout;
    if (!meeting_timeout(seconds, &timeout))
        return -EINVAL;
    letter->message.from = coro_current();
    int error = enter(&visit, to, timeout, &mailbox);
    if (error)
        return error;
    do {
        error = make_room(mailbox, &visit, to);
        if (error)
            return error;
        error = self.side == OTHERS && self.ticket ? meeting_wait(&visit, OTHERS, &self)
                                                   : put(mailbox, &visit, &self);
        if (error == MEETING_AGAIN && mailbox->owner != to) {
            meeting_leave(&visit);
            return -ESRCH;
        }
    } while (error == MEETING_AGAIN);
    return error;
}

static struct coro_message content_of(const struct coro_message *message)
{
    return (struct coro_message){ .type = message->type,
                                  .data = message->data,
                                  .bytes = message->bytes };
}

int coro_mailbox_send(coro_id to, const struct coro_message *message, double seconds)
{
    struct letter letter = { .message = content_of(message) };
    return meeting_result(send(to, &letter, seconds));
}

int coro_mailbox_call(coro_id to, const struct coro_message *message, struct coro_message *reply,
                      double seconds)
{
    struct coro_message ignored;
    struct letter letter = { .message = content_of(message),
                             .reply = reply ? reply : &ignored,
                             .is_call = true };
    if (to == coro_current())
        return meeting_result(-EDEADLK);
    return meeting_result(send(to, &letter, seconds));
}

/* Ends the call with the reply, or with @error. */
static int answer(const struct coro_message *message, const struct coro_message *reply, int error)
{
    struct visit visit;
    struct list *node, *after;
    if (!message->call)
        return -EINVAL;
    int failed = meeting_enter(&visit, &table.meeting, DONT_WAIT);
    if (failed)
        return failed;
    struct mailbox *mailbox = *place_of(message->to);
    if (mailbox)
        meeting_move(&visit, &mailbox->meeting);
    failed = mailbox && mailbox->owner == message->to ? -ESTALE : -ESRCH;
    if (failed == -ESTALE) {
        list_for_each (node, after, &mailbox->meeting.waiting[OTHERS]) {
            struct waiter *caller = container_of(node, struct waiter, link);
            if (caller->ticket != message->call)
                continue;
            if (reply)
                *((struct letter *)caller->value)->reply = *reply;
            meeting_wake(&mailbox->meeting, caller, -error);
            failed = 0;
            break;
        }
    }
    meeting_leave(&visit);
    return failed;
}

int coro_mailbox_reply(const struct coro_message *message, const struct coro_message *reply)
{
    struct coro_message content = content_of(reply);
    content.from = coro_current();
    content.to = message->from;
    return meeting_result(answer(message, &content, 0));
}

int coro_mailbox_reply_error(const struct coro_message *message, int error)
{
    return meeting_result(error > 0 ? answer(message, NULL, error) : -EINVAL);
}

/* ---- receiving ---- */

static int enter_own(struct visit *visit, double seconds, struct mailbox **mailbox)
{
    int64_t timeout;
    if (!meeting_timeout(seconds, &timeout))
        return -EINVAL;
    return enter(visit, coro_current(), timeout, mailbox);
}

/* Takes the message at @index and ends the visit. */
static void take(struct mailbox *mailbox, struct visit *visit, size_t index,
                 struct coro_message *message)
{
    ring_copy(&mailbox->messages, message, ring_at(&mailbox->messages, index));
    ring_remove(&mailbox->messages, index);
    let_in(mailbox);
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

/* ---- the rest ---- */

int coro_mailbox_set_limit(size_t limit)
{
    struct visit visit;
    struct mailbox *mailbox;
    coro_id self = coro_current();
    int error = enter(&visit, self, DONT_WAIT, &mailbox);
    if (error)
        return meeting_result(error);
    mailbox->limit = limit;
    do {
        error = make_room(mailbox, &visit, self);
        if (error)
            return meeting_result(error);
        let_in(mailbox);
    } while (mailbox->meeting.count[GIVERS] && !is_full(mailbox));
    meeting_leave(&visit);
    return 0;
}

ssize_t coro_mailbox_length(coro_id id)
{
    struct visit visit;
    struct mailbox *mailbox;
    int error = enter(&visit, id ? id : coro_current(), DONT_WAIT, &mailbox);
    if (error)
        return meeting_result(error);
    size_t length = mailbox->messages.count;
    meeting_leave(&visit);
    return (ssize_t)length;
}
