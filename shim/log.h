/* Lines on stderr (or CORO_LOG_FILE): "coroshim[PID]: text\n", each one write(2), never garbled. In the
 * file with a stamp before it, the time and the thread: "2026-11-30T12:00:00.123Z 2 coroshim[PID]: text\n".
 * Below the gate: raw system calls, own formatting; any kernel thread; async-signal-safe. */
#ifndef CORO_LOG_H
#define CORO_LOG_H

#include <stdarg.h>

#include "runtime/base.h"

enum log_level { LOG_OFF, LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* The longest line, with its prefix and newline. */
#define LOG_LINE_BYTES  512
#define LOG_STAMP_BYTES 64 /* and what the file has before it */

/* Formats like printf with %s %d %i %u %x %lu %ld %lx %zu %p %c %% (widths and 0-padding for
 * numbers), at most 512 bytes, and writes one line when @level is within CORO_LOG (default warn).
 * Control characters become '?', so that no name can forge a second line. Never parks; waits at
 * most 0.1 s for a full pipe, then drops the line. */
void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* For lines that may come in floods: the first LOG_BURST are written, and then one each LOG_PAUSE_NS, which
 * says how many were not. Zeroed at first. */
#define LOG_BURST    4
#define LOG_PAUSE_NS (1 * NSEC_PER_SEC)

struct log_limit {
    uint64_t full_ns; /* when it is as at first */
    uint32_t unsaid;
};

/* Whether a line may be written now; *@unsaid: how many were not since the last. The caller keeps others off
 * @limit. */
bool log_limit_lets(struct log_limit *limit, uint64_t now_ns, uint32_t *unsaid);

/* How a kernel thread with descriptors of its own comes to the program's stderr; NULL: all share. */
struct log_files {
    int (*borrow)(int fd);
    void (*give_back)(int fd);
};
extern struct log_files log_files;

/* Whether lines of @level are written. */
bool log_takes(enum log_level level);

/* A descriptor of the calling kernel thread's for what log_line writes to, which the caller closes; or
 * -errno. *@stamped: its lines have a stamp. */
int log_open(bool *stamped);

/* The stamp of a line of now: UTC, and the calling thread's id. Returns its length, less than
 * LOG_STAMP_BYTES. */
size_t log_stamp(char *out, size_t size);

/* The running coroutine's id; 0: there is none (before the first thread, on the monitor). NULL: the same. */
extern uint64_t (*log_thread)(void);

/* Remembers what stderr is now: a socket that takes its number later is not written to. */
void log_remember_stderr(void);

/* The formatting alone: at most @size bytes with the final NUL; returns the length written.
 * Beside the above: %X, '-', widths by '*', and a precision for %s. */
size_t format_text(char *out, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
size_t format_text_list(char *out, size_t size, const char *format, va_list arguments)
    __attribute__((format(printf, 3, 0)));

#endif
