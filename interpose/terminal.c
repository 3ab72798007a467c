/* Job control: who may read from the terminal, and write to it.
 *
 * In a native thread's read the kernel looks whether the process is in the foreground, when it begins and
 * when it goes on after a stop. Here a thread that waits is not in the kernel, and the carrier must not
 * stay there. So the kernel is asked by a call for no bytes, which stops the process, fails or returns as
 * the true one would, but never waits; and who waits asks again at a SIGCONT (signal_route), which is
 * caught from the first use of the process's terminal on. */
#include "interpose/terminal.h"

#include <asm/ioctls.h>
#include <asm/signal.h>

#include "interpose/op.h"
#include "interpose/signal.h"

long terminal_turn(int fd, bool for_write)
{
    int foreground = 0, number;
    char nothing;
    /* Nobody's terminal: another session's, or the side of the master. */
    if (sys3(__NR_ioctl, fd, TIOCGPGRP, &foreground) != 0 ||
        sys3(__NR_ioctl, fd, TIOCGPTN, &number) == 0)
        return 0;
    if (!for_write)
        signal_catch(sigbit(SIGCONT));
    if (foreground <= 0 || foreground == (int)sys1(__NR_getpgid, 0))
        return 0;
    if (this_co()->signals.mask & sigbit(for_write ? SIGTTOU : SIGTTIN))
        return for_write ? 0 : -EIO;
    long result =
        sys_interruptible(&runtime.carrier.kthread.attention, for_write ? __NR_write : __NR_read,
                          fd, (long)&nothing, 0, 0, 0, 0);
    if (result == -EINTR)
        return -ERESTARTSYS; /* the handler runs first */
    return result < 0 ? result : 0;
}
