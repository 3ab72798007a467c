// std::jthread: joins by itself, stop tokens end a wait, stop callbacks run.
#include "test.h"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <thread>
#include <vector>

int main()
{
    std::mutex lock;
    std::condition_variable_any never;
    std::atomic<int> stopped{ 0 }, callbacks{ 0 };
    {
        std::vector<std::jthread> all;
        for (int i = 0; i < 10; i++)
            all.emplace_back([&](std::stop_token token) {
                std::atomic<bool> called{ false };
                std::stop_callback callback(token, [&] {
                    callbacks++;
                    called = true;
                });
                std::unique_lock<std::mutex> held(lock);
                CHECK(!never.wait(held, token, [] { return false; }));
                CHECK(token.stop_requested());
                held.unlock();
                while (!called) // the callback that ended the wait may have come first
                    std::this_thread::yield();
                stopped++;
            });
        std::this_thread::yield();
    }
    printf("stopped %d, callbacks %d\n", stopped.load(), callbacks.load());

    std::jthread polls([](std::stop_token token) {
        while (!token.stop_requested())
            std::this_thread::yield();
    });
    CHECK(polls.request_stop());
    CHECK(!polls.request_stop());
    polls.join();

    std::stop_source source;
    std::jthread asks([&source] {
        usleep(1000);
        source.request_stop();
    });
    while (!source.stop_requested())
        usleep(100);
    puts("a stop source of its own");
    return 0;
}
