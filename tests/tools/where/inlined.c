/* What an optimising compiler makes of small functions: inlined ones, and calls at a function's end. */
#define _GNU_SOURCE
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

static int ends[2], word;

static inline __attribute__((always_inline)) int innermost(int fd)
{
    char byte;
    return (int)read(fd, &byte, 1);
}

static inline __attribute__((always_inline)) int middle(int fd)
{
    return innermost(fd) + 1;
}

static __attribute__((noinline)) int last_call(int fd)
{
    return middle(fd) + 1;
}

static __attribute__((noinline)) int jumps_there(int fd)
{
    return last_call(fd);
}

static __attribute__((noinline)) int recursive(int depth)
{
    return depth ? recursive(depth - 1) + 1 : middle(ends[0]);
}

static void *inlines(void *argument)
{
    return argument + middle(ends[0]) + 1;
}

static void *jumps(void *argument)
{
    return argument + jumps_there(ends[0]) + 1;
}

static void *recurses(void *argument)
{
    return argument + recursive(20);
}

/* futex by libc's syscall(), and by the program's own instruction. */
static void *by_syscall(void *argument)
{
    return argument + syscall(SYS_futex, &word, 0, 0, NULL, NULL, 0) + 1;
}

static void *by_instruction(void *argument)
{
    long result;
    register long timeout __asm__("r10") = 0;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(SYS_futex), "D"(&word), "S"(128L), "d"(0L), "r"(timeout)
                     : "rcx", "r11", "memory");
    return argument + result;
}

int main(void)
{
    void *(*const bodies[])(void *) = { inlines, jumps, recurses, by_syscall, by_instruction };
    pthread_t thread;

    pipe(ends);
    for (int i = 0; i < 5; i++)
        pthread_create(&thread, NULL, bodies[i], NULL);
    pthread_join(thread, NULL);
    return 0;
}
