/* A program that fills the address space next to its libraries before its first thread. */
#include "test.h"

#include <sys/mman.h>

#define HUGE_BYTES (2200UL << 20)

static void *looks(void *array)
{
    ((char *)array)[HUGE_BYTES - 1] = 1;
    return array;
}

int main(void)
{
    char *array = mmap(NULL, HUGE_BYTES, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CHECK(array != MAP_FAILED);
    join(start(looks, array));
    CHECK_EQ(array[HUGE_BYTES - 1], 1);
    puts("written from a thread");
    return 0;
}
