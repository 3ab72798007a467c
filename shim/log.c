/* The log: one formatted line, one write(2).
 *
 * Whoever calls may hold any lock of libc's or ours, or be the monitor, which has no TLS. So there
 * is no buffer, no lock and no descriptor kept between lines: a line is made on the stack and
 * written at once, and CORO_LOG_FILE is opened for each line, which also survives its rotation.
 * The only state is the identity of stderr, written once while the process has one thread.
 *
 * Descriptor 2 is the program's. A daemon may have closed it and opened something else that took
 * the number; writing there would damage its data. is_for_messages guesses conservatively. */
#include "shim/log.h"

#include <linux/fcntl.h>
#include <linux/poll.h>
#include <linux/stat.h>
#include <linux/time.h>
#include <linux/time_types.h>

#include "runtime/mem.h"
#include "runtime/sys.h"
#include "shim/conf.h"

/* Of a mode; <linux/stat.h> hides its own names from whoever has seen a libc header. */
#define TYPE_MASK      0170000
#define TYPE_CHARACTER 0020000
#define TYPE_FIFO      0010000
#define TYPE_REGULAR   0100000

#define STDERR          2
#define PATIENCE_NS     (100 * NSEC_PER_MSEC)
#define LOG_FILE_MODE   0600
#define TRUNCATION_MARK "..."
#define DAY_SECONDS     INT64_C(86400)

static struct {
    bool known;
    uint32_t dev_major, dev_minor;
    uint64_t ino;
} first_stderr;

struct log_files log_files;
uint64_t (*log_thread)(void);

static bool stat_fd(int fd, struct statx *st)
{
    return sys5(__NR_statx, fd, "", AT_EMPTY_PATH, STATX_TYPE | STATX_INO, st) == 0;
}

void log_remember_stderr(void)
{
    struct statx st;

    if (!stat_fd(STDERR, &st))
        return;
    first_stderr.ino = st.stx_ino;
    first_stderr.dev_major = st.stx_dev_major;
    first_stderr.dev_minor = st.stx_dev_minor;
    first_stderr.known = true;
}

static bool is_first_stderr(const struct statx *st)
{
    return first_stderr.known && st->stx_ino == first_stderr.ino &&
           st->stx_dev_major == first_stderr.dev_major &&
           st->stx_dev_minor == first_stderr.dev_minor;
}

/* Is descriptor 2 still something that messages belong in? What it was at the start is. Afterwards,
 * a terminal, a pipe or a file opened for writing only is; a socket or a file opened for both
 * reading and writing is more likely data. */
static bool is_for_messages(int fd)
{
    struct statx st;
    long flags;

    if (!stat_fd(fd, &st))
        return true; /* closed (write says EBADF), or a kernel without statx */
    if (!first_stderr.known || is_first_stderr(&st))
        return true;
    switch (st.stx_mode & TYPE_MASK) {
    case TYPE_CHARACTER:
    case TYPE_FIFO:
        return true;
    case TYPE_REGULAR:
        flags = sys2(__NR_fcntl, fd, F_GETFL);
        return !sys_is_error(flags) && ((flags & O_ACCMODE) == O_WRONLY || (flags & O_APPEND));
    default:
        return false;
    }
}

/* Waits for room, so that a reader who went to sleep cannot stop the program through us. */
static bool has_room(int fd)
{
    struct pollfd pollfd = { .fd = fd, .events = POLLOUT };
    struct __kernel_timespec patience = { .tv_nsec = PATIENCE_NS };
    long result;

    do
        result = sys5(__NR_ppoll, &pollfd, 1, &patience, NULL, 0);
    while (result == -EINTR);
    return result != 0;
}

static void write_line(int fd, const char *line, size_t length)
{
    while (length > 0 && has_room(fd)) {
        long written = sys3(__NR_write, fd, line, length);

        if (written == -EINTR || written == -EAGAIN)
            continue;
        if (written <= 0)
            return;
        line += written;
        length -= (size_t)written;
    }
}

static long open_log_file(void)
{
    if (conf.log_file[0] == '\0')
        return -ENOENT;
    return sys4(__NR_openat, AT_FDCWD, conf.log_file,
                O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, LOG_FILE_MODE);
}

int log_open(bool *stamped)
{
    long fd = open_log_file(), copy;

    *stamped = fd >= 0;
    if (fd >= 0)
        return (int)fd;
    fd = log_files.borrow ? log_files.borrow(STDERR) : STDERR;
    if (fd < 0)
        return (int)fd;
    copy = is_for_messages((int)fd) ? sys3(__NR_fcntl, fd, F_DUPFD_CLOEXEC, 0) : -EBADF;
    if (log_files.give_back)
        log_files.give_back((int)fd);
    return (int)copy;
}

/* The date of a day since 1970 by the Gregorian calendar, whose years begin with March here, so that
 * the odd day is the last of them. 400 years have 146097 days, and the first of them began in the year 0. */
static size_t format_date(char *out, size_t size, int64_t day)
{
    int64_t days = day + 719468, era = days / 146097, of_era = days % 146097;
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    int64_t march = (5 * of_year + 2) / 153, month = march < 10 ? march + 3 : march - 9;

    return format_text(out, size, "%04ld-%02ld-%02ld", era * 400 + year + (month <= 2), month,
                       of_year - (153 * march + 2) / 5 + 1);
}

size_t log_stamp(char *out, size_t size)
{
    struct __kernel_timespec now = { 0 };
    size_t length;
    int64_t time;

    sys2(__NR_clock_gettime, CLOCK_REALTIME, &now);
    time = now.tv_sec % DAY_SECONDS;
    length = format_date(out, size, now.tv_sec / DAY_SECONDS);
    return length + format_text(out + length, size - length, "T%02ld:%02ld:%02ld.%03ldZ %lu ",
                                time / 3600, time / 60 % 60, time % 60,
                                (int64_t)now.tv_nsec / 1000000, log_thread ? log_thread() : 0);
}

/* Before @line, which has room there for a stamp. */
static void put_stamped(int fd, char *line, size_t length)
{
    char stamp[LOG_STAMP_BYTES];
    size_t bytes = log_stamp(stamp, sizeof(stamp));

    memcpy(line - bytes, stamp, bytes);
    write_line(fd, line - bytes, bytes + length);
}

static void put_line(char *line, size_t length)
{
    long fd = open_log_file();

    if (fd >= 0) {
        put_stamped((int)fd, line, length);
        sys1(__NR_close, fd);
        return;
    }
    fd = log_files.borrow ? log_files.borrow(STDERR) : STDERR;
    if (fd >= 0 && is_for_messages((int)fd))
        write_line((int)fd, line, length);
    if (log_files.give_back)
        log_files.give_back((int)fd);
}

bool log_limit_lets(struct log_limit *limit, uint64_t now_ns, uint32_t *unsaid)
{
    uint64_t full_ns = limit->full_ns > now_ns ? limit->full_ns : now_ns;

    if (full_ns - now_ns > (LOG_BURST - 1) * LOG_PAUSE_NS) {
        limit->unsaid++;
        return false;
    }
    limit->full_ns = full_ns + LOG_PAUSE_NS;
    *unsaid = limit->unsaid;
    limit->unsaid = 0;
    return true;
}

bool log_takes(enum log_level level)
{
    return (uint32_t)level <= conf.log_level;
}

void log_line(enum log_level level, const char *format, ...)
{
    char room[LOG_STAMP_BYTES + LOG_LINE_BYTES], *line = room + LOG_STAMP_BYTES;
    size_t prefix, length;
    va_list arguments;

    if (!log_takes(level))
        return;
    prefix = format_text(line, LOG_LINE_BYTES, "coroshim[%ld]: ", sys0(__NR_getpid));
    va_start(arguments, format);
    length = prefix + format_text_list(line + prefix, LOG_LINE_BYTES - prefix, format, arguments);
    va_end(arguments);
    for (size_t i = prefix; i < length; i++)
        if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
            line[i] = '?';
    if (length == LOG_LINE_BYTES - 1)
        format_text(line + length - 3, 4, "%s", TRUNCATION_MARK);
    line[length++] = '\n'; /* in the place of the NUL */
    put_line(line, length);
}
