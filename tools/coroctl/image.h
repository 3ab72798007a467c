/* The program's objects as its files show them: which one an address lies in, its read-only contents,
 * and what the code there is called. Over elfutils' libdw, which finds separate debug files by
 * their build-id too. */
#ifndef COROCTL_IMAGE_H
#define COROCTL_IMAGE_H

#include <libelf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* One function at one place. Strings belong to the image. */
struct frame {
    const char *function; /* demangled; NULL: unknown */
    const char *file;     /* NULL: no line known */
    int line;
    const char *object; /* file name of the object without its folder; NULL: none */
    uint64_t offset;    /* from the function's start, or the object's when there is no function */
    bool inlined;       /* into the next one */
    bool internal;      /* coroshim's own, and none of the functions that programs call */
    bool door;          /* coroshim's, in place of libc's function of that name */
};

/* What one return address stands for: the innermost function first, then those it is inlined into. */
struct place {
    uint64_t pc;
    bool exact;      /* an interrupted instruction; else where a call returns to */
    bool interrupts; /* the next one did not call it: a signal interrupted that */
    size_t count;
    struct frame *frames;
};

/* Where an object's table of unwind information is in the process. */
struct unwind_table {
    uint64_t start, end; /* of the object */
    uint64_t header;     /* of .eh_frame_hdr */
};

/* Reads the objects of process @pid, unless some are open already. Returns 0 or an enum exit_code,
 * having said why. */
int image_open(pid_t pid);

/* Those that core file @path names, @core; @program instead of the one that it names, if not NULL. */
int image_open_core(Elf *core, const char *path, const char *program);
void image_close(void);

/* libdw's session, a Dwfl, for whoever looks for more; NULL unless open. */
struct Dwfl *image_dwfl(void);

/* The addresses of the object that @address lies in; left alone when in none. */
void image_bounds(uint64_t address, uint64_t *start, uint64_t *end);

/* Finds the note of @owner in any object: where its contents are in the process. */
bool image_find_note(const char *owner, uint64_t *address);

/* Where coroshim's own object lies. */
void image_own(uint64_t start, uint64_t end);

/* Copies up to @bytes of read-only contents at @address. Returns how many. */
size_t image_read(uint64_t address, void *to, size_t bytes);

bool image_unwind_table(uint64_t pc, struct unwind_table *table);

/* Never NULL; remembered until image_close. */
const struct place *image_place(uint64_t pc, bool exact);

/* Makes the door at @place internal: it calls libc's function, which is seen to stand there itself. */
void image_hide_door(const struct place *place);

#endif
