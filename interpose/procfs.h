/* Files and folders below /proc that name the program's threads (procfs.c). */
#ifndef CORO_INTERPOSE_PROCFS_H
#define CORO_INTERPOSE_PROCFS_H

#include "interpose/op.h"

#define PROC_PATH_BYTES 128

/* What getdents64 fills, up to the name. */
struct __attribute__((packed)) proc_entry {
    uint64_t inode;
    int64_t offset;
    uint16_t bytes;
    uint8_t type;
};

/* A path of this process's, or of a thread's of it: "/proc/self/status", "/proc/PID/task/TID/comm". */
struct proc_path {
    struct co *co;    /* NULL: its main thread has left */
    bool of_thread;   /* not of the process */
    const char *rest; /* from the slash after the thread or process */
};

/* False: @path, readable at its first byte, is none. */
bool proc_path_parse(const char *path, struct proc_path *out);

/* @path, readable at its first byte, is the link to the calling thread's folder itself. */
bool proc_is_thread_self(const char *path);

/* The same path as the kernel knows it: the carrier stands in for the thread. */
void proc_path_for_kernel(const struct proc_path *path, char kernel[PROC_PATH_BYTES]);

/* Opens @path for reading as a file made here, where the kernel's would not tell of our threads.
 * OP_PASS: the kernel's does. */
long proc_open(const struct proc_path *path, int flags);

/* getdents64 of the folder of threads: continues where @directory's position says. */
long proc_list_threads(int directory, char *entries, size_t bytes);

#endif
