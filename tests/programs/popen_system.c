/* system and popen from many threads at once: statuses, output, input. */
#include "test.h"

#include <sys/wait.h>

#define THREADS 6

static void *uses_system(void *arg)
{
    char command[64];
    long id = (long)arg;
    snprintf(command, sizeof(command), "exit %ld", id + 1);
    for (int i = 0; i < 3; i++) {
        int status = system(command);
        CHECK(WIFEXITED(status));
        CHECK_EQ(WEXITSTATUS(status), id + 1);
    }
    int status = system("kill -TERM $$");
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == 15);
    return NULL;
}

static void *uses_popen(void *arg)
{
    char command[64], line[64];
    long id = (long)arg;
    snprintf(command, sizeof(command), "echo one %ld; echo two; exit %ld", id, id);
    FILE *pipe = popen(command, "re");
    CHECK(pipe);
    snprintf(command, sizeof(command), "one %ld\n", id);
    CHECK(fgets(line, sizeof(line), pipe) && strcmp(line, command) == 0);
    CHECK(fgets(line, sizeof(line), pipe) && strcmp(line, "two\n") == 0);
    CHECK(!fgets(line, sizeof(line), pipe));
    int status = pclose(pipe);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == id);

    pipe = popen("read word; test \"$word\" = open", "w");
    CHECK(pipe);
    fputs("open\n", pipe);
    CHECK_EQ(pclose(pipe), 0);
    return NULL;
}

int main(void)
{
    pthread_t threads[2 * THREADS];
    for (long i = 0; i < THREADS; i++) {
        threads[2 * i] = start(uses_system, (void *)i);
        threads[2 * i + 1] = start(uses_popen, (void *)i);
    }
    for (int i = 0; i < 2 * THREADS; i++)
        join(threads[i]);
    puts("every command did what it should");
    fflush(stdout);
    CHECK_EQ(system("echo from the child"), 0);
    CHECK(system(NULL) != 0);
    return 0;
}
