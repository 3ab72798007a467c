/* From dormant to active.
 *
 * There is one kernel thread at this moment, so rewriting code and taking state over are free of
 * races. Each step that can fail comes before the first one that can't be undone: a process is
 * either wholly converted or wholly native. Once the gate is open and we step aside, its sites pass
 * every call to the kernel. */
#define _GNU_SOURCE
#include "shim/activate.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "interpose/doors_pthread.h"
#include "interpose/activation.h"
#include "interpose/errand.h"
#include "runtime/monitor.h"
#include "shim/call.h"
#include "shim/conf.h"
#include "shim/control.h"
#include "shim/doctor.h"
#include "shim/gate/gate.h"
#include "shim/log.h"
#include "shim/report.h"

#define STACK_GUESS_BYTES (8UL << 20)  /* of an unlimited main stack */
#define HEAP_SPAN_BYTES   (16UL << 30) /* nothing but the heap lies within this of the program */
#define BLOCK_SLACK_BYTES 512

/* tcbhead_t, sysdeps/x86_64/nptl/tls.h: the ABI between libc and compilers. What all threads have in
 * common: the kernel's entry, the guards of stacks and pointers. */
#define TCB_TCB              0x00
#define TCB_SELF             0x10
#define TCB_MULTIPLE_THREADS 0x18
#define TCB_COPIED           0x20
#define TCB_COPIED_END       0x38

extern void *__libc_stack_end;
const char *activate_refused;
bool filtered_at_load;

static int step_aside_at(enum log_level level, const char *why)
{
    activation_set_native();
    log_line(level, "running natively: %s", why);
    return -EPERM;
}

static int step_aside(const char *why)
{
    return step_aside_at(LOG_WARN, why);
}

/* Each thread is a directory, and a link, of /proc/self/task. */
static bool has_other_kernel_threads(void)
{
    struct stat about;
    return stat("/proc/self/task", &about) == 0 && about.st_nlink != 3;
}

static void note_main_stack(void)
{
    uintptr_t high = ((uintptr_t)__libc_stack_end | (PAGE_BYTES - 1)) + 1;
    struct rlimit limit;
    size_t bytes = STACK_GUESS_BYTES;
    if (getrlimit(RLIMIT_STACK, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
        bytes = align_down(limit.rlim_cur, PAGE_BYTES);
    activation_note_stack(high - bytes, high);
}

/* Writable segments of objects; the heap begins after the first one, the program's own. */
static int note_object(struct dl_phdr_info *object, size_t size, void *seen)
{
    (void)size;
    uintptr_t end = 0;
    for (int i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
        if (segment->p_type != PT_LOAD || !(segment->p_flags & PF_W))
            continue;
        uintptr_t low = align_down(object->dlpi_addr + segment->p_vaddr, PAGE_BYTES);
        end = align_up(object->dlpi_addr + segment->p_vaddr + segment->p_memsz, PAGE_BYTES);
        activation_note_data(low, end);
    }
    int *count = seen;
    if ((*count)++ == 0 && end)
        activation_note_data(end, end + HEAP_SPAN_BYTES);
    return 0;
}

/* glibc expects zeroes where it puts a thread's descriptor and static TLS: the top of its stack. */
static size_t thread_block_bytes(void)
{
    extern void _dl_get_tls_static_info(size_t *, size_t *) __attribute__((weak));
    size_t bytes = 0, alignment = 0;
    if (!_dl_get_tls_static_info)
        return 0;
    _dl_get_tls_static_info(&bytes, &alignment);
    return align_up(bytes + alignment + BLOCK_SLACK_BYTES, 64);
}

/* What errands run with: the TLS block of a thread that libc does not know of. Its head (tcbhead_t) is as
 * pthread_create would make it. */
static void prepare_errands(void)
{
    extern void *_dl_allocate_tls(void *) __attribute__((weak));
    char *block = conf.control && _dl_allocate_tls ? _dl_allocate_tls(NULL) : NULL;
    const char *own;
    __asm__("movq %%fs:16, %0" : "=r"(own));
    if (block) {
        memcpy(block + TCB_COPIED, own + TCB_COPIED, TCB_COPIED_END - TCB_COPIED);
        *(void **)(block + TCB_TCB) = *(void **)(block + TCB_SELF) = block;
        *(int *)(block + TCB_MULTIPLE_THREADS) = 1;
    }
    errand_start_call = call_start;
    errand_prepare(block, doors_nptl.tid_offset, errand_work);
}

static void start_monitor(void)
{
    int floor = activation_fd_floor();
    Dl_info library;
    if (dladdr(&activate_refused, &library))
        report_prepare(library.dli_fname, floor);
    control_hooks = (struct control_hooks){
        .apply = steer_apply_conf,
        .set_thread = steer_set_thread,
        .signal_thread = steer_signal_thread,
        .cancel = errand_cancel,
        .call = errand_call,
        .look = errand_look,
        .objects = doctor_objects,
        .facts = activation_facts,
    };
    if (conf.control) {
        int error = control_prepare(floor);
        if (error)
            log_line(LOG_INFO, "no control socket: error %d", -error);
    }
    const struct monitor_settings settings = {
        .slice_ns = conf.slice_ns,
        .latency_warning_ns = conf.latency_warning_ns,
        .deadlock = conf.deadlock,
        .serve = control_serve,
        .listen_fd = control_listen_fd(),
        .report = report_start,
        .files_split = control_files_split,
    };
    int error = activation_start_monitor(&settings);
    if (error)
        log_line(LOG_WARN, "no monitor thread (error %d): nothing preempts, coroctl gets no answer",
                 -error);
}

static const char *why_closed(int error)
{
    if (error == -ENOENT)
        return "libZydis, which decodes its code, cannot be loaded";
    if (error == -ENOTSUP)
        return "it makes threads by instructions of its own that cannot be rewritten";
    if (error == -EBUSY)
        return "it uses the GS register by instructions of its own";
    return "its code cannot be rewritten";
}

int activate(void)
{
    static bool gate_is_open;
    if (activate_refused)
        return step_aside(activate_refused);
    if (!filtered_at_load && prctl(PR_GET_SECCOMP) > 0)
        return step_aside_at(LOG_INFO, /* the line might be the end of it */
                             "it has a seccomp filter of its own, which may forbid our calls");
    if (has_other_kernel_threads())
        return step_aside("the process has kernel threads already");
    if (activation_gs_in_use())
        return step_aside("the program uses the GS register");
    int error = 0;
    if (!gate_is_open) {
        error = gate_open(conf.dispatch);
        if (error)
            return step_aside(why_closed(error));
        gate_is_open = true;
        dl_iterate_phdr(note_object, &(int){ 0 });
    } else {
        gate_refresh();
    }
    error = activation_take_over(doors_nptl.tid_offset, conf.selfishness, thread_block_bytes());
    if (error)
        return step_aside("the kernel refuses epoll, memory or a signal handler");
    note_main_stack();
    prepare_errands();
    activation_set_offload(conf.offload);
    error = conf.dispatch ? activation_dispatch() : 0;
    if (error)
        log_line(LOG_WARN, "CORO_DISPATCH=on: the kernel has no Syscall User Dispatch (error %d)",
                 -error);
    start_monitor();
    return 0;
}
