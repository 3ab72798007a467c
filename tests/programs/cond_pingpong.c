/* Two threads hand a turn back and forth; then a ring of threads passes a token round. */
#include "test.h"

#define TURNS 10000
#define RING  40

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t turned[2] = { PTHREAD_COND_INITIALIZER, PTHREAD_COND_INITIALIZER };
static int turn, turns;

static void *plays(void *arg)
{
    int me = (int)(long)arg;
    pthread_mutex_lock(&lock);
    while (turns < TURNS) {
        while (turn != me && turns < TURNS)
            pthread_cond_wait(&turned[me], &lock);
        if (turns == TURNS)
            break;
        turns++;
        turn = !me;
        pthread_cond_signal(&turned[!me]);
    }
    pthread_mutex_unlock(&lock);
    return NULL;
}

static struct {
    pthread_mutex_t lock;
    pthread_cond_t arrived;
    int tokens;
} ring[RING];
static char order[RING * 3 + 1];
static int passed;

static void *passes(void *arg)
{
    int me = (int)(long)arg;
    for (int round = 0; round < 3; round++) {
        pthread_mutex_lock(&ring[me].lock);
        while (ring[me].tokens == 0)
            pthread_cond_wait(&ring[me].arrived, &ring[me].lock);
        ring[me].tokens--;
        pthread_mutex_unlock(&ring[me].lock);
        order[passed++] = (char)('A' + me % 26);
        int next = (me + 1) % RING;
        pthread_mutex_lock(&ring[next].lock);
        ring[next].tokens++;
        pthread_cond_signal(&ring[next].arrived);
        pthread_mutex_unlock(&ring[next].lock);
    }
    return NULL;
}

int main(void)
{
    pthread_t pair[2], threads[RING];
    for (long i = 0; i < 2; i++)
        pair[i] = start(plays, (void *)i);
    for (int i = 0; i < 2; i++)
        join(pair[i]);
    printf("turns %d, next %d\n", turns, turn);
    for (int i = 0; i < RING; i++) {
        pthread_mutex_init(&ring[i].lock, NULL);
        pthread_cond_init(&ring[i].arrived, NULL);
    }
    ring[0].tokens = 1;
    for (long i = RING - 1; i >= 0; i--)
        threads[i] = start(passes, (void *)i);
    for (int i = 0; i < RING; i++)
        join(threads[i]);
    puts(order);
    CHECK_EQ(ring[0].tokens, 1);
    return 0;
}
