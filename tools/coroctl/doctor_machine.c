/* What the kernel, the processor and the limits of this machine allow, and which libraries are here.
 *
 * Kernel features are tried, in a way that changes nothing. */
#include <dlfcn.h>
#include <errno.h>
#include <linux/membarrier.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "runtime/base.h"
#include "tools/coroctl/doctor.h"

#define MACHINE   "machine"
#define LIBRARIES "libraries"

#define HWCAP2_FSGSBASE   2
#define GUARD_INSTALL     102 /* MADV_GUARD_INSTALL */
#define DISPATCH          59  /* PR_SET_SYSCALL_USER_DISPATCH; 0 is off */
#define MAPPINGS_USUAL    65530
#define DESCRIPTORS_FEW   4096
#define OVERCOMMIT_STRICT 2

static bool has_guard_markers(void)
{
    long page = sysconf(_SC_PAGESIZE);
    void *at = mmap(NULL, (size_t)page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    bool has = at != MAP_FAILED && madvise(at, (size_t)page, GUARD_INSTALL) == 0;

    if (at != MAP_FAILED)
        munmap(at, (size_t)page);
    return has;
}

static bool has_pidfd(void)
{
    int fd = (int)syscall(SYS_pidfd_open, getpid(), 0);

    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static bool has_pwait2(void)
{
    return syscall(SYS_epoll_pwait2, -1, NULL, 0, NULL, NULL, 0) == 0 || errno != ENOSYS;
}

/* A null pointer is looked at last. */
static bool has_io_uring(void)
{
    return syscall(SYS_io_uring_setup, 1, NULL) >= 0 || errno == EFAULT;
}

static bool has_dispatch(void)
{
    return prctl(DISPATCH, 0L, 0L, 0L, 0L) == 0;
}

static bool has_fsgsbase(void)
{
    return (getauxval(AT_HWCAP2) & HWCAP2_FSGSBASE) != 0;
}

static bool has_membarrier(void)
{
    long commands = syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0);

    return commands > 0 && (commands & MEMBARRIER_CMD_PRIVATE_EXPEDITED) != 0;
}

static void look_at_features(struct findings *findings)
{
    static const struct {
        const char *name;
        bool (*is_there)(void);
        const char *without;
    } features[] = {
        { "wrfsbase", has_fsgsbase, "a switch between threads takes a system call" },
        { "epoll_pwait2", has_pwait2, "sleeps are rounded up to milliseconds (Linux 5.11 has it)" },
        { "guard markers", has_guard_markers,
          "each thread's guard page takes a mapping, of which there are max_map_count (Linux 6.13 "
          "has them)" },
        { "pidfd_open", has_pidfd,
          "the monitor shares the program's descriptors, and calls on them cost a little more" },
        { "membarrier", has_membarrier,
          "a call that nothing interrupts keeps the other threads waiting" },
        { "user dispatch", has_dispatch,
          "CORO_DISPATCH=on does nothing: calls from code that is not rewritten go to the kernel" },
        { "io_uring", has_io_uring, "programs that want it do without" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(features); i++) {
        bool is_there = features[i].is_there();

        found(findings, MACHINE, features[i].name, is_there ? LEVEL_OK : LEVEL_NOTE, "%s%s",
              is_there ? "there" : "missing: ", is_there ? "" : features[i].without);
    }
}

static long read_number(const char *path)
{
    FILE *file = fopen(path, "re");
    long number = -1;

    if (file != NULL) {
        if (fscanf(file, "%ld", &number) != 1)
            number = -1;
        fclose(file);
    }
    return number;
}

static void look_at_settings(struct findings *findings)
{
    long mappings = read_number("/proc/sys/vm/max_map_count");
    long overcommit = read_number("/proc/sys/vm/overcommit_memory");

    found(findings, MACHINE, "vm.max_map_count", mappings < MAPPINGS_USUAL ? LEVEL_NOTE : LEVEL_OK,
          "%ld%s", mappings,
          mappings < MAPPINGS_USUAL
              ? ", less than usual: without guard markers, fewer threads have a "
                "guard"
              : "");
    found(findings, MACHINE, "vm.overcommit_memory",
          overcommit == OVERCOMMIT_STRICT ? LEVEL_NOTE : LEVEL_OK, "%ld%s", overcommit,
          overcommit == OVERCOMMIT_STRICT ? ": stacks count in full, though hardly touched" : "");
}

static void look_at_limit(struct findings *findings, pid_t pid, const char *name,
                          __rlimit_resource_t resource, rlim_t few, const char *when_few)
{
    struct rlimit limit;

    if (prlimit(pid, resource, NULL, &limit) != 0)
        found(findings, MACHINE, name, LEVEL_NOTE, "cannot be read: %s", strerrordesc_np(errno));
    else if (limit.rlim_cur == RLIM_INFINITY)
        found(findings, MACHINE, name, LEVEL_OK, "unlimited");
    else if (limit.rlim_cur < few)
        found(findings, MACHINE, name, LEVEL_NOTE, "%lu: %s", limit.rlim_cur, when_few);
    else
        found(findings, MACHINE, name, LEVEL_OK, "%lu", limit.rlim_cur);
}

/* As the shim names them; dlopen finds what it would find. */
static void look_at_libraries(struct findings *findings)
{
    static const struct {
        const char *name;
        enum level level;
        const char *without;
    } libraries[] = {
        { "libZydis.so.4.0", LEVEL_PROBLEM,
          "programs stay native: without a decoder their code cannot be rewritten" },
        { "libgcc_s.so.1", LEVEL_NOTE, "no thread can be cancelled, which ends programs that try" },
        { "libffi.so.8", LEVEL_NOTE, "coroctl call and coro.h's calls with arguments don't work" },
        { "libunwind-x86_64.so.8", LEVEL_NOTE, "coro_where and reports show no stacks" },
        { "libdw.so.1", LEVEL_NOTE, "coro_where and reports name no functions" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(libraries); i++) {
        void *library = dlopen(libraries[i].name, RTLD_LAZY | RTLD_LOCAL);

        if (library != NULL) {
            found(findings, LIBRARIES, libraries[i].name, LEVEL_OK, "found");
            dlclose(library);
        } else {
            found(findings, LIBRARIES, libraries[i].name, libraries[i].level, "missing: %s",
                  libraries[i].without);
        }
    }
}

void doctor_machine(struct findings *findings, pid_t pid)
{
    struct utsname system;

    if (uname(&system) == 0)
        found(findings, MACHINE, "kernel", LEVEL_OK, "%s %s", system.sysname, system.release);
    look_at_features(findings);
    look_at_settings(findings);
    look_at_limit(findings, pid, "RLIMIT_NOFILE", RLIMIT_NOFILE, DESCRIPTORS_FEW,
                  "so many connections at most; ulimit -n raises it");
    look_at_limit(findings, pid, "RLIMIT_AS", RLIMIT_AS, RLIM_INFINITY,
                  "stacks are reserved in address space, which this limits");
    look_at_limit(findings, pid, "RLIMIT_SIGPENDING", RLIMIT_SIGPENDING, 64,
                  "signals, and the monitor's among them, may not get through");
    look_at_libraries(findings);
}
