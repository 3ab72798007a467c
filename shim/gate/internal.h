/* What the files of the gate share: images (loaded objects), plans (how a site will be rewritten),
 * areas (stub memory) and sites (what has been rewritten).
 *
 * The way of a site: objects.c lists the images; scan.c finds the bytes 0f 05; ehframe.c names the
 * enclosing function; decode.c decodes it; choose.c (or idiom.c) makes a plan; stub.c writes a stub
 * for each plan into an area; patch.c overwrites the text. sites.c answers questions about it all.
 *
 * Below the gate (freestanding, no libc): enter.S, stub.c, patch.c, sites.c, memory.c.
 * Above (only called from gate_arm, gate_open and gate_refresh): all others. */
#ifndef CORO_GATE_INTERNAL_H
#define CORO_GATE_INTERNAL_H

#include <elf.h>

#include "shim/gate/gate.h"

#define GATE_JUMP_BYTES  5  /* jmp rel32 */
#define GATE_STUB_BYTES  64 /* one stub, whatever it displaces */
#define GATE_PIECES_MAX  6  /* displaced instructions of one site */
#define GATE_NAME_BYTES  128
#define GATE_EXEC_MAX    4 /* executable segments of one object */
#define GATE_REACH_BYTES (INT64_C(0x7fffffff) - 0x10000)

/* ---- memory.c: growable arrays and mappings by raw system calls ---- */

struct gate_array {
    void *data;
    size_t count;
    size_t capacity_bytes;
};

/* Makes room for one more element of @bytes and returns it (uninitialised), or NULL. */
void *gate_array_push(struct gate_array *array, size_t bytes);
void gate_array_free(struct gate_array *array);

/* Maps @bytes (a multiple of the page) readable and writable so that every byte lies within reach
 * of a rel32 from every byte of [low, high). Returns the address or -errno. */
long gate_map_near(uintptr_t low, uintptr_t high, size_t bytes);

/* Zeroed memory that is never freed, or NULL. */
void *gate_pool(size_t bytes);

void gate_copy(void *to, const void *from, size_t bytes);

/* ---- objects.c: the loaded objects ---- */

struct gate_range {
    uintptr_t low, high;
};

struct gate_image {
    uintptr_t base;         /* the load bias */
    uintptr_t low, high;    /* all segments */
    const Elf64_Phdr *phdr; /* in the object's own memory */
    size_t phnum;
    struct gate_range exec[GATE_EXEC_MAX];
    int exec_protection[GATE_EXEC_MAX];
    size_t exec_count;
    const uint8_t *eh_frame_hdr; /* NULL: none */
    size_t eh_frame_hdr_bytes;
    bool is_libc, is_ldso;
    char name[GATE_NAME_BYTES];
};

struct gate_loads {
    unsigned long long adds, subs; /* ld.so's counters of objects ever loaded and unloaded */
};

/* Appends a struct gate_image for each object that may be rewritten: not ours, not the vdso.
 * Returns 0 or -ENOMEM. */
int gate_images(struct gate_array *images, struct gate_loads *loads);

/* libc alone, and the text of ld.so (empty when there is none). Returns 0 or -ENOENT. */
int gate_find_libc(struct gate_image *libc, struct gate_range *ldso);

/* Reads ld.so's counters alone. */
struct gate_loads gate_loads_now(void);

/* True when [address, address + bytes) lies within one readable segment of @image. */
bool gate_image_readable(const struct gate_image *image, uintptr_t address, size_t bytes);

/* The value of a symbol that @image exports, or 0. */
uintptr_t gate_image_symbol(const struct gate_image *image, const char *name);

/* ---- arm.c ---- */

/* Sites that gate_arm rewrote, all in libc. */
uint32_t gate_armed_count(void);

/* ---- scan.c ---- */

/* Appends the address (uintptr_t) of each byte pair 0f 05 in [range). Returns 0 or -ENOMEM. */
int gate_scan_syscalls(struct gate_range range, struct gate_array *addresses);

/* True when the bytes of `wrgsbase` with a 64-bit register are in @range. */
bool gate_scan_wrgsbase(struct gate_range range);

/* Appends the target of each rel32 jump in @range (at any byte offset) that falls in one of the
 * @windows, which are sorted and disjoint. */
int gate_scan_jumps(struct gate_range range, const struct gate_array *windows,
                    struct gate_array *targets);

/* ---- ehframe.c ---- */

/* The function that holds @pc by .eh_frame_hdr; false when none is known to. */
bool gate_function_at(const struct gate_image *image, uintptr_t pc, struct gate_range *found);

/* ---- plans ---- */

enum gate_piece_kind {
    PIECE_COPY,     /* works at any address */
    PIECE_RIP,      /* disp32 relative to the next instruction, at .field */
    PIECE_JUMP,     /* jmp rel8 or rel32 */
    PIECE_CONDITION /* jcc rel8 or rel32; .field is the condition, 0..15 */
};

struct gate_piece {
    uint8_t length;
    uint8_t kind;
    uint8_t field;
};

/* How one site will be rewritten. Sequence: before_count displaced instructions, the syscall
 * instruction, after_count displaced instructions; .start is the first byte. */
struct gate_plan {
    uintptr_t start;
    uintptr_t instruction; /* of the syscall instruction */
    uint8_t before_count, after_count;
    uint8_t end;  /* of the sequence, from .start */
    bool rerun;   /* the ones before may be executed twice */
    bool exposed; /* an instruction other than the first begins within the overwritten bytes */
    struct gate_piece piece[GATE_PIECES_MAX];
};

/* ---- idiom.c ---- */

/* True when `mov $nr,%eax` certainly stands before the syscall instruction at @instruction in
 * [range); stores the number. */
bool gate_idiom_number(struct gate_range range, uintptr_t instruction, uint32_t *number);
void gate_idiom_plan(uintptr_t instruction, struct gate_plan *plan);

/* True for rt_sigreturn, by its bytes, whatever is known of the code around: unwinders recognise
 * signal frames by these very bytes. @low: where the text begins. */
bool gate_site_is_untouchable(uintptr_t low, uintptr_t instruction);

/* ---- decode.c ---- */

enum gate_insn_flow {
    FLOW_NEXT,      /* continues with the next instruction */
    FLOW_CALL,      /* cannot be displaced: its return address would lie in the stub */
    FLOW_JUMP,      /* direct jmp */
    FLOW_CONDITION, /* direct jcc */
    FLOW_END,       /* ret, indirect jmp, hlt, ud2: nothing falls through */
    FLOW_SYSCALL,
    FLOW_PADDING, /* nop, int3 */
    FLOW_FIXED    /* loop, jrcxz, xbegin: what we do not relocate */
};

struct gate_insn {
    uint32_t offset; /* from the function's start */
    int32_t target;  /* of a direct jump, from the function's start */
    uint8_t length;
    uint8_t flow;
    uint8_t rip_field; /* offset of a RIP-relative disp32 in the instruction, or 0 */
    bool reads_flags;
    bool writes_flags;
};

struct gate_function {
    struct gate_range range;
    struct gate_array insns;   /* struct gate_insn, in order */
    struct gate_array targets; /* uintptr_t: absolute, unsorted, within the function */
    bool indirect;             /* may be jumped into at places that we do not know */
};

/* Decodes [range) from its start until the end or the first invalid instruction. The arrays are
 * re-used. The decoder library is loaded at the first function that holds a syscall instruction.
 * Returns 0, -ENOMEM, or -ENOENT when the library is needed and absent. */
int gate_decode(const struct gate_image *image, struct gate_range range,
                struct gate_function *function);

/* Unloads the decoder library, if it was loaded. */
void gate_decoder_close(void);

/* True when it was needed once and could not be loaded. */
bool gate_decoder_was_absent(void);

/* ---- quick.c ---- */

/* What decode.c wants to know of an instruction besides struct gate_insn. */
struct gate_quick_extra {
    int64_t displacement; /* disp32 */
    bool relative;        /* insn->target is set */
    bool lea;
    bool indirect_jump;
    bool table_jump; /* jmp *disp32(,%reg,8) */
};

/* The length of the instruction at @code, at @offset from its function's start; 0 when unknown.
 * Fills *insn but for the flags, and *extra. */
size_t gate_quick(const uint8_t *code, size_t limit, uint32_t offset, struct gate_insn *insn,
                  struct gate_quick_extra *extra);

/* ---- choose.c ---- */

/* How many instructions around a syscall instruction may be displaced, and are searched for a
 * reader of flags. */
#define CHOICE_BEFORE 4
#define CHOICE_AFTER  4
#define CHOICE_FLAGS  8

enum gate_choice {
    CHOICE_PLANNED,
    CHOICE_CROWDED,
    CHOICE_FLAGS_READ,
    CHOICE_UNDECODED,
    CHOICE_NOT_CODE
};

/* Plans the syscall instruction at @instruction of a decoded function, within @allowed (other
 * sites lie around it). @more: jump targets (uintptr_t) from outside the function. */
enum gate_choice gate_choose(const struct gate_function *function, const struct gate_array *more,
                             struct gate_range allowed, uintptr_t instruction,
                             struct gate_plan *plan);

/* ---- survey.c: one object's sites ---- */

struct gate_survey {
    struct gate_array plans;   /* struct gate_plan, ascending */
    uint32_t why[RAW_REASONS]; /* sites left raw */
    uint32_t unknown;
    bool own_clone; /* a site that is left raw makes threads */
    bool writes_gs; /* by instruction, which nobody sees */
};

/* Finds and plans all sites of @image that are not rewritten yet; without the decoder library,
 * only idioms in libc and ld.so. Returns 0 or -ENOMEM. */
int gate_survey_image(const struct gate_image *image, struct gate_survey *survey);

/* ---- stub.c ---- */

/* One rewritten site, immutable once published. */
struct gate_site {
    uintptr_t start;
    uintptr_t instruction;
    uint8_t original[GATE_JUMP_BYTES];
    uint8_t call;      /* offset in the stub of the first instruction that is ours */
    uint8_t tail;      /* offset of the first displaced instruction after the call */
    uint8_t tail_jump; /* offset of the jump back */
    uint8_t end;       /* of the whole sequence, from .instruction */
    bool rerun;
};

/* The sites of one object that were rewritten together, and the memory of their stubs: one page or
 * more, read-only and executable once published, whose first stub slot holds gate_enter's address.
 * Never unmapped; re-used when its object is gone. */
struct gate_area {
    struct gate_area *next;
    uintptr_t memory; /* of the stubs, slot 0 included */
    size_t bytes;
    size_t count;    /* sites; the stub of site[i] is slot i + 1 */
    size_t capacity; /* sites that there is room for */
    bool dead;       /* its object was unloaded */
    struct gate_site *site;
};

static inline uintptr_t gate_stub_of(const struct gate_area *area, size_t index)
{
    return area->memory + (index + 1) * GATE_STUB_BYTES;
}

/* Writes stubs for @plans (struct gate_plan) of @image into a new area and makes it executable; it
 * is not yet published, its text not yet patched. Plans that do not fit are dropped from the area.
 * Stores NULL when there is no plan. Returns 0 or -errno. */
int gate_area_make(const struct gate_image *image, const struct gate_array *plans,
                   struct gate_area **made);

/* Gives back an area that was made but not published. */
void gate_area_drop(struct gate_area *area);

/* ---- patch.c ---- */

/* Overwrites the sites of @area, in @image, by jumps to their stubs (or back). Returns 0 or -errno
 * with the text unchanged. */
int gate_patch(const struct gate_image *image, const struct gate_area *area);
int gate_unpatch(const struct gate_image *image, const struct gate_area *area);

/* True when the text of @area's first site still jumps to us (its object was not loaded anew). */
bool gate_patch_present(const struct gate_area *area);

/* ---- sites.c ---- */

/* All areas that were ever published, newest first. */
struct gate_area *gate_areas(void);
void gate_area_publish(struct gate_area *area);

/* True when the bytes at @instruction are the syscall instruction of a rewritten site. */
bool gate_site_known(uintptr_t instruction);

/* Forgets the areas whose text lay in [low, high): the object was unloaded. */
void gate_range_forget(uintptr_t low, uintptr_t high);

void gate_sites_set_libc(struct gate_range libc, struct gate_range ldso);

/* Sets the counts of the object of this name, which is entered when new; @why may be NULL. */
void gate_stats_set(const char *name, uint32_t rewritten, const uint32_t why[RAW_REASONS],
                    uint32_t unknown);

#endif
