/* Calls that take the id of a process or of any of its threads. The kernel knows the ids of our threads
 * not: what belongs to the process is asked for by the process's id, in the place of a thread's. */
#include "interpose/op.h"

#include <linux/capability.h>

#include "runtime/monitor.h"

#define OF_THREAD 0200 /* PIDFD_THREAD: O_EXCL */

int op_process_of(int id)
{
    const struct co *co = id > 0 ? co_by_tid((uint32_t)id) : NULL;
    return co ? runtime.pid : id;
}

/* The call with @process in the place of the @id that it was given. */
#define BY_ID(name, parameters, id, ...)                                                           \
    long op_##name parameters                                                                      \
    {                                                                                              \
        int process = op_process_of(id);                                                           \
        return process == (id) ? OP_PASS : op_direct(__NR_##name, __VA_ARGS__);                    \
    }

BY_ID(getpgid, (int pid), pid, process)
BY_ID(getsid, (int pid), pid, process)
BY_ID(prlimit64, (int pid, unsigned resource, const void *limit, void *old), pid, process, resource,
      (long)limit, (long)old)
BY_ID(process_vm_readv,
      (int pid, const struct iovec *to, unsigned long to_count, const struct iovec *from,
       unsigned long from_count, unsigned long flags),
      pid, process, (long)to, (long)to_count, (long)from, (long)from_count, (long)flags)
BY_ID(process_vm_writev,
      (int pid, const struct iovec *from, unsigned long from_count, const struct iovec *to,
       unsigned long to_count, unsigned long flags),
      pid, process, (long)from, (long)from_count, (long)to, (long)to_count, (long)flags)
BY_ID(move_pages,
      (int pid, unsigned long count, const void *pages, const int *nodes, int *status, int flags),
      pid, process, (long)count, (long)pages, (long)nodes, (long)status, flags)
BY_ID(migrate_pages,
      (int pid, unsigned long nodes, const unsigned long *from, const unsigned long *to), pid,
      process, (long)nodes, (long)from, (long)to)

/* Of threads as of processes: all of ours share what it compares. */
long op_kcmp(int one, int other, int type, unsigned long index1, unsigned long index2)
{
    return sys5(__NR_kcmp, op_process_of(one), op_process_of(other), type, index1, index2);
}

/* What a process may send itself only, a thread may send by its own id only. */
long op_rt_sigqueueinfo(int pid, int signal, const siginfo_t *info)
{
    const struct co *co = pid > 0 ? co_by_tid((uint32_t)pid) : NULL;
    siginfo_t given;
    if (!co)
        return OP_PASS;
    if (user_get(given, info) != 0)
        return -EFAULT;
    if (co != this_co() && (given.si_code >= 0 || given.si_code == SI_TKILL))
        return -EPERM;
    return sys3(__NR_rt_sigqueueinfo, runtime.pid, signal, &given);
}

/* Where only a process's first thread will do, the kernel says so of a thread that it knows. The rest a
 * thread has in common with its process, which must end before its descriptor says so. */
long op_pidfd_open(int pid, unsigned flags)
{
    int process = op_process_of(pid);
    if (process == pid)
        return OP_PASS;
    if (!(flags & OF_THREAD))
        return sys2(__NR_pidfd_open, monitor_tid(), flags);
    long fd = sys2(__NR_pidfd_open, process, flags);
    if (fd < 0)
        return fd;
    sys1(__NR_close, fd); /* signals sent to it would be for one kernel thread */
    return sys2(__NR_pidfd_open, process, flags & ~(unsigned)OF_THREAD);
}

/* The kernel keeps credentials per thread, but ours have their carrier's. */
long op_capget(void *header, void *sets)
{
    struct __user_cap_header_struct asked;
    if (user_get(asked, header) != 0)
        return -EFAULT;
    if (op_process_of(asked.pid) == asked.pid)
        return OP_PASS;
    uint32_t version = asked.version;
    asked.pid = 0;
    long result = sys2(__NR_capget, &asked, sets);
    if (asked.version != version && user_put(header, asked.version) != 0)
        return -EFAULT;
    return result;
}
