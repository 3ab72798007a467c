// coro.h from C++17: exceptions pass through its calls, a timeout runs destructors and can be seen and
// thrown on, arguments of C++ functions with C linkage or none arrive.
#include <coro.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cxxabi.h>
#include <pthread.h>
#include <stdexcept>
#include <string>
#include <unistd.h>

#define must(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            std::fprintf(stderr, "%s:%d: %s (errno %d)\n", __FILE__, __LINE__, #condition, errno); \
            std::_Exit(1);                                                                         \
        }                                                                                          \
    } while (0)

static int destroyed;

struct guard {
    ~guard()
    {
        destroyed++;
    }
};

static void throws(int value)
{
    guard here;
    if (value)
        throw std::runtime_error(std::to_string(value));
}

static void sleeps()
{
    guard here;
    for (;;)
        usleep(100000);
}

static void catches()
{
    guard here;
    try {
        sleeps();
    } catch (abi::__forced_unwind &) {
        destroyed += 100;
        throw;
    } catch (...) {
        must(!"a timeout is no other exception");
    }
}

static double divide(double a, float b)
{
    guard here;
    return a / static_cast<double>(b);
}

static void through_a_timeout(double seconds)
{
    for (int i = 1; i <= 1000; i++) {
        destroyed = 0;
        try {
            coro_with_timeout(seconds, nullptr, throws, "v(i)", i);
            must(!"it throws");
        } catch (const std::runtime_error &error) {
            must(error.what() == std::to_string(i));
        }
        must(destroyed == 1);
        must(coro_time_left() == CORO_FOREVER);
    }
}

static void nested_throw()
{
    guard here;
    coro_with_deadline(10, nullptr, throws, "v(i)", 5);
}

int main()
{
    double result = 0;
    through_a_timeout(CORO_FOREVER);
    through_a_timeout(10);
    try {
        coro_with_timeout(10, nullptr, nested_throw, "v()");
        must(!"it throws");
    } catch (const std::runtime_error &) {
    }
    must(destroyed == 3);
    destroyed = 0;
    for (int i = 1; i <= 20; i++) {
        must(coro_with_timeout(0.005, nullptr, catches, "v()") == -1 && errno == ETIMEDOUT);
        must(destroyed == 102 * i);
    }
    coro_id id = coro_spawn(nullptr, divide, "d(df)", 3.0, 2.0);
    must(id && coro_join(id, CORO_FOREVER, &result) == 0 && result == 1.5);
    id = coro_spawn("sleeps", sleeps, "v()");
    usleep(20000);
    destroyed = 0;
    coro_shutdown(id);
    must(coro_join(id, CORO_FOREVER, nullptr) == -1 && errno == ECANCELED && destroyed == 1);
    std::puts("ok");
}
