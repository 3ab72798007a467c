/* main has left by pthread_exit: signals of the process go to the threads that are left, and a child
 * forked under them begins with nothing pending. */
#include "test.h"

#include <signal.h>
#include <sys/wait.h>

static pthread_t main_thread;
static volatile sig_atomic_t caught;

static void on_signal(int number)
{
    (void)number;
    caught++;
}

static void child_is_signalled(void)
{
    for (int i = 0; i < 50; i++) {
        int status;
        pid_t child = fork();
        if (child == 0) {
            while (!caught)
                usleep(50);
            _exit(caught);
        }
        CHECK(child > 0);
        CHECK_EQ(kill(child, SIGUSR1), 0);
        CHECK_EQ(waitpid(child, &status, 0), child);
        CHECK(WIFEXITED(status));
        CHECK_EQ(WEXITSTATUS(status), 1);
    }
}

static void *goes_on(void *unused)
{
    (void)unused;
    CHECK_EQ(pthread_join(main_thread, NULL), 0);
    child_is_signalled();
    for (int i = 1; i <= 100; i++) {
        CHECK_EQ(kill(getpid(), SIGUSR1), 0);
        while (caught < i)
            usleep(50);
    }
    printf("caught %d without main\n", (int)caught);
    return NULL;
}

int main(void)
{
    struct sigaction action = { .sa_handler = on_signal };
    main_thread = pthread_self();
    CHECK_EQ(sigaction(SIGUSR1, &action, NULL), 0);
    CHECK_EQ(pthread_detach(start(goes_on, NULL)), 0);
    pthread_exit(NULL);
}
