// Cancellation and pthread_exit unwind C++ frames: destructors run, catch (...) may not swallow
// them, catch of abi::__forced_unwind may look and go on.
#include "test.h"

#include <cxxabi.h>
#include <semaphore.h>
#include <string>

static sem_t started, never;

struct Noted {
    std::string &trace;
    char letter;
    ~Noted()
    {
        trace += letter;
    }
};

static void blocks(std::string &trace, int depth)
{
    Noted noted{ trace, char('a' + depth) };
    if (depth < 5) {
        blocks(trace, depth + 1);
        return;
    }
    sem_post(&started);
    while (sem_wait(&never) != 0)
        continue;
    trace += '!';
}

static void *is_cancelled(void *arg)
{
    std::string &trace = *static_cast<std::string *>(arg);
    try {
        blocks(trace, 0);
    } catch (abi::__forced_unwind &) {
        trace += " seen";
        throw;
    }
    return nullptr;
}

static void *exits(void *arg)
{
    std::string &trace = *static_cast<std::string *>(arg);
    Noted outer{ trace, 'x' };
    try {
        Noted inner{ trace, 'y' };
        usleep(1000);
        pthread_exit(&trace);
    } catch (...) {
        trace += " caught ";
        throw;
    }
}

int main()
{
    pthread_t threads[6];
    std::string traces[6], trace;
    sem_init(&started, 0, 0);
    sem_init(&never, 0, 0);
    for (int i = 0; i < COUNT(threads); i++)
        threads[i] = start(is_cancelled, &traces[i]);
    for (int i = 0; i < COUNT(threads); i++)
        sem_wait(&started);
    for (int i = 0; i < COUNT(threads); i++)
        CHECK_EQ(pthread_cancel(threads[i]), 0);
    for (int i = 0; i < COUNT(threads); i++) {
        CHECK(join(threads[i]) == PTHREAD_CANCELED);
        printf("%s\n", traces[i].c_str());
    }
    CHECK(join(start(exits, &trace)) == &trace);
    printf("%s\n", trace.c_str());
    return 0;
}
