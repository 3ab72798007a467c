// C++20 atomic wait and notify, which libstdc++ makes by syscall(SYS_futex): of an int (a futex of
// its own), of larger and smaller objects (a proxy), of atomic_flag.
#include "test.h"

#include <atomic>
#include <thread>
#include <vector>

template <typename T> static long ping_pong(int turns)
{
    std::atomic<T> ball{ 0 };
    long sum = 0;
    auto play = [&](T mine) {
        for (int i = 0; i < turns; i++) {
            ball.wait(T(!mine));
            CHECK(ball.load() == mine);
            sum++;
            ball.store(T(!mine));
            ball.notify_one();
        }
    };
    std::thread one(play, T(0)), two(play, T(1));
    one.join();
    two.join();
    return sum;
}

static void notify_all()
{
    std::atomic<int> gate{ 0 }, passed{ 0 }, ready{ 0 };
    std::vector<std::thread> all;
    for (int i = 0; i < 30; i++)
        all.emplace_back([&] {
            ready++;
            ready.notify_one();
            gate.wait(0);
            passed++;
        });
    for (int seen = 0; seen < 30; seen = ready.load())
        ready.wait(seen);
    CHECK_EQ(passed.load(), 0);
    gate = 1;
    gate.notify_all();
    for (auto &thread : all)
        thread.join();
    printf("passed %d\n", passed.load());
}

static void flag()
{
    std::atomic_flag flag = ATOMIC_FLAG_INIT;
    std::thread setter([&] {
        usleep(1000);
        flag.test_and_set();
        flag.notify_all();
    });
    flag.wait(false);
    setter.join();
    CHECK(flag.test());
    puts("flag");
}

int main()
{
    printf("int %ld\n", ping_pong<int>(1000));
    printf("long %ld\n", ping_pong<long>(1000));
    printf("char %ld\n", ping_pong<unsigned char>(1000));
    notify_all();
    flag();
    return 0;
}
