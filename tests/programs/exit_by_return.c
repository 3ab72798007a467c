/* main returns with threads parked and spinning: the process ends with its status. */
#include "parked.h"

static void says_goodbye(void)
{
    puts("exit handler");
}

int main(void)
{
    atexit(says_goodbye);
    park_threads(21);
    puts("main returns");
    return 3;
}
