/* A program that fills the address space next to its libraries before its first thread. */
#include "test.h"

#include <sys/mman.h>

#define HUGE_BYTES (2200UL << 20)

static void *looks(void *array)
{
    ((char *)array)[HUGE_BYTES - 1] = 1;
    return array;
}

/* The holes between libraries, from the largest. */
static void fill_holes(void)
{
    for (size_t bytes = 1 << 20; bytes >= 1 << 14; bytes /= 2) {
        for (int i = 0; i < 64; i++)
            CHECK(mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED);
    }
}

int main(void)
{
    char *array = mmap(NULL, HUGE_BYTES, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CHECK(array != MAP_FAILED);
    fill_holes();
    join(start(looks, array));
    CHECK_EQ(array[HUGE_BYTES - 1], 1);
    puts("written from a thread");
    return 0;
}
