/* Mixed load for a given time: nothing may be lost, and memory, descriptors and kernel threads must
 * not grow.
 *
 *   soak SECONDS SEED
 *
 * It is a plain threaded program that knows nothing of coroshim. It works in rounds; between two of
 * them no thread but main is left, and what the process then has is compared with earlier rounds. The
 * last line sums up. A check that fails names itself and ends the program with status 99. */
#include "soak.h"

#include <dirent.h>
#include <signal.h>

#define ROUND_MS        2000
#define ROUNDS_MAX      4096
#define WARM_ROUNDS     2 /* the allocator's arenas and the caches of stacks fill */
#define MEMORY_SLACK_KB 12288
#define THREADS_SLACK   6

struct state {
    long memory_kb, descriptors, kernel_threads;
};

const struct load loads[] = {
    { "queue", load_queue },     { "lanes", load_lanes },     { "server", load_server },
    { "cancels", load_cancels }, { "signals", load_signals }, { "forks", load_forks },
    { "churn", load_churn },     { "files", load_files },     { "locks", load_locks },
};
const int load_count = COUNT(loads);

static long counts[COUNTS];
static int64_t round_end_ms;

bool round_is_over(void)
{
    return now_ms() >= __atomic_load_n(&round_end_ms, __ATOMIC_RELAXED);
}

void counted(enum count what, long times)
{
    __atomic_add_fetch(&counts[what], times, __ATOMIC_RELAXED);
}

uint64_t split(uint64_t *random)
{
    *random += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t x = *random;
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

uint64_t below(uint64_t *random, uint64_t limit)
{
    return split(random) % limit;
}

bool write_full(int fd, const void *data, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t put = send(fd, (const char *)data + done, size - done, MSG_NOSIGNAL);
        if (put < 0 && errno == ENOTSOCK)
            put = write(fd, (const char *)data + done, size - done);
        if (put < 0 && (errno == EPIPE || errno == ECONNRESET))
            return false;
        CHECK(put > 0);
        done += (size_t)put;
    }
    return true;
}

static long entries(const char *folder)
{
    DIR *open = opendir(folder);
    long count = 0;
    CHECK(open);
    while (readdir(open))
        count++;
    closedir(open);
    return count - 2; /* . and .. */
}

static struct state present_state(void)
{
    struct state state = { 0 };
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    CHECK(file && fscanf(file, "%*s %ld", &pages) == 1);
    fclose(file);
    state.memory_kb = pages * (sysconf(_SC_PAGESIZE) / 1024);
    state.descriptors = entries("/proc/self/fd");
    state.kernel_threads = entries("/proc/self/task");
    return state;
}

static void *run_load(void *arg)
{
    uint64_t *about = arg;
    loads[about[0]].run(&about[1]);
    return NULL;
}

static void run_round(uint64_t *random)
{
    pthread_t threads[COUNT(loads)];
    uint64_t about[COUNT(loads)][2];
    __atomic_store_n(&round_end_ms, now_ms() + ROUND_MS, __ATOMIC_RELAXED);
    for (int i = 0; i < load_count; i++) {
        about[i][0] = (uint64_t)i;
        about[i][1] = split(random);
        threads[i] = start(run_load, about[i]);
    }
    for (int i = 0; i < load_count; i++)
        join(threads[i]);
}

/* The smallest memory of the late rounds is above the largest of the early ones by no more than the
 * slack; descriptors are always as many as at first. */
static void check_growth(const struct state *states, int rounds)
{
    int third = (rounds - WARM_ROUNDS) / 3;
    long early = 0, late = 0, early_threads = 0, late_threads = 0;
    for (int i = WARM_ROUNDS; i < rounds; i++)
        CHECK_EQ(states[i].descriptors, states[0].descriptors);
    if (third < 1)
        return;
    for (int i = 0; i < third; i++) {
        const struct state *first = &states[WARM_ROUNDS + i], *last = &states[rounds - 1 - i];
        early = first->memory_kb > early ? first->memory_kb : early;
        late = !late || last->memory_kb < late ? last->memory_kb : late;
        early_threads =
            first->kernel_threads > early_threads ? first->kernel_threads : early_threads;
        late_threads = !late_threads || last->kernel_threads < late_threads ? last->kernel_threads
                                                                            : late_threads;
    }
    if (late > early + MEMORY_SLACK_KB)
        CHECK_EQ(late, early);
    if (late_threads > early_threads + THREADS_SLACK)
        CHECK_EQ(late_threads, early_threads);
}

int main(int argc, char *argv[])
{
    static struct state states[ROUNDS_MAX];
    CHECK_EQ(argc, 3);
    int64_t end = now_ms() + atol(argv[1]) * 1000;
    uint64_t random = strtoull(argv[2], NULL, 10);
    int rounds = 0;
    signal(SIGPIPE, SIG_IGN);
    while (rounds < ROUNDS_MAX && (now_ms() < end || rounds <= WARM_ROUNDS)) {
        run_round(&random);
        states[rounds++] = present_state();
    }
    check_growth(states, rounds);
    const struct state *warm = &states[WARM_ROUNDS], *last = &states[rounds - 1];
    printf("seed %s, %d rounds: %ld messages, %ld replies, %ld resets, %ld cancels, %ld signals, "
           "%ld forks, %ld threads; nothing lost; memory %ld KiB %+ld, descriptors %ld %+ld, "
           "kernel threads %ld %+ld\n",
           argv[2], rounds, counts[MESSAGES], counts[REPLIES], counts[RESETS], counts[CANCELS],
           counts[SIGNALS], counts[FORKS], counts[THREADS], last->memory_kb,
           last->memory_kb - warm->memory_kb, last->descriptors,
           last->descriptors - warm->descriptors, last->kernel_threads,
           last->kernel_threads - warm->kernel_threads);
    return 0;
}
