/* A library with thread-local storage of its own, loaded while threads run. */
#include <string.h>

static __thread int value = 41;
static __thread char large[3000];

int tls_next(void);
char *tls_large(void);
int *tls_address(void);

int tls_next(void)
{
    return ++value;
}

char *tls_large(void)
{
    return large;
}

int *tls_address(void)
{
    return &value;
}
