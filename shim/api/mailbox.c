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

#include "shim/coro/thread.h"

#define BUCKETS (1U << 14)

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
    meeting_init(&mailbox->meeting, WAIT_MAILBOX);
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

int mailbox_enter(struct visit *visit, coro_id id, int64_t timeout_ns, struct mailbox **found)
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

bool mailbox_is_full(const struct mailbox *mailbox)
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

void mailbox_let_in(struct mailbox *mailbox)
{
    struct waiter *giver;
    while (!mailbox_is_full(mailbox) && (giver = meeting_first(&mailbox->meeting, GIVERS))) {
        struct letter *letter = giver->value;
        if (mailbox->messages.count == mailbox->messages.capacity)
            return; /* the limit was raised: mailbox_set_limit makes room */
        letter->message.call = letter->is_call ? giver->ticket : 0;
        deliver(mailbox, letter);
        if (letter->is_call)
            meeting_shift(&mailbox->meeting, giver, OTHERS);
        else
            meeting_wake(&mailbox->meeting, giver, 0);
    }
}

int mailbox_make_room(struct mailbox *mailbox, struct visit *visit, coro_id id)
{
    while (mailbox->messages.count == mailbox->messages.capacity && !mailbox_is_full(mailbox)) {
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
    if (!mailbox_is_full(mailbox)) {
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
    int error = mailbox_enter(&visit, to, timeout, &mailbox);
    if (error)
        return error;
    do {
        error = mailbox_make_room(mailbox, &visit, to);
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
    struct coro_message ignored = { 0 };
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
