/* Doubles are formatted and parsed in many threads at once, exactly. */
#include "test.h"

#include <sched.h>

#define THREADS 8
#define ROUNDS  300

static void *formats(void *arg)
{
    char text[64], wide[64];
    unsigned hash = 5381;
    unsigned long state = (unsigned long)(long)arg + 1;
    for (int i = 0; i < ROUNDS; i++) {
        state = state * 6364136223846793005ul + 1442695040888963407ul;
        double value = (double)(state >> 11) / 9007199254740992.0 * (i % 2 ? 1e10 : 1e-10);
        int length = snprintf(text, sizeof(text), "%.17g", value);
        CHECK(strtod(text, NULL) == value);
        snprintf(wide, sizeof(wide), "%12.4f %.3e %a", value, value, value);
        if (i % 16 == 0)
            sched_yield();
        for (int at = 0; at < length; at++)
            hash = hash * 33 + (unsigned char)text[at];
        for (char *at = wide; *at; at++)
            hash = hash * 33 + (unsigned char)*at;
    }
    return (void *)(unsigned long)hash;
}

int main(void)
{
    pthread_t threads[THREADS];
    for (long i = 0; i < THREADS; i++)
        threads[i] = start(formats, (void *)i);
    for (int i = 0; i < THREADS; i++)
        printf("thread %d: %08lx %.3f\n", i, (unsigned long)join(threads[i]), i / 3.0);
    return 0;
}
