/* Calls that are made on the carrier as they are: those that have no row, and those on files, which
 * hardly ever block. When one does, it leaves the carrier after all:
 *
 * - one that a signal can interrupt is interrupted by the kick, and made again by a helper;
 * - one that lasts for more than a slice is handed off with its kernel thread (runtime/handoff.c),
 *   if there is a spare one. Spares share the descriptor table, which costs every call on a
 *   descriptor a little: so there is one only while threads use the file system.
 *
 * Calls about the kernel thread itself, or about the memory that we stand on, are no good for either:
 * their site executes them, raw. None of them blocks for long. */
#include "interpose/op.h"

#include "runtime/handoff.h"

enum { ANY, FILE_SYSTEM, AT_SITE };

#define CALLS 512

#define FILES(name) [__NR_##name] = FILE_SYSTEM
#define SITE(name)  [__NR_##name] = AT_SITE

/* clang-format off */
static const uint8_t trait[CALLS] = {
    FILES(read), FILES(write), FILES(readv), FILES(writev), FILES(pread64), FILES(pwrite64),
    FILES(preadv), FILES(pwritev), FILES(preadv2), FILES(pwritev2), FILES(open), FILES(openat),
    FILES(openat2), FILES(creat), FILES(stat), FILES(lstat), FILES(newfstatat), FILES(statx),
    FILES(access), FILES(faccessat), FILES(faccessat2), FILES(getdents), FILES(getdents64),
    FILES(readlink), FILES(readlinkat), FILES(unlink), FILES(unlinkat), FILES(rmdir),
    FILES(mkdir), FILES(mkdirat), FILES(mknod), FILES(mknodat), FILES(rename), FILES(renameat),
    FILES(renameat2), FILES(link), FILES(linkat), FILES(symlink), FILES(symlinkat),
    FILES(truncate), FILES(ftruncate), FILES(chmod), FILES(fchmod), FILES(fchmodat), FILES(chown),
    FILES(fchown), FILES(lchown), FILES(fchownat), FILES(utime), FILES(utimes), FILES(utimensat),
    FILES(futimesat), FILES(chdir), FILES(fchdir), FILES(getcwd), FILES(statfs), FILES(fstatfs),
    FILES(getxattr), FILES(lgetxattr), FILES(fgetxattr), FILES(setxattr), FILES(lsetxattr),
    FILES(fsetxattr), FILES(listxattr), FILES(llistxattr), FILES(flistxattr), FILES(removexattr),
    FILES(lremovexattr), FILES(fremovexattr), FILES(name_to_handle_at), FILES(open_by_handle_at),
    FILES(mount), FILES(umount2), FILES(quotactl), FILES(readahead), FILES(fadvise64),

    SITE(clone), SITE(clone3), SITE(fork), SITE(vfork), SITE(execve), SITE(execveat), SITE(exit),
    SITE(exit_group), SITE(rt_sigreturn), SITE(restart_syscall), SITE(mmap), SITE(munmap),
    SITE(mremap), SITE(mprotect), SITE(pkey_mprotect), SITE(pkey_alloc), SITE(pkey_free),
    SITE(madvise), SITE(brk), SITE(arch_prctl), SITE(prctl), SITE(ptrace), SITE(seccomp),
    SITE(unshare), SITE(setns), SITE(capget), SITE(capset), SITE(setuid), SITE(setgid),
    SITE(setreuid), SITE(setregid), SITE(setresuid), SITE(setresgid), SITE(setgroups),
    SITE(setfsuid), SITE(setfsgid), SITE(personality), SITE(ioprio_set), SITE(ioprio_get),
    SITE(set_mempolicy), SITE(get_mempolicy), SITE(getcpu), SITE(getrusage), SITE(iopl),
    SITE(ioperm), SITE(modify_ldt), SITE(keyctl), SITE(add_key), SITE(request_key),
    SITE(perf_event_open), SITE(landlock_restrict_self), SITE(sched_setattr), SITE(sched_getattr),
    SITE(rt_sigprocmask), SITE(rt_sigaction), SITE(sigaltstack), SITE(set_tid_address),
    SITE(set_robust_list), SITE(rseq), SITE(io_uring_enter), SITE(kcmp), SITE(kill), SITE(tkill),
    SITE(tgkill), SITE(rt_sigqueueinfo), SITE(rt_tgsigqueueinfo), SITE(clock_gettime),
    SITE(timer_create), SITE(getpid), SITE(getppid), SITE(getuid), SITE(geteuid), SITE(getgid),
    SITE(getegid), SITE(close),
};
/* clang-format on */

bool op_may_run_here(uint64_t nr)
{
    return nr < CALLS && trait[nr] != AT_SITE;
}

long op_here(long nr, const long argument[6])
{
    struct carrier *carrier = this_carrier();
    if (unlikely(carrier->kthread.attention))
        return -ERESTARTNOINTR; /* what is due comes first, or it would end the call */
    if (runtime.can_hand_off && runtime.live > 1 && trait[nr] == FILE_SYSTEM)
        offload_want_spare();
    long result = handoff_call(nr, argument);
    if (likely(result != -ERESTARTNOINTR && result != -ERESTARTNOHAND))
        return result;
    if (carrier->kthread.attention & ATTENTION_SIGNAL || signal_deliverable(carrier->current))
        return result;
    return op_offload_moved(nr, argument);
}
