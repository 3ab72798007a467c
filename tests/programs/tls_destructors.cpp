// C++ thread_local objects: made at first use, destroyed in reverse order when their thread ends,
// and able to block while they are destroyed.
#include "test.h"

#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

static std::mutex lock;
static std::condition_variable changed;
static int turn;

struct Noted {
    std::vector<std::string> *log = nullptr;
    const char *name;
    bool speaks = false;
    explicit Noted(const char *n) : name(n)
    {
    }
    ~Noted()
    {
        std::this_thread::yield();
        if (log)
            log->push_back(std::string("destroy ") + name);
        else if (speaks)
            printf("destroy %s of main\n", name);
    }
};

static thread_local Noted first("first");
static thread_local Noted second("second");

struct WaitsTurn {
    int id = -1;
    ~WaitsTurn()
    {
        if (id < 0)
            return;
        std::unique_lock<std::mutex> held(lock);
        changed.wait(held, [this] { return turn == id; });
        printf("destructor of thread %d\n", id);
        turn--;
        changed.notify_all();
    }
};

static thread_local WaitsTurn waits;

int main()
{
    std::vector<std::string> log;
    std::thread([&log] {
        first.log = &log;
        second.log = &log;
        log.push_back("body");
    }).join();
    for (auto &line : log)
        printf("%s\n", line.c_str());

    // The threads end in the reverse order of their creation, because their destructors block.
    const int threads = 6;
    std::vector<std::thread> all;
    turn = threads - 1;
    for (int i = 0; i < threads; i++)
        all.emplace_back([i] { waits.id = i; });
    for (auto &thread : all)
        thread.join();
    CHECK_EQ(turn, -1);
    first.speaks = second.speaks = true;
    printf("using %s and %s in main\n", first.name, second.name);
    return 0;
}
