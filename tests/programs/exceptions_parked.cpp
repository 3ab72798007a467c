// Exceptions pass through frames that blocked in many ways on the way down; destructors, which
// block too, run in order on the way up; many threads are in the middle of this at once.
#include "test.h"

#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

static const int threads = 12;
static const int depth = 20;
static std::mutex lock;
static pthread_barrier_t deepest;

struct Guard {
    std::string &trace;
    int level;
    ~Guard()
    {
        std::lock_guard<std::mutex> held(lock);
        std::this_thread::yield();
        trace += char('a' + level);
    }
};

static void descend(int id, int level, std::string &trace, int pipe_ends[2])
{
    Guard guard{ trace, level };
    if (level % 5 == 0)
        usleep(100);
    if (level < depth - 1) {
        descend(id, level + 1, trace, pipe_ends);
        return;
    }
    char byte = 'x';
    CHECK_EQ(write(pipe_ends[1], &byte, 1), 1);
    CHECK_EQ(read(pipe_ends[0], &byte, 1), 1);
    pthread_barrier_wait(&deepest);
    throw std::runtime_error("thrown by " + std::to_string(id));
}

static void *unwind_thread(void *arg)
{
    std::string *result = static_cast<std::string *>(arg);
    int id = std::stoi(*result), pipe_ends[2];
    std::string trace;
    CHECK_EQ(pipe(pipe_ends), 0);
    try {
        try {
            descend(id, 0, trace, pipe_ends);
        } catch (const std::logic_error &) {
            CHECK(false);
        } catch (...) {
            std::this_thread::yield();
            throw;
        }
    } catch (const std::exception &error) {
        usleep(100);
        // The exception object is still the current one after blocking in its handler.
        *result = trace + " " + error.what();
        try {
            throw;
        } catch (const std::runtime_error &again) {
            CHECK(&again == &error);
        }
    }
    CHECK_EQ(std::uncaught_exceptions(), 0);
    close(pipe_ends[0]);
    close(pipe_ends[1]);
    return nullptr;
}

int main()
{
    std::vector<std::string> results;
    std::vector<pthread_t> all;
    pthread_barrier_init(&deepest, nullptr, threads);
    for (int i = 0; i < threads; i++)
        results.push_back(std::to_string(i));
    for (int i = 0; i < threads; i++)
        all.push_back(start(unwind_thread, &results[i]));
    for (pthread_t thread : all)
        join(thread);
    for (auto &result : results)
        printf("%s\n", result.c_str());
    return 0;
}
