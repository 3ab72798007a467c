// C++20 latch, barrier with completion, counting and binary semaphores with timeouts.
#include "test.h"

#include <atomic>
#include <barrier>
#include <chrono>
#include <latch>
#include <semaphore>
#include <thread>
#include <vector>

using namespace std::chrono_literals;

static void latches()
{
    std::latch ready(8), go(1);
    std::atomic<int> through{ 0 };
    std::vector<std::jthread> all;
    for (int i = 0; i < 8; i++)
        all.emplace_back([&] {
            ready.count_down();
            go.wait();
            through++;
        });
    ready.wait();
    CHECK(!go.try_wait());
    CHECK_EQ(through.load(), 0);
    go.count_down();
    all.clear();
    printf("through the latch: %d\n", through.load());
}

static void barriers()
{
    int phases = 0;
    std::atomic<int> arrived{ 0 };
    auto completed = [&]() noexcept {
        phases++;
        CHECK_EQ(arrived.exchange(0), 6);
    };
    std::barrier barrier(6, completed);
    {
        std::vector<std::jthread> all;
        for (int i = 0; i < 6; i++)
            all.emplace_back([&] {
                for (int phase = 0; phase < 50; phase++) {
                    arrived++;
                    barrier.arrive_and_wait();
                }
            });
    }
    printf("phases %d\n", phases);
}

static void semaphores()
{
    std::counting_semaphore<4> slots(4);
    std::binary_semaphore empty(0);
    std::atomic<int> inside{ 0 }, entries{ 0 };
    {
        std::vector<std::jthread> all;
        for (int i = 0; i < 12; i++)
            all.emplace_back([&] {
                for (int round = 0; round < 30; round++) {
                    slots.acquire();
                    CHECK(++inside <= 4);
                    entries++;
                    std::this_thread::yield();
                    inside--;
                    slots.release();
                }
            });
    }
    CHECK(!empty.try_acquire_for(20ms));
    CHECK(!empty.try_acquire());
    std::jthread poster([&] {
        std::this_thread::sleep_for(5ms);
        empty.release();
    });
    CHECK(empty.try_acquire_for(50s));
    printf("entries %d\n", entries.load());
}

int main()
{
    latches();
    barriers();
    semaphores();
    return 0;
}
