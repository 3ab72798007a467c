// Threads of C++'s own library, each in a wait of its own.
#include <atomic>
#include <barrier>
#include <chrono>
#include <condition_variable>
#include <future>
#include <latch>
#include <mutex>
#include <semaphore>
#include <shared_mutex>
#include <string>
#include <thread>
#include <vector>

namespace app
{

template <typename T> struct queue {
    std::mutex mutex;
    std::condition_variable arrived;
    std::vector<T> items;

    T take()
    {
        std::unique_lock<std::mutex> lock(mutex);
        arrived.wait(lock, [this] { return !items.empty(); });
        return items.back();
    }
};

struct worker {
    queue<std::string> *work;
    void operator()(int) const
    {
        work->take();
    }
    virtual void run(const std::string &)
    {
        work->take();
    }
    virtual ~worker() = default;
};

} // namespace app

int main()
{
    static std::mutex mutex;
    static std::timed_mutex timed;
    static std::shared_mutex shared;
    static std::promise<int> promise;
    static std::latch latch(2);
    static std::barrier barrier(2);
    static std::counting_semaphore<4> semaphore(0);
    static std::atomic<int> word{ 0 };
    static app::queue<std::string> work;
    static app::queue<std::vector<std::pair<int, std::string>>> pairs;
    static app::worker worker;
    auto future = promise.get_future().share();
    std::vector<std::thread> threads;

    worker.work = &work;
    mutex.lock();
    timed.lock();
    shared.lock();
    threads.emplace_back([] { std::lock_guard lock(mutex); });
    threads.emplace_back([] { (void)timed.try_lock_for(std::chrono::hours(5)); });
    threads.emplace_back([] { std::shared_lock lock(shared); });
    threads.emplace_back([future] { future.get(); });
    threads.emplace_back([] { latch.wait(); });
    threads.emplace_back([] { barrier.arrive_and_wait(); });
    threads.emplace_back([] { semaphore.acquire(); });
    threads.emplace_back([] { word.wait(0); });
    threads.emplace_back([] { std::this_thread::sleep_for(std::chrono::hours(5)); });
    threads.emplace_back([] { pairs.take(); });
    threads.emplace_back(std::ref(worker), 1);
    threads.emplace_back(&app::worker::run, &worker, "name");
    auto result = std::async(std::launch::async, [] { return work.take(); });
    threads.front().join();
    return 0;
}
