/* What shim/ needs of the runtime and the operations, in plain types. */
#ifndef CORO_ACTIVATION_H
#define CORO_ACTIVATION_H

#include "runtime/base.h"

/* The runtime's hooks into the process. */
struct op_hooks {
    int (*activate)(void);             /* first thread: 0, or -errno and the process stays native */
    void (*leave_process)(void);       /* before exit_group and exec */
    void (*in_child)(void);            /* after fork, in the child, dormant again */
    void (*thread_ended)(uint64_t id); /* in the runtime, for the running coroutine */
    void (*cancelled)(uintptr_t thread); /* pthread_cancel, where threads are the kernel's */
};

/* At load: processor and clock. @hwcap2, @vdso: AT_HWCAP2's and AT_SYSINFO_EHDR's values. */
void activation_prepare(uint64_t hwcap2, uintptr_t vdso);
void activation_set_hooks(const struct op_hooks *hooks, bool (*owns_fd)(int fd));

void activation_set_native(void);

/* The tid in libc's thread descriptors was found: the mutex doors know what to write. */
void activation_allow_fast_locks(void);
bool activation_gs_in_use(void);
int activation_fd_floor(void);

/* Memory that no other process can meet. */
void activation_note_stack(uintptr_t low, uintptr_t high);
void activation_note_data(uintptr_t low, uintptr_t high);

/* Makes this kernel thread the carrier and reads its state from the kernel. Returns 0 or -errno;
 * then nothing has changed. */
int activation_take_over(uint32_t tid_offset, uint32_t selfishness, size_t thread_block_bytes);

/* What holds in this process: enum doctor_fact. Any kernel thread of ours. */
uint32_t activation_facts(void);

/* offload_set_bound. */
void activation_set_offload(uint32_t helpers);

/* What the control socket may change (steer.c); on the monitor. `conf` has changed; thread @id gets a
 * selfishness of its own; thread @id gets @signal as if by pthread_kill, soon. The latter two return
 * 0, -ESRCH: there is no such thread, or -EBUSY: too many signals are on their way. */
void steer_reset(void); /* a process begins: nothing is on its way */
void steer_apply_conf(void);
int steer_set_thread(uint64_t id, uint32_t selfishness);
int steer_signal_thread(uint64_t id, int signal);

/* Has the kernel hand over system calls that no rewritten site makes. Returns 0 or -errno. */
int activation_dispatch(void);

/* monitor_start. */
struct monitor_settings;
int activation_start_monitor(const struct monitor_settings *settings);

#endif
