// Static destructors and thread_local ones of main run at exit in the exiting thread, after those
// of threads that were joined; quick_exit runs its own handlers only.
#include "test.h"

#include <cstdlib>
#include <sys/wait.h>
#include <thread>

struct Says {
    const char *name;
    ~Says()
    {
        printf("destroyed: %s\n", name);
    }
};

static Says global{ "static object" };
static thread_local Says of_main{ "main's thread_local" };

int main()
{
    printf("%s and %s\n", global.name, of_main.name);
    std::thread([] {
        static thread_local Says of_thread{ "thread's thread_local" };
        printf("%s\n", of_thread.name);
    }).join();
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        std::at_quick_exit([] {
            puts("quick handler");
            fflush(stdout);
        });
        std::thread([] { std::quick_exit(8); }).join();
    }
    int status;
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 8);
    return 0;
}
