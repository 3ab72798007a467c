/* membarrier(2)'s expedited command is for processes that have registered, before they have threads or
 * afterwards. */
#include "test.h"

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define GET_REGISTRATIONS (1 << 9) /* MEMBARRIER_CMD_..., since Linux 6.3 */

static long membarrier(int command)
{
    return syscall(SYS_membarrier, command, 0, 0);
}

static long registrations(void)
{
    long known = membarrier(GET_REGISTRATIONS);
    if (known < 0)
        CHECK_EQ(errno, EINVAL);
    return known < 0 ? 0 : known;
}

static void expect_refusal(void)
{
    CHECK_EQ(registrations(), 0);
    CHECK_EQ(membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED), -1);
    CHECK_EQ(errno, EPERM);
}

static void do_register(void)
{
    CHECK_EQ(membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED), 0);
}

static void *registers(void *first)
{
    if (first) {
        expect_refusal();
        do_register();
    }
    CHECK_EQ(membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED), 0);
    CHECK_EQ(registrations() & ~MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0);
    CHECK_EQ(syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 1 << 5, 0), -1);
    CHECK_EQ(errno, EINVAL);
    return NULL;
}

static void early(void)
{
    do_register();
    join(start(registers, NULL));
    registers(NULL);
}

static void late(void)
{
    expect_refusal();
    join(start(registers, &errno));
    registers(NULL);
}

static void in_process(const char *name, void (*run)(void))
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        run();
        _exit(0);
    }
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK_EQ(status, 0);
    printf("%s\n", name);
}

int main(void)
{
    long known = membarrier(MEMBARRIER_CMD_QUERY);
    if (known < 0 || !(known & MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED)) {
        puts("no expedited membarrier");
        return 77;
    }
    in_process("registered before the first thread", early);
    in_process("registered afterwards", late);
    return 0;
}
