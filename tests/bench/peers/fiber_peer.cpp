/* fiber_peer yield THREADS MS | channel MS | mailbox MS | spawn MS | timers THREADS MS: the same
 * measurements on Boost.Fiber.
 */
#include <boost/fiber/all.hpp>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <functional>
#include <vector>

extern "C" {
#include "../programs/bench.h"
}

namespace fibers = boost::fibers;
using body = std::function<void(int member, long count)>;

/* Eight pages are enough for what runs here, and a million of them fit. */
static constexpr std::size_t stack_bytes = 16384;

template <typename function> static fibers::fiber begin(function &&run)
{
    return fibers::fiber(std::allocator_arg, fibers::fixedsize_stack(stack_bytes),
                         std::forward<function>(run));
}

struct team {
    int members;
    body run;
};

static void team_body(void *context, int, long count)
{
    const team *team = static_cast<struct team *>(context);
    std::vector<fibers::fiber> all;
    for (int i = 0; i < team->members; i++)
        all.push_back(begin([=] { team->run(i, count); }));
    for (auto &fiber : all)
        fiber.join();
}

static void report(const char *metric, int members, double operations, long budget_ms, body run)
{
    team team = { members, std::move(run) };
    bench_loop loop = { 1, team_body, &team, operations };
    bench_report(metric, bench_ns_per_op(&loop, budget_ms), "ns");
}

template <typename channel> static body talk(channel &values)
{
    return [&values](int member, long count) {
        for (long i = 0; i < count; i++) {
            if (!member)
                values.push(i);
            else if (values.value_pop() != i)
                bench_fail("channel: a wrong value");
        }
    };
}

static void spawn(int, long count)
{
    for (long i = 0; i < count; i++) {
        long result = 0;
        begin([&result, i] { result = i + 1; }).join();
        if (result != i + 1)
            bench_fail("spawn: a wrong result");
    }
}

static double process_cpu_ns()
{
    timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}

static void timers(long count, long shortest_ms)
{
    fibers::mutex lock;
    fibers::condition_variable go;
    std::vector<fibers::fiber> sleepers;
    long made = 0, pending = 0, most = 0;
    bool going = false;
    for (long i = 0; i < count; i++) {
        sleepers.push_back(begin([&, i] {
            auto state = static_cast<unsigned>(i);
            {
                std::unique_lock<fibers::mutex> guard(lock);
                made++;
                go.wait(guard, [&] { return going; });
            }
            most = std::max(most, ++pending);
            boost::this_fiber::sleep_for(std::chrono::nanoseconds(
                static_cast<long>(static_cast<double>(shortest_ms) * 1e6 *
                                  (1 + static_cast<double>(rand_r(&state)) / RAND_MAX))));
            pending--;
        }));
    }
    while (made < count)
        boost::this_fiber::yield();
    double cpu = process_cpu_ns();
    going = true;
    go.notify_all();
    for (auto &sleeper : sleepers)
        sleeper.join();
    bench_report("cpu", (process_cpu_ns() - cpu) / static_cast<double>(count), "ns/sleep");
    bench_report("pending", static_cast<double>(most), "threads");
}

int main(int argc, char **argv)
{
    bench_limit(240);
    if (argc < 3 || argc > 4)
        bench_fail("usage: fiber_peer yield THREADS MS | channel MS | mailbox MS | spawn MS |"
                   " timers THREADS MS");
    long budget_ms = bench_number("MS", argv[argc - 1], 60000);
    fibers::unbuffered_channel<long> channel;
    fibers::buffered_channel<long> mailbox(1024); /* a power of two */
    if (!std::strcmp(argv[1], "yield")) {
        int threads = static_cast<int>(bench_number("THREADS", argv[2], 10000));
        report("yield", threads, threads, budget_ms, [](int, long count) {
            while (count--)
                boost::this_fiber::yield();
        });
    } else if (!std::strcmp(argv[1], "channel")) {
        report("channel", 2, 1, budget_ms, talk(channel));
    } else if (!std::strcmp(argv[1], "mailbox")) {
        report("mailbox", 2, 1, budget_ms, talk(mailbox));
    } else if (!std::strcmp(argv[1], "spawn")) {
        report("spawn", 1, 1, budget_ms, spawn);
    } else if (!std::strcmp(argv[1], "timers")) {
        timers(bench_number("THREADS", argv[2], 2000000), budget_ms);
    } else {
        bench_fail("%s: no such measurement", argv[1]);
    }
    return 0;
}
