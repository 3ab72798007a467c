// std::thread, mutexes of each kind, condition_variable(_any), future, async, call_once,
// shared_mutex, as libstdc++ makes them.
#include "test.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <future>
#include <mutex>
#include <numeric>
#include <shared_mutex>
#include <thread>
#include <vector>

using namespace std::chrono_literals;

class Queue
{
  public:
    void push(int value)
    {
        std::lock_guard<std::mutex> held(lock);
        items.push_back(value);
        changed.notify_one();
    }
    int pop()
    {
        std::unique_lock<std::mutex> held(lock);
        changed.wait(held, [this] { return !items.empty(); });
        int value = items.front();
        items.pop_front();
        return value;
    }

  private:
    std::mutex lock;
    std::condition_variable changed;
    std::deque<int> items;
};

static void queue()
{
    Queue todo, done;
    std::vector<std::thread> workers;
    for (int i = 0; i < 8; i++)
        workers.emplace_back([&] {
            for (int value; (value = todo.pop()) >= 0;)
                done.push(value * value);
        });
    for (int i = 0; i < 1000; i++)
        todo.push(i);
    long sum = 0;
    for (int i = 0; i < 1000; i++)
        sum += done.pop();
    for (int i = 0; i < 8; i++)
        todo.push(-1);
    for (auto &worker : workers)
        worker.join();
    printf("sum of squares %ld\n", sum);
}

static void futures()
{
    std::vector<std::future<int>> all;
    for (int i = 0; i < 20; i++)
        all.push_back(std::async(std::launch::async, [i] {
            std::this_thread::sleep_for(1ms * (i % 5));
            return i;
        }));
    int sum = 0;
    for (auto &future : all)
        sum += future.get();
    std::promise<void> never;
    auto waiting = never.get_future();
    CHECK(waiting.wait_for(10ms) == std::future_status::timeout);
    CHECK(waiting.wait_until(std::chrono::system_clock::now() + 10ms) ==
          std::future_status::timeout);
    CHECK(waiting.wait_until(std::chrono::steady_clock::now() + 10ms) ==
          std::future_status::timeout);
    std::shared_future<int> shared = std::async(std::launch::async, [] { return 5; }).share();
    std::thread other([shared] { CHECK_EQ(shared.get(), 5); });
    other.join();
    printf("futures %d\n", sum + shared.get());
}

static void mutexes()
{
    std::timed_mutex timed;
    std::recursive_timed_mutex recursive;
    std::shared_timed_mutex shared;
    std::condition_variable_any any;
    std::lock_guard<std::timed_mutex> held(timed);
    std::lock_guard<std::recursive_timed_mutex> twice(recursive), again(recursive);
    std::shared_lock<std::shared_timed_mutex> reading(shared);
    std::thread other([&] {
        CHECK(!timed.try_lock_for(10ms));
        CHECK(!recursive.try_lock_until(std::chrono::system_clock::now() + 10ms));
        CHECK(!shared.try_lock_for(10ms));
        std::shared_lock<std::shared_timed_mutex> also(shared, 10s);
        CHECK(also.owns_lock());
        CHECK(any.wait_for(also, 10ms) == std::cv_status::timeout);
    });
    other.join();
    puts("timed mutexes time out");
}

static void once()
{
    std::once_flag flag;
    std::atomic<int> tries{ 0 };
    std::vector<std::thread> all;
    for (int i = 0; i < 10; i++)
        all.emplace_back([&] {
            try {
                std::call_once(flag, [&] {
                    std::this_thread::sleep_for(1ms);
                    if (++tries < 3)
                        throw 1;
                });
            } catch (int) {
            }
        });
    for (auto &thread : all)
        thread.join();
    printf("once after %d tries\n", tries.load());
}

int main()
{
    queue();
    futures();
    mutexes();
    once();
    CHECK(std::thread::hardware_concurrency() > 0);
    CHECK(std::this_thread::get_id() != std::thread::id());
    return 0;
}
