// Exceptions are carried to other threads by exception_ptr, promise and packaged_task.
#include "test.h"

#include <exception>
#include <future>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

static std::exception_ptr caught(int id)
{
    try {
        throw std::out_of_range("index " + std::to_string(id));
    } catch (...) {
        std::this_thread::yield();
        return std::current_exception();
    }
}

int main()
{
    const int threads = 10;
    std::vector<std::exception_ptr> pointers(threads);
    std::vector<std::thread> all;
    for (int i = 0; i < threads; i++)
        all.emplace_back([&pointers, i] { pointers[i] = caught(i); });
    for (auto &thread : all)
        thread.join();
    for (auto &pointer : pointers) {
        try {
            std::rethrow_exception(pointer);
        } catch (const std::out_of_range &error) {
            printf("rethrown: %s\n", error.what());
        }
    }

    std::promise<int> promise;
    auto future = promise.get_future();
    std::thread breaker([&promise] {
        usleep(1000);
        promise.set_exception(caught(99));
    });
    try {
        future.get();
        CHECK(false);
    } catch (const std::out_of_range &error) {
        printf("from a promise: %s\n", error.what());
    }
    breaker.join();

    auto task = std::async(
        std::launch::async,
        [](int value) -> int {
            std::this_thread::yield();
            if (value > 3)
                throw std::string("too large");
            return value;
        },
        4);
    try {
        task.get();
        CHECK(false);
    } catch (const std::string &error) {
        printf("from a task: %s\n", error.c_str());
    }

    std::future<int> broken;
    {
        std::promise<int> forgotten;
        broken = forgotten.get_future();
    }
    try {
        broken.get();
        CHECK(false);
    } catch (const std::future_error &error) {
        printf("broken promise: %d\n", error.code() == std::future_errc::broken_promise);
    }
    return 0;
}
