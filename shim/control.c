/* The control socket's place: a private directory, and one socket file per process.
 *
 * Nobody else can meddle with the directory: it is 0700 and ours, and its parent is either /tmp
 * (sticky, so others cannot rename it) or an XDG_RUNTIME_DIR that belongs to us and that others
 * cannot write to. So a path that was checked stays good, and no descriptor need hold it.
 *
 * The socket is bound and listening under a temporary name before it is renamed to PID.sock: a
 * client never finds a half-made one, and the stale file of a dead process with the same pid is
 * replaced in one step. A process that executes another program leaves a file that refuses
 * connections; whoever meets it removes it.
 *
 * XDG_RUNTIME_DIR counts as it was when the program started, which is what coroctl finds in
 * /proc/PID/environ: what the program sets later is a folder for its own purposes, which it may want
 * to remove. The last process to leave removes our directory in it, for whoever made that folder;
 * so one that was there a moment ago may be gone. */
#include "shim/control.h"

#include <linux/fcntl.h>
#include <linux/stat.h>
#include <linux/un.h>

#include "runtime/files.h"
#include "runtime/mem.h"
#include "runtime/sys.h"
#include "shim/conf.h"
#include "shim/control_internal.h"
#include "shim/log.h"

/* Of a mode; <linux/stat.h> hides its own names from whoever has seen a libc header. */
#define TYPE_MASK      0170000
#define TYPE_DIRECTORY 0040000

#define BACKLOG        16
#define OTHERS_ANY     077
#define OTHERS_WRITE   022
#define PRIVATE_MODE   0700
#define SOCKET_AF_UNIX 1
#define SOCKET_STREAM  1

#define DIRECTORY_TRIES 100

struct control_server control_server = {
    .listen_fd = -1,
    .silent_ns = 5 * NSEC_PER_SEC,
    .fds = { [0 ... CONTROL_CLIENTS - 1] = -1 },
};

/* 0 when @path is a directory (not a link to one), ours, and without the permissions @forbidden. */
static int check_directory(const char *path, uint32_t forbidden)
{
    struct statx st;
    long error = sys5(__NR_statx, AT_FDCWD, path, AT_SYMLINK_NOFOLLOW,
                      STATX_TYPE | STATX_MODE | STATX_UID, &st);

    if (error != 0)
        return (int)error;
    if ((st.stx_mode & TYPE_MASK) != TYPE_DIRECTORY)
        return -ENOTDIR;
    if (st.stx_uid != (uint32_t)sys0(__NR_geteuid) || (st.stx_mode & forbidden) != 0)
        return -EPERM;
    return 0;
}

static int make_directory(const char *path)
{
    long error = sys2(__NR_mkdir, path, PRIVATE_MODE);

    if (error == 0)
        sys2(__NR_chmod, path, PRIVATE_MODE); /* whatever the umask took away */
    else if (error != -EEXIST)
        return (int)error;
    return check_directory(path, OTHERS_ANY);
}

/* Makes a socket with a high number. */
static int open_socket(int fd_floor)
{
    long low = sys3(__NR_socket, SOCKET_AF_UNIX, SOCKET_STREAM | O_CLOEXEC | O_NONBLOCK,
                    0); /* SOCK_* have O_*'s values */
    long fd;

    if (low < 0)
        return (int)low;
    fd = sys3(__NR_fcntl, low, F_DUPFD_CLOEXEC, fd_floor);
    sys1(__NR_close, low);
    return (int)fd;
}

static int bind_and_listen(int fd, const char *directory, long pid)
{
    struct sockaddr_un address = { .sun_family = SOCKET_AF_UNIX };
    char *temporary = address.sun_path;
    long error;

    format_text(temporary, sizeof(address.sun_path), "%s/.%ld" PROTOCOL_SUFFIX, directory, pid);
    format_text(control_server.path, sizeof(control_server.path), "%s/%ld" PROTOCOL_SUFFIX,
                directory, pid);
    sys1(__NR_unlink, temporary);
    error = sys3(__NR_bind, fd, &address, sizeof(address));
    if (error != 0)
        return (int)error;
    error = sys2(__NR_listen, fd, BACKLOG);
    if (error == 0)
        error = sys2(__NR_rename, temporary, control_server.path);
    if (error != 0)
        sys1(__NR_unlink, temporary);
    return (int)error;
}

static int prepare_in(const char *directory, int fd_floor)
{
    long pid = sys0(__NR_getpid);
    int fd = open_socket(fd_floor), error = -ENOENT;

    if (fd < 0)
        return fd;
    for (int i = 0; i < DIRECTORY_TRIES && error == -ENOENT; i++) {
        error = make_directory(directory);
        if (error == 0)
            error = bind_and_listen(fd, directory, pid);
    }
    if (error != 0) {
        sys1(__NR_close, fd);
        control_server.path[0] = '\0';
        return error;
    }
    control_server.pid = pid;
    control_server.listen_fd = fd;
    return 0;
}

/* $XDG_RUNTIME_DIR/coroshim, when that is a place to trust. */
static int prepare_in_runtime_directory(int fd_floor)
{
    const char *parent = control_server.runtime_directory;
    char directory[sizeof(control_server.path)];
    int error;

    if (parent[0] != '/')
        return -ENOENT;
    if (check_directory(parent, OTHERS_WRITE) != 0)
        return -EPERM;
    format_text(directory, sizeof(directory), "%s/" PROTOCOL_DIRECTORY, parent);
    error = prepare_in(directory, fd_floor);
    control_server.removes_directory = error == 0;
    return error;
}

void control_read_environment(char *const envp[])
{
    const char *value = conf_environment(envp, "XDG_RUNTIME_DIR");

    control_server.runtime_directory[0] = '\0';
    if (value != NULL && strlen(value) < sizeof(control_server.runtime_directory))
        memcpy(control_server.runtime_directory, value, strlen(value) + 1);
}

int control_prepare(int fd_floor)
{
    char directory[sizeof("/tmp/" PROTOCOL_DIRECTORY "-4294967295")];

    control_server.fd_floor = fd_floor;
    if (prepare_in_runtime_directory(fd_floor) == 0)
        return 0;
    format_text(directory, sizeof(directory), "/tmp/" PROTOCOL_DIRECTORY "-%u",
                (unsigned)sys0(__NR_geteuid));
    return prepare_in(directory, fd_floor);
}

bool control_owns_fd(int fd)
{
    if (fd < 0)
        return false;
    if (fd == control_server.listen_fd)
        return true;
    if (control_server.own_files)
        return false;
    for (size_t i = 0; i < CONTROL_CLIENTS; i++)
        if (fd == control_server.fds[i])
            return true;
    return false;
}

int control_listen_fd(void)
{
    return control_server.listen_fd;
}

void control_files_split(void)
{
    control_server.own_files = true;
}

const char *control_path(void)
{
    return control_server.path;
}

/* Fails while other processes have their sockets in it. */
static void remove_directory(void)
{
    char directory[sizeof(control_server.path)];

    format_text(directory, sizeof(directory), "%s/" PROTOCOL_DIRECTORY,
                control_server.runtime_directory);
    sys1(__NR_rmdir, directory);
}

void control_remove(void)
{
    if (control_server.path[0] == '\0' || control_server.pid != sys0(__NR_getpid))
        return;
    sys1(__NR_unlink, control_server.path);
    if (control_server.removes_directory)
        remove_directory();
    control_server.path[0] = '\0';
}

void control_after_fork(void)
{
    for (size_t i = 0; control_server.own_files && i < CONTROL_CLIENTS; i++)
        control_server.fds[i] = -1; /* the parent's monitor has them, not we */
    control_server.own_files = false;
    control_drop_all();
    if (control_server.listen_fd >= 0)
        files_let_go(control_server.listen_fd);
    control_server.listen_fd = -1;
    control_server.deaf_until_ns = 0;
    control_server.removes_directory = false;
    control_server.path[0] = '\0';
}
