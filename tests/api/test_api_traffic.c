/* Random traffic through channels, queues and mailboxes, with time limits, cancelled threads and signals:
 * what was accepted arrives exactly once and in order, and nothing else does. */
#include "threads.h"

#define PRODUCERS 4
#define CONSUMERS 3
#define VALUES    3000 /* attempts a producer makes; the model's length */

enum { UNTRIED, TRIED, ACCEPTED, REFUSED };

static struct coro_channel *channel;
static struct coro_fifo *fifo;
static struct coro_queue *queue;
static coro_id reader;

struct value {
    int producer, number;
};

static int put_channel(const struct value *value, double seconds)
{
    return coro_channel_send(channel, value, seconds);
}

static int get_channel(struct value *value, double seconds)
{
    return coro_channel_receive(channel, value, seconds);
}

static int put_fifo(const struct value *value, double seconds)
{
    return coro_fifo_push(fifo, value, seconds);
}

static int get_fifo(struct value *value, double seconds)
{
    return coro_fifo_pop(fifo, value, seconds);
}

static int put_queue(const struct value *value, double seconds)
{
    return coro_queue_push(queue, value, value->producer % 2, seconds);
}

static int get_queue(struct value *value, double seconds)
{
    return coro_queue_pop(queue, value, NULL, seconds);
}

static int put_mailbox(const struct value *value, double seconds)
{
    struct coro_message message = { .type = value->producer, .bytes = (size_t)value->number };
    return coro_mailbox_send(reader, &message, seconds);
}

static int get_mailbox(struct value *value, double seconds)
{
    struct coro_message message;
    if (coro_mailbox_receive(&message, seconds) != 0)
        return -1;
    *value = (struct value){ (int)message.type, (int)message.bytes };
    return 0;
}

static const struct kind {
    const char *name;
    int (*put)(const struct value *value, double seconds);
    int (*get)(struct value *value, double seconds);
    int consumers;
    size_t limit;
} kinds[] = {
    { "channel", put_channel, get_channel, CONSUMERS, 0 },
    { "fifo of one", put_fifo, get_fifo, CONSUMERS, 1 },
    { "fifo of five", put_fifo, get_fifo, CONSUMERS, 5 },
    { "fifo", put_fifo, get_fifo, CONSUMERS, 0 },
    { "queue of two", put_queue, get_queue, CONSUMERS, 2 },
    { "queue", put_queue, get_queue, CONSUMERS, 0 },
    { "mailbox of one", put_mailbox, get_mailbox, 1, 1 },
    { "mailbox of four", put_mailbox, get_mailbox, 1, 4 },
};

static const struct kind *kind;

struct producer {
    int index, next;
    unsigned state;
    char fate[VALUES];
};

struct consumer {
    unsigned state;
    int last[PRODUCERS];
};

static struct producer producers[PRODUCERS];
static struct consumer consumers[CONSUMERS];
static int received[PRODUCERS][VALUES];
static int attempts; /* of each producer, in this run */

static double some_seconds(unsigned *state)
{
    unsigned face = roll(state, 10);
    return face == 0 ? 0 : face < 4 ? 1e-6 * roll(state, 300) : CORO_FOREVER;
}

/* A thread that follows it goes on behind the value that this one was cancelled at. */
static void *produce(void *argument)
{
    struct producer *self = argument;
    while (self->next < attempts) {
        struct value value = { self->index, self->next++ };
        self->fate[value.number] = TRIED;
        if (kind->put(&value, some_seconds(&self->state)) == 0)
            self->fate[value.number] = ACCEPTED;
        else if (errno == ETIMEDOUT)
            self->fate[value.number] = REFUSED;
        else
            ck_abort_msg("%s: put: %s", kind->name, strerror(errno));
    }
    return NULL;
}

static void *consume(void *argument)
{
    struct consumer *self = argument;
    struct value value;
    for (;;) {
        if (kind->get(&value, some_seconds(&self->state)) == 0) {
            __atomic_fetch_add(&received[value.producer][value.number], 1, __ATOMIC_SEQ_CST);
            must(value.number > self->last[value.producer]);
            self->last[value.producer] = value.number;
        } else if (errno == EPIPE) {
            return NULL;
        } else {
            must(errno == ETIMEDOUT);
        }
    }
}

/* The mailbox's reader ends by a message, since a mailbox isn't closed. */
static void read_mailbox(void *argument)
{
    struct consumer *self = argument;
    struct value value;
    must(coro_mailbox_set_limit(kind->limit) == 0);
    for (;;) {
        if (kind->get(&value, some_seconds(&self->state)) != 0)
            continue;
        if (value.producer < 0)
            return;
        received[value.producer][value.number]++;
        must(value.number > self->last[value.producer]);
        self->last[value.producer] = value.number;
    }
}

static void ignore(int signal)
{
    (void)signal;
}

static void set_up(void)
{
    attempts = is_way("linked") || is_way("preloaded") ? VALUES : VALUES / 6;
    channel = coro_channel_new(sizeof(struct value));
    fifo = coro_fifo_new(sizeof(struct value), kind->limit);
    queue = coro_queue_new(sizeof(struct value), kind->limit);
    for (int i = 0; i < PRODUCERS; i++)
        producers[i] = (struct producer){ .index = i, .state = (unsigned)i * 77 + 1 };
    for (int i = 0; i < CONSUMERS; i++) {
        consumers[i].state = (unsigned)i * 99 + 5;
        for (int j = 0; j < PRODUCERS; j++)
            consumers[i].last[j] = -1;
    }
    must(sigaction(SIGUSR1, &(struct sigaction){ .sa_handler = ignore }, NULL) == 0);
}

/* Cancels some thread or signals it; who was cancelled has a successor. */
static void disturb(pthread_t *thread, void *(*fn)(void *), void *argument, unsigned *state)
{
    if (roll(state, 3)) {
        pthread_kill(*thread, SIGUSR1);
        return;
    }
    must(pthread_cancel(*thread) == 0);
    end_of(*thread);
    *thread = start(fn, argument);
}

static int all_are_through(void)
{
    for (int i = 0; i < PRODUCERS; i++)
        if (__atomic_load_n(&producers[i].next, __ATOMIC_SEQ_CST) < attempts)
            return 0;
    return 1;
}

static void check(void)
{
    int accepted = 0;
    for (int i = 0; i < PRODUCERS; i++) {
        for (int n = 0; n < attempts; n++) {
            if (received[i][n] != (producers[i].fate[n] == ACCEPTED))
                ck_abort_msg("%s: value %d of producer %d (fate %d) was received %d times",
                             kind->name, n, i, producers[i].fate[n], received[i][n]);
            accepted += received[i][n];
        }
    }
    ck_assert_int_gt(accepted, attempts); /* else the test tests little */
}

START_TEST(what_is_accepted_arrives_once_and_in_order)
{
    pthread_t givers[PRODUCERS], takers[CONSUMERS];
    unsigned state = 3;
    kind = &kinds[_i];
    int is_mailbox = kind->get == get_mailbox, count = is_mailbox ? 0 : kind->consumers;
    set_up();
    if (is_mailbox)
        must((reader = coro_spawn("reader", read_mailbox, "v(p)", &consumers[0])));
    for (int i = 0; i < count; i++)
        takers[i] = start(consume, &consumers[i]);
    for (int i = 0; i < PRODUCERS; i++)
        givers[i] = start(produce, &producers[i]);
    while (!all_are_through()) {
        unsigned who = roll(&state, (unsigned)(PRODUCERS + count));
        if (who < PRODUCERS)
            disturb(&givers[who], produce, &producers[who], &state);
        else
            disturb(&takers[who - PRODUCERS], consume, &consumers[who - PRODUCERS], &state);
        let_others_run();
    }
    for (int i = 0; i < PRODUCERS; i++)
        end_of(givers[i]);
    must(coro_channel_close(channel) == 0 && coro_fifo_close(fifo) == 0 &&
         coro_queue_close(queue) == 0);
    for (int i = 0; i < count; i++)
        end_of(takers[i]);
    if (is_mailbox) {
        must(put_mailbox(&(struct value){ -1, 0 }, CORO_FOREVER) == 0);
        must(coro_join(reader, CORO_FOREVER, NULL) == 0);
    }
    check();
    must(coro_channel_free(channel) == 0 && coro_fifo_free(fifo) == 0 &&
         coro_queue_free(queue) == 0);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = { what_is_accepted_arrives_once_and_in_order };
    return suite_main("traffic", tests, 1, sizeof(kinds) / sizeof(kinds[0]));
}
