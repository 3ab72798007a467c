// An exception that nobody catches in a thread calls the terminate handler there, and abort.
#include "parked.h"

#include <cstdlib>
#include <exception>
#include <stdexcept>
#include <thread>

int main()
{
    std::set_terminate([] {
        try {
            std::rethrow_exception(std::current_exception());
        } catch (const std::exception &error) {
            dprintf(1, "terminate: %s\n", error.what());
        }
        std::abort();
    });
    park_threads(7);
    std::thread([] {
        std::this_thread::yield();
        throw std::runtime_error("nobody catches this");
    }).join();
    return 0;
}
