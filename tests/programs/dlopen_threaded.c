/* A library that waits by system call instructions in its own text is loaded, used and unloaded
 * while other threads run; threads load and unload libraries at once. */
#include "test.h"

#include <dlfcn.h>

static pthread_barrier_t barrier;

static void *loads(void *arg)
{
    pthread_barrier_wait(&barrier);
    for (int i = 0; i < 10; i++) {
        void *library = dlopen("libtls.so", RTLD_LAZY | RTLD_LOCAL);
        CHECK(library);
        int (*next)(void) = (int (*)(void))dlsym(library, "tls_next");
        CHECK(next && next() > 41);
        CHECK(dlsym(library, "no_such_symbol") == NULL);
        CHECK(dlerror() != NULL);
        CHECK_EQ(dlclose(library), 0);
    }
    return arg;
}

static void *uses(void *arg)
{
    pthread_barrier_wait(&barrier);
    void *library = dlopen("libthreaded.so", RTLD_NOW);
    CHECK(library);
    int (*rounds)(int) = (int (*)(int))dlsym(library, "threaded_rounds");
    CHECK(rounds);
    CHECK_EQ(rounds(500), 1000);
    CHECK_EQ(rounds(100), 1200);
    CHECK_EQ(dlclose(library), 0);
    library = dlopen("libthreaded.so", RTLD_NOW);
    CHECK(library);
    rounds = (int (*)(int))dlsym(library, "threaded_rounds");
    *(int *)arg = rounds(10);
    return NULL;
}

int main(void)
{
    pthread_t threads[5];
    int played = 0;
    pthread_barrier_init(&barrier, NULL, COUNT(threads));
    for (int i = 0; i < COUNT(threads); i++)
        threads[i] = i ? start(loads, NULL) : start(uses, &played);
    for (int i = 0; i < COUNT(threads); i++)
        join(threads[i]);
    printf("played %d\n", played);
    return 0;
}
