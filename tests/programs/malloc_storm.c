/* Threads allocate, fill, re-allocate and hand each other blocks to free; no block changes. */
#include "test.h"

#define THREADS 12
#define ROUNDS  4000
#define SLOTS   64

static struct slot {
    unsigned char *block;
    size_t size;
} slots[SLOTS];
static pthread_mutex_t locks[SLOTS];

static unsigned next_random(unsigned *state)
{
    *state = *state * 1103515245u + 12345u;
    return *state >> 8;
}

static struct slot make_block(unsigned *state)
{
    size_t size = next_random(state) % 100 ? 1 + next_random(state) % 3000 : 200000;
    unsigned char *block = malloc(size);
    CHECK(block);
    memset(block, (int)(size % 251), size);
    if (next_random(state) % 4 == 0) {
        size_t larger = size + next_random(state) % 5000;
        block = realloc(block, larger);
        CHECK(block);
        CHECK_EQ(block[size - 1], size % 251);
        memset(block, (int)(larger % 251), larger);
        size = larger;
    }
    return (struct slot){ block, size };
}

static void check_block(struct slot slot)
{
    for (size_t i = 0; i < slot.size; i += 61)
        CHECK_EQ(slot.block[i], slot.size % 251);
    CHECK_EQ(slot.block[slot.size - 1], slot.size % 251);
}

static void *storms(void *arg)
{
    unsigned state = (unsigned)(long)arg;
    for (int i = 0; i < ROUNDS; i++) {
        struct slot fresh = make_block(&state);
        unsigned at = next_random(&state) % SLOTS;
        pthread_mutex_lock(&locks[at]);
        struct slot old = slots[at];
        slots[at] = fresh;
        pthread_mutex_unlock(&locks[at]);
        if (old.block) {
            check_block(old);
            free(old.block);
        }
    }
    return NULL;
}

int main(void)
{
    pthread_t threads[THREADS];
    int left = 0;
    for (int i = 0; i < SLOTS; i++)
        pthread_mutex_init(&locks[i], NULL);
    for (long i = 0; i < THREADS; i++)
        threads[i] = start(storms, (void *)(i + 1));
    for (int i = 0; i < THREADS; i++)
        join(threads[i]);
    for (int i = 0; i < SLOTS; i++) {
        CHECK(slots[i].block);
        check_block(slots[i]);
        free(slots[i].block);
        left++;
    }
    printf("%d rounds, %d blocks left\n", THREADS * ROUNDS, left);
    return 0;
}
