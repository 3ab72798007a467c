/* Loads that move data: a queue of conditions, lanes of bytes, a server whose clients break off. */
#include "soak.h"

#include <netinet/tcp.h>
#include <poll.h>

/* Producers and consumers around a bounded queue: every number comes out once. */

#define PRODUCERS 4
#define CONSUMERS 4
#define PLACES    16

static struct {
    pthread_mutex_t mutex;
    pthread_cond_t room, some;
    uint64_t places[PLACES];
    unsigned first, length;
    bool closed;
} queue = { .mutex = PTHREAD_MUTEX_INITIALIZER,
            .room = PTHREAD_COND_INITIALIZER,
            .some = PTHREAD_COND_INITIALIZER };

struct tally {
    uint64_t random;
    uint64_t count, sum;
};

static void *produces(void *arg)
{
    struct tally *tally = arg;
    while (!round_is_over()) {
        uint64_t message = split(&tally->random);
        pthread_mutex_lock(&queue.mutex);
        while (queue.length == PLACES)
            pthread_cond_wait(&queue.room, &queue.mutex);
        queue.places[(queue.first + queue.length++) % PLACES] = message;
        pthread_cond_signal(&queue.some);
        pthread_mutex_unlock(&queue.mutex);
        tally->count++;
        tally->sum += message;
    }
    return NULL;
}

static void *consumes(void *arg)
{
    struct tally *tally = arg;
    for (;;) {
        pthread_mutex_lock(&queue.mutex);
        while (!queue.length && !queue.closed) {
            struct timespec then = in_ms(CLOCK_REALTIME, 1 + (long)below(&tally->random, 20));
            pthread_cond_timedwait(&queue.some, &queue.mutex, &then);
        }
        bool got = queue.length > 0;
        if (got) {
            tally->count++;
            tally->sum += queue.places[queue.first];
            queue.first = (queue.first + 1) % PLACES;
            queue.length--;
            pthread_cond_signal(&queue.room);
        }
        pthread_mutex_unlock(&queue.mutex);
        if (!got)
            return NULL;
    }
}

void load_queue(uint64_t *random)
{
    pthread_t threads[PRODUCERS + CONSUMERS];
    struct tally tallies[PRODUCERS + CONSUMERS] = { 0 };
    uint64_t put = 0, got = 0, put_sum = 0, got_sum = 0;
    queue.closed = false;
    for (int i = 0; i < PRODUCERS + CONSUMERS; i++) {
        tallies[i].random = split(random);
        threads[i] = start(i < PRODUCERS ? produces : consumes, &tallies[i]);
    }
    for (int i = 0; i < PRODUCERS + CONSUMERS; i++) {
        if (i == PRODUCERS) {
            pthread_mutex_lock(&queue.mutex);
            queue.closed = true;
            pthread_cond_broadcast(&queue.some);
            pthread_mutex_unlock(&queue.mutex);
        }
        join(threads[i]);
        *(i < PRODUCERS ? &put : &got) += tallies[i].count;
        *(i < PRODUCERS ? &put_sum : &got_sum) += tallies[i].sum;
    }
    CHECK_EQ(got, put);
    CHECK_EQ(got_sum, put_sum);
    counted(MESSAGES, (long)put);
    counted(THREADS, PRODUCERS + CONSUMERS);
}

/* Lanes: bytes by pipe, socket pair and TCP arrive in order, whatever the sizes. */

#define LANES       6
#define CHUNK_BYTES 70000

struct lane {
    int ends[2];
    unsigned seed;
    uint64_t random[2];
    size_t sent;
};

static void *sends(void *arg)
{
    struct lane *lane = arg;
    unsigned char *data = malloc(CHUNK_BYTES);
    while (!round_is_over()) {
        size_t size = 1 + below(&lane->random[0], CHUNK_BYTES);
        for (size_t i = 0; i < size; i++)
            data[i] = pattern_at(lane->seed, lane->sent + i);
        CHECK(write_full(lane->ends[1], data, size));
        lane->sent += size;
        if (below(&lane->random[0], 4) == 0)
            sleep_ms((long)below(&lane->random[0], 3));
    }
    close(lane->ends[1]);
    free(data);
    return NULL;
}

static void *receives(void *arg)
{
    struct lane *lane = arg;
    unsigned char *data = malloc(CHUNK_BYTES);
    size_t total = 0;
    for (;;) {
        size_t size = 1 + below(&lane->random[1], CHUNK_BYTES);
        ssize_t got = read(lane->ends[0], data, size);
        CHECK(got >= 0);
        if (got == 0)
            break;
        check_pattern(lane->seed, data, (size_t)got, total);
        total += (size_t)got;
        counted(MESSAGES, 1);
    }
    close(lane->ends[0]);
    free(data);
    return (void *)total;
}

static void open_lane(struct lane *lane, int kind)
{
    if (kind == 0) {
        CHECK_EQ(pipe(lane->ends), 0);
    } else if (kind == 1) {
        CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, lane->ends), 0);
    } else {
        int server = listen_socket();
        lane->ends[1] = connect_to(bound_port(server));
        lane->ends[0] = accept(server, NULL, NULL);
        CHECK(lane->ends[0] >= 0);
        close(server);
    }
}

void load_lanes(uint64_t *random)
{
    pthread_t threads[LANES][2];
    struct lane lanes[LANES] = { 0 };
    for (int i = 0; i < LANES; i++) {
        open_lane(&lanes[i], i % 3);
        lanes[i].seed = (unsigned)split(random);
        lanes[i].random[0] = split(random);
        lanes[i].random[1] = split(random);
        threads[i][0] = start(sends, &lanes[i]);
        threads[i][1] = start(receives, &lanes[i]);
    }
    for (int i = 0; i < LANES; i++) {
        join(threads[i][0]);
        CHECK_EQ((size_t)join(threads[i][1]), lanes[i].sent);
    }
    counted(THREADS, 2 * LANES);
}

/* A server with a thread per connection. Clients check each reply; some break off with a reset, in
 * the middle of a request or while the reply is under way. */

#define CLIENTS       8
#define REQUEST_BYTES 512

static struct {
    int listener, port;
    long accepted, served; /* connections */
} server;

static void *serves(void *arg)
{
    int fd = (int)(long)arg;
    char data[REQUEST_BYTES];
    for (;;) {
        size_t got = 0;
        while (got < sizeof(data)) {
            ssize_t more = read(fd, data + got, sizeof(data) - got);
            CHECK(more >= 0 || errno == ECONNRESET);
            if (more <= 0)
                break;
            got += (size_t)more;
        }
        if (got < sizeof(data) || !write_full(fd, data, sizeof(data)))
            break;
    }
    close(fd);
    __atomic_add_fetch(&server.served, 1, __ATOMIC_SEQ_CST);
    return NULL;
}

static void *accepts(void *arg)
{
    pthread_attr_t detached;
    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    for (;;) {
        int fd = accept(server.listener, NULL, NULL);
        if (fd < 0 && errno == ECONNABORTED)
            continue;
        if (fd < 0)
            break; /* shutdown: the end */
        server.accepted++;
        start_with(&detached, serves, (void *)(long)fd);
        counted(THREADS, 1);
    }
    pthread_attr_destroy(&detached);
    return arg;
}

/* One connection: some requests, then an orderly end or a reset. */
static void converse(uint64_t *random)
{
    char out[REQUEST_BYTES], in[REQUEST_BYTES];
    struct linger none = { .l_onoff = 1 };
    int fd = connect_to(server.port), requests = (int)below(random, 20);
    for (int i = 0; i < requests; i++) {
        memset(out, (int)below(random, 256), sizeof(out));
        CHECK(write_full(fd, out, sizeof(out)));
        CHECK_EQ(read_full(fd, in, sizeof(in)), sizeof(in));
        CHECK(memcmp(in, out, sizeof(in)) == 0);
        counted(REPLIES, 1);
    }
    if (below(random, 3) == 0) {
        size_t part = below(random, REQUEST_BYTES + 1);
        CHECK(part == 0 || write_full(fd, out, part));
        CHECK_EQ(setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none)), 0);
        counted(RESETS, 1);
    }
    close(fd);
}

static void *calls(void *arg)
{
    while (!round_is_over())
        converse(arg);
    return NULL;
}

void load_server(uint64_t *random)
{
    pthread_t threads[CLIENTS], acceptor;
    uint64_t seeds[CLIENTS];
    server.listener = listen_socket();
    server.port = bound_port(server.listener);
    server.accepted = server.served = 0;
    acceptor = start(accepts, NULL);
    for (int i = 0; i < CLIENTS; i++) {
        seeds[i] = split(random);
        threads[i] = start(calls, &seeds[i]);
    }
    for (int i = 0; i < CLIENTS; i++)
        join(threads[i]);
    CHECK_EQ(shutdown(server.listener, SHUT_RDWR), 0);
    join(acceptor);
    close(server.listener);
    while (__atomic_load_n(&server.served, __ATOMIC_SEQ_CST) < server.accepted)
        sleep_ms(1);
    counted(THREADS, CLIENTS + 1);
}
