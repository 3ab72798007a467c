/* Memory by system call: mappings as thread stacks and others have them, protected, discarded and
 * unmapped in part. Whether memory can be used is asked of the kernel, by write and read. */
#include "gates.h"

#include <sys/mman.h>

#define PAGE 4096UL

static int pair[2];

static char *map(size_t bytes, int protection, int flags)
{
    long at = syscall(SYS_mmap, NULL, bytes, protection, flags, -1, 0L);
    CHECK(at != -1);
    return (char *)at;
}

static int is_readable(char *at)
{
    char byte;
    if (syscall(SYS_write, pair[1], at, 1L) != 1)
        return 0;
    CHECK_EQ(read(pair[0], &byte, 1), 1);
    return 1;
}

static int is_writable(char *at)
{
    char byte;
    CHECK_EQ(write(pair[1], "x", 1), 1);
    if (syscall(SYS_read, pair[0], at, 1L) == 1)
        return 1;
    CHECK_EQ(read(pair[0], &byte, 1), 1);
    return 0;
}

static void uses(int flags)
{
    char *at = map(8 * PAGE, PROT_NONE, flags);
    CHECK(!is_readable(at) && !is_writable(at));
    CHECK_EQ(syscall(SYS_mprotect, at + PAGE, 7 * PAGE, PROT_READ | PROT_WRITE), 0);
    CHECK(!is_readable(at));
    for (int i = 1; i < 8; i++) {
        CHECK_EQ(at[(size_t)i * PAGE], 0);
        CHECK(is_writable(at + (size_t)i * PAGE));
    }
    CHECK_EQ(syscall(SYS_mprotect, at + 2 * PAGE, PAGE, PROT_READ), 0);
    CHECK(is_readable(at + 2 * PAGE) && !is_writable(at + 2 * PAGE));
    CHECK_EQ(at[2 * PAGE], 'x');
    CHECK_EQ(syscall(SYS_mprotect, at + 2 * PAGE, PAGE, PROT_READ | PROT_WRITE), 0);
    CHECK_EQ(syscall(SYS_madvise, at + PAGE, 2 * PAGE, MADV_DONTNEED), 0);
    CHECK(at[PAGE] == 0 && at[2 * PAGE] == 0 && at[3 * PAGE] == 'x');
    FAILS(EINVAL, SYS_mprotect, at + 1, PAGE, PROT_READ);
    FAILS(EINVAL, SYS_madvise, at + 1, PAGE, MADV_DONTNEED);
    FAILS(EINVAL, SYS_munmap, at + 1, PAGE);
    FAILS(EINVAL, SYS_munmap, at, 0L);
    CHECK_EQ(syscall(SYS_munmap, at + 4 * PAGE, 4 * PAGE), 0); /* the upper half */
    CHECK(!is_readable(at + 4 * PAGE) && is_readable(at + 3 * PAGE));
    CHECK_EQ(syscall(SYS_munmap, at, 4 * PAGE), 0);
    CHECK(!is_readable(at + 3 * PAGE));
}

static void plain(void)
{
    uses(MAP_PRIVATE | MAP_ANONYMOUS);
    uses(MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE);
}

/* As libc asks for thread stacks: a guard below, the rest for use. */
static void stacks(void)
{
    for (int i = 0; i < 20; i++) {
        char *at = map(8 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK);
        CHECK_EQ(syscall(SYS_mprotect, at + PAGE, 7 * PAGE, PROT_READ | PROT_WRITE), 0);
        CHECK(!is_readable(at) && !is_writable(at));
        CHECK(is_writable(at + PAGE) && is_writable(at + 8 * PAGE - 1));
        memset(at + PAGE, 'x', 7 * PAGE);
        CHECK_EQ(syscall(SYS_madvise, at + PAGE, PAGE, MADV_DONTNEED), 0);
        CHECK_EQ(syscall(SYS_munmap, at, 8 * PAGE), 0);
    }
}

/* As programs ask for stacks of their own: memory like any other. */
static void own_stacks(void)
{
    for (int i = 0; i < 20; i++) {
        char *at = map(8 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK);
        for (size_t byte = 0; byte < 8 * PAGE; byte++)
            CHECK_EQ(at[byte], 0);
        memset(at, 'x', 8 * PAGE);
        CHECK_EQ(syscall(SYS_madvise, at + PAGE, PAGE, MADV_DONTNEED), 0);
        CHECK(at[PAGE] == 0 && at[2 * PAGE] == 'x');
        CHECK_EQ(syscall(SYS_mprotect, at, PAGE, PROT_NONE), 0);
        CHECK(!is_readable(at) && is_writable(at + PAGE));
        CHECK_EQ(syscall(SYS_munmap, at + 4 * PAGE, 4 * PAGE), 0); /* the upper half */
        CHECK(!is_readable(at + 4 * PAGE) && is_readable(at + 3 * PAGE));
        CHECK_EQ(syscall(SYS_munmap, at, 4 * PAGE), 0);
    }
}

static void errors(void)
{
    FAILS(EINVAL, SYS_mmap, NULL, 0L, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0L);
    FAILS(EINVAL, SYS_mmap, NULL, 0L, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0L);
    FAILS(EINVAL, SYS_mmap, NULL, PAGE, PROT_READ, MAP_ANONYMOUS, -1, 0L);
    FAILS(EBADF, SYS_mmap, NULL, PAGE, PROT_READ, MAP_PRIVATE, -1, 0L);
    FAILS(ENOMEM, SYS_mmap, NULL, 1UL << 62, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1,
          0L);
    FAILS(ENOMEM, SYS_mprotect, PAGE, PAGE, PROT_READ);
    FAILS(ENOMEM, SYS_madvise, PAGE, PAGE, MADV_NORMAL);
    FAILS(EINVAL, SYS_madvise, PAGE, PAGE, 9999);
    CHECK_EQ(syscall(SYS_munmap, 2 * PAGE, PAGE), 0); /* nothing there is no error */
}

int main(void)
{
    const struct gate_test tests[] = {
        { "mmap, mprotect, madvise, munmap", plain },
        { "as for stacks", stacks },
        { "as for a program's own stacks", own_stacks },
        { "errors", errors },
    };
    CHECK_EQ(pipe(pair), 0);
    run_gates(tests, COUNT(tests));
    return 0;
}
