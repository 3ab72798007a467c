/* pthread_atfork handlers: prepare in reverse, parent and child in order, in the forking thread;
 * malloc and stdio work in the child although other threads were using them. */
#include "test.h"

#include <sys/wait.h>

static char parent_trace[32], child_trace[32];
static int stop;

static void note(char c)
{
    parent_trace[strlen(parent_trace)] = c;
    child_trace[strlen(child_trace)] = c;
}

static void prepare_a(void)
{
    note('A');
}
static void prepare_b(void)
{
    note('B');
}
static void parent_a(void)
{
    note('p');
}
static void parent_b(void)
{
    note('q');
}
static void child_a(void)
{
    note('c');
}
static void child_b(void)
{
    note('d');
}

static void *allocates(void *arg)
{
    while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
        char *text = malloc(500);
        CHECK(text);
        snprintf(text, 500, "%p", (void *)text);
        free(text);
        FILE *file = fopen("/dev/null", "w");
        CHECK(file);
        fprintf(file, "text");
        fclose(file);
    }
    return arg;
}

static void *forks(void *arg)
{
    for (int i = 0; i < 10; i++) {
        memset(parent_trace, 0, sizeof(parent_trace));
        memset(child_trace, 0, sizeof(child_trace));
        pid_t child = fork();
        if (child == 0) {
            free(malloc(100000));
            FILE *file = fopen("/dev/null", "w");
            fprintf(file, "text");
            fclose(file);
            _exit(strcmp(child_trace, "BAcd") == 0 ? 11 : 12);
        }
        int status;
        CHECK_EQ(waitpid(child, &status, 0), child);
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 11);
        CHECK(strcmp(parent_trace, "BApq") == 0);
    }
    return arg;
}

int main(void)
{
    pthread_t threads[3];
    CHECK_EQ(pthread_atfork(prepare_a, parent_a, child_a), 0);
    CHECK_EQ(pthread_atfork(prepare_b, parent_b, child_b), 0);
    for (int i = 0; i < COUNT(threads); i++)
        threads[i] = start(allocates, NULL);
    join(start(forks, NULL));
    __atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
    for (int i = 0; i < COUNT(threads); i++)
        join(threads[i]);
    printf("%s\n", parent_trace);
    return 0;
}
