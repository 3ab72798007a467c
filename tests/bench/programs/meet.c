/* See meet.h. Whether the library is there shows when the first object is made: without it, ENOSYS. */
#include "meet.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "bench.h"

static struct coro_channel *channel;
static coro_id reader;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t given = PTHREAD_COND_INITIALIZER, taken = PTHREAD_COND_INITIALIZER;
static int full;
static intptr_t handed;
static intptr_t ring[MEET_ROOM];
static size_t first, count;

void meet_channel_init(void)
{
    channel = coro_channel_new(sizeof(intptr_t));
    if (!channel && errno != ENOSYS)
        bench_fail("coro_channel_new failed");
}

void meet_channel_put(intptr_t value)
{
    if (channel) {
        if (coro_channel_send(channel, &value, CORO_FOREVER) != 0)
            bench_fail("coro_channel_send failed");
        return;
    }
    pthread_mutex_lock(&lock);
    handed = value;
    full = 1;
    pthread_cond_signal(&given);
    while (full)
        pthread_cond_wait(&taken, &lock);
    pthread_mutex_unlock(&lock);
}

intptr_t meet_channel_get(void)
{
    intptr_t value;
    if (channel) {
        if (coro_channel_receive(channel, &value, CORO_FOREVER) != 0)
            bench_fail("coro_channel_receive failed");
        return value;
    }
    pthread_mutex_lock(&lock);
    while (!full)
        pthread_cond_wait(&given, &lock);
    value = handed;
    full = 0;
    pthread_cond_signal(&taken);
    pthread_mutex_unlock(&lock);
    return value;
}

void meet_mailbox_init(void)
{
    if (coro_mailbox_set_limit(MEET_ROOM) == 0)
        reader = coro_current();
    else if (errno != ENOSYS)
        bench_fail("coro_mailbox_set_limit failed");
}

void meet_mailbox_put(intptr_t value)
{
    if (reader) {
        struct coro_message message = { .type = value };
        if (coro_mailbox_send(reader, &message, CORO_FOREVER) != 0)
            bench_fail("coro_mailbox_send failed");
        return;
    }
    pthread_mutex_lock(&lock);
    while (count == MEET_ROOM)
        pthread_cond_wait(&taken, &lock);
    ring[(first + count++) % MEET_ROOM] = value;
    pthread_cond_signal(&given);
    pthread_mutex_unlock(&lock);
}

intptr_t meet_mailbox_get(void)
{
    if (reader) {
        struct coro_message message;
        if (coro_mailbox_receive(&message, CORO_FOREVER) != 0)
            bench_fail("coro_mailbox_receive failed");
        return message.type;
    }
    pthread_mutex_lock(&lock);
    while (!count)
        pthread_cond_wait(&given, &lock);
    intptr_t value = ring[first];
    first = (first + 1) % MEET_ROOM;
    count--;
    pthread_cond_signal(&taken);
    pthread_mutex_unlock(&lock);
    return value;
}
