/* A library with thread-local storage is loaded while threads are blocked: the old threads and new
 * ones each see a fresh copy with its initial value. */
#include "test.h"

#include <dlfcn.h>

#define OLD 8
#define NEW 8

static int (*next_value)(void);
static char *(*large)(void);
static int *(*address)(void);
static pthread_barrier_t loaded, used;
static int *addresses[OLD + NEW];

static void use(long id)
{
    CHECK_EQ(next_value(), 42);
    for (int i = 0; i < 3000; i++)
        CHECK_EQ(large()[i], 0);
    memset(large(), (int)id, 3000);
    addresses[id] = address();
    pthread_barrier_wait(&used);
    CHECK_EQ(large()[2999], id);
    CHECK_EQ(next_value(), 43);
    CHECK(addresses[id] == address());
}

static void *old_thread(void *arg)
{
    pthread_barrier_wait(&loaded);
    use((long)arg);
    return NULL;
}

static void *new_thread(void *arg)
{
    use((long)arg);
    return NULL;
}

int main(void)
{
    pthread_t threads[OLD + NEW];
    pthread_barrier_init(&loaded, NULL, OLD + 1);
    pthread_barrier_init(&used, NULL, OLD + NEW);
    for (long i = 0; i < OLD; i++)
        threads[i] = start(old_thread, (void *)i);
    void *library = dlopen("libtls.so", RTLD_NOW);
    CHECK(library);
    next_value = (int (*)(void))dlsym(library, "tls_next");
    large = (char *(*)(void))dlsym(library, "tls_large");
    address = (int *(*)(void))dlsym(library, "tls_address");
    CHECK(next_value && large && address);
    pthread_barrier_wait(&loaded);
    for (long i = OLD; i < OLD + NEW; i++)
        threads[i] = start(new_thread, (void *)i);
    for (int i = 0; i < OLD + NEW; i++)
        join(threads[i]);
    for (int i = 0; i < OLD + NEW; i++)
        for (int j = 0; j < i; j++)
            CHECK(addresses[i] != addresses[j]);
    printf("main: %d\n", next_value());
    CHECK_EQ(dlclose(library), 0);
    puts("every thread had its own copy");
    return 0;
}
