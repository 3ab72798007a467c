/* A library that makes threads of its own and waits by futex instructions in its own text; it is
 * loaded while the program's threads run already. */
#include <linux/futex.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>

int threaded_rounds(int rounds);

static uint32_t turn;
static int wanted, played;

static void futex(uint32_t *word, int op, uint32_t value)
{
    register long r10 __asm__("r10") = 0;
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(SYS_futex), "D"(word), "S"(op | FUTEX_PRIVATE_FLAG), "d"(value), "r"(r10)
                     : "rcx", "r11", "memory");
}

static void *plays(void *arg)
{
    uint32_t me = (uint32_t)(uintptr_t)arg;
    for (int i = 0; i < wanted; i++) {
        while (__atomic_load_n(&turn, __ATOMIC_ACQUIRE) != me)
            futex(&turn, FUTEX_WAIT, !me);
        played++;
        __atomic_store_n(&turn, !me, __ATOMIC_RELEASE);
        futex(&turn, FUTEX_WAKE, 1);
    }
    return NULL;
}

/* Two threads take @rounds turns each; returns how many were taken together. */
int threaded_rounds(int rounds)
{
    pthread_t threads[2];
    wanted = rounds;
    for (uintptr_t i = 0; i < 2; i++)
        if (pthread_create(&threads[i], NULL, plays, (void *)i) != 0)
            return -1;
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    return played;
}
