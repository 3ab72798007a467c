/* Decoding one function: instruction boundaries, flow, and where its jumps lead.
 *
 * Above the gate. quick.c walks the function; what stands around its syscall instructions is
 * confirmed by a full decoder, which takes over where the quick one gives up. A function without
 * such an instruction (its bytes 0f 05 are part of another) needs no full decoder at all.
 *
 * The full decoder is Zydis, a shared library that we load only while sites are being
 * rewritten, out of the host's sight (RTLD_LOCAL), and let go afterwards; the object itself needs
 * libc only. Its structures are compiled in from its headers, so a library of another minor version
 * is refused.
 *
 * Jump targets are over-approximated, never under: besides direct jumps, every table of offsets or
 * addresses that the function names (`lea table(%rip)`, `jmp *table(,%reg,8)`) is read as if it
 * were a jump table, as far as its entries point into text. A function with an indirect jump but
 * no such table is marked: its jumps may lead to any instruction. */
#include <Zydis/Zydis.h>
#include <dlfcn.h>
#include <errno.h>

#include "shim/gate/internal.h"

#define TABLE_ENTRIES_MAX 4096

#define ARITHMETIC_FLAGS                                                                           \
    (ZYDIS_CPUFLAG_CF | ZYDIS_CPUFLAG_PF | ZYDIS_CPUFLAG_AF | ZYDIS_CPUFLAG_ZF |                   \
     ZYDIS_CPUFLAG_SF | ZYDIS_CPUFLAG_OF)

/* The library's functions while it is loaded. */
static struct {
    void *handle;
    bool absent;      /* not looked for again until the next pass */
    bool ever_absent; /* and so some sites were left raw */
    __typeof__(&ZydisGetVersion) version;
    __typeof__(&ZydisDecoderInit) init;
    __typeof__(&ZydisDecoderDecodeInstruction) decode;
    ZydisDecoder decoder;
} zydis;

static const char *const library_names[] = { "libZydis.so.4.0", "libZydis.so.4", "libZydis.so" };

static bool library_usable(void)
{
    zydis.version = (__typeof__(zydis.version))dlsym(zydis.handle, "ZydisGetVersion");
    zydis.init = (__typeof__(zydis.init))dlsym(zydis.handle, "ZydisDecoderInit");
    zydis.decode = (__typeof__(zydis.decode))dlsym(zydis.handle, "ZydisDecoderDecodeInstruction");
    if (!zydis.version || !zydis.init || !zydis.decode)
        return false;
    uint64_t version = zydis.version();
    if (ZYDIS_VERSION_MAJOR(version) != ZYDIS_VERSION_MAJOR(ZYDIS_VERSION) ||
        ZYDIS_VERSION_MINOR(version) != ZYDIS_VERSION_MINOR(ZYDIS_VERSION))
        return false;
    return ZYAN_SUCCESS(
        zydis.init(&zydis.decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64));
}

static int decoder_open(void)
{
    if (zydis.handle)
        return 0;
    for (size_t i = 0; i < ARRAY_SIZE(library_names) && !zydis.absent; i++) {
        zydis.handle = dlopen(library_names[i], RTLD_NOW | RTLD_LOCAL);
        if (!zydis.handle) {
            dlerror(); /* not an error of the program's */
            continue;
        }
        if (library_usable())
            return 0;
        dlclose(zydis.handle);
        zydis.handle = NULL;
    }
    zydis.absent = zydis.ever_absent = true;
    return -ENOENT;
}

bool gate_decoder_was_absent(void)
{
    return zydis.ever_absent;
}

void gate_decoder_close(void)
{
    if (zydis.handle)
        dlclose(zydis.handle);
    zydis.handle = NULL;
    zydis.absent = false;
}

static int add_target(struct gate_function *function, uintptr_t target)
{
    if (target < function->range.low || target >= function->range.high)
        return 0;
    uintptr_t *slot = gate_array_push(&function->targets, sizeof(*slot));
    if (!slot)
        return -ENOMEM;
    *slot = target;
    return 0;
}

static bool in_text(const struct gate_image *image, uintptr_t address)
{
    for (size_t i = 0; i < image->exec_count; i++)
        if (address >= image->exec[i].low && address < image->exec[i].high)
            return true;
    return false;
}

/* Reads @table as offsets relative to itself (what compilers make of a switch in position
 * independent code) and as addresses. */
static int add_table(const struct gate_image *image, uintptr_t table,
                     struct gate_function *function)
{
    for (uintptr_t at = table; at < table + TABLE_ENTRIES_MAX * sizeof(int32_t); at += 4) {
        int32_t entry;
        if (!gate_image_readable(image, at, sizeof(entry)))
            break;
        __builtin_memcpy(&entry, (const void *)at, sizeof(entry));
        if (!in_text(image, table + (uintptr_t)(intptr_t)entry))
            break;
        if (add_target(function, table + (uintptr_t)(intptr_t)entry))
            return -ENOMEM;
    }
    for (uintptr_t at = table; at < table + TABLE_ENTRIES_MAX * sizeof(uintptr_t); at += 8) {
        uintptr_t entry;
        if (!gate_image_readable(image, at, sizeof(entry)))
            break;
        __builtin_memcpy(&entry, (const void *)at, sizeof(entry));
        if (!in_text(image, entry))
            break;
        if (add_target(function, entry))
            return -ENOMEM;
    }
    return 0;
}

static enum gate_insn_flow flow_of(const ZydisDecodedInstruction *decoded)
{
    bool direct = decoded->raw.imm[0].is_relative;
    switch (decoded->mnemonic) {
    case ZYDIS_MNEMONIC_SYSCALL:
        return decoded->length == 2 ? FLOW_SYSCALL : FLOW_FIXED;
    case ZYDIS_MNEMONIC_NOP:
    case ZYDIS_MNEMONIC_INT3:
        return FLOW_PADDING;
    case ZYDIS_MNEMONIC_JMP:
        return direct ? FLOW_JUMP : FLOW_END;
    case ZYDIS_MNEMONIC_HLT:
    case ZYDIS_MNEMONIC_UD2:
        return FLOW_END;
    case ZYDIS_MNEMONIC_JRCXZ:
    case ZYDIS_MNEMONIC_JECXZ:
    case ZYDIS_MNEMONIC_LOOP:
    case ZYDIS_MNEMONIC_LOOPE:
    case ZYDIS_MNEMONIC_LOOPNE:
        return FLOW_FIXED;
    default:
        break;
    }
    if (decoded->meta.category == ZYDIS_CATEGORY_CALL)
        return FLOW_CALL;
    if (decoded->meta.category == ZYDIS_CATEGORY_RET)
        return FLOW_END;
    if (decoded->meta.category == ZYDIS_CATEGORY_COND_BR && direct)
        return FLOW_CONDITION;
    return direct ? FLOW_FIXED : FLOW_NEXT;
}

static bool names_rip(const ZydisDecodedInstruction *decoded)
{
    return (decoded->attributes & ZYDIS_ATTRIB_HAS_MODRM) && decoded->raw.modrm.mod == 0 &&
           decoded->raw.modrm.rm == 5 && decoded->raw.disp.size == 32;
}

static bool names_table(const ZydisDecodedInstruction *decoded)
{
    return decoded->mnemonic == ZYDIS_MNEMONIC_JMP && decoded->raw.modrm.mod == 0 &&
           decoded->raw.modrm.rm == 4 && decoded->raw.sib.base == 5 && decoded->raw.disp.size == 32;
}

static void describe(const ZydisDecodedInstruction *decoded, uint32_t offset,
                     struct gate_insn *insn)
{
    *insn = (struct gate_insn){ .offset = offset, .length = decoded->length };
    insn->flow = (uint8_t)flow_of(decoded);
    if (names_rip(decoded)) {
        insn->rip_field = decoded->raw.disp.offset;
        if (decoded->address_width != 64)
            insn->flow = FLOW_FIXED;
    }
    if (decoded->raw.imm[0].is_relative && insn->flow != FLOW_CALL)
        insn->target = (int32_t)(offset + decoded->length + decoded->raw.imm[0].value.s);
    if (decoded->cpu_flags) {
        const ZydisAccessedFlags *flags = decoded->cpu_flags;
        ZydisAccessedFlagsMask written =
            flags->modified | flags->set_0 | flags->set_1 | flags->undefined;
        insn->reads_flags = flags->tested & ARITHMETIC_FLAGS;
        insn->writes_flags = (written & ARITHMETIC_FLAGS) == ARITHMETIC_FLAGS;
    }
}

/* The full decoder's view; 0 when the bytes are no instruction. */
static size_t full(const uint8_t *code, size_t limit, uint32_t offset, struct gate_insn *insn,
                   struct gate_quick_extra *extra)
{
    ZydisDecodedInstruction decoded;
    if (!ZYAN_SUCCESS(zydis.decode(&zydis.decoder, NULL, code, limit, &decoded)))
        return 0;
    describe(&decoded, offset, insn);
    bool jump = decoded.mnemonic == ZYDIS_MNEMONIC_JMP && !decoded.raw.imm[0].is_relative;
    *extra = (struct gate_quick_extra){
        .displacement = decoded.raw.disp.value,
        .relative = decoded.raw.imm[0].is_relative && insn->flow != FLOW_CALL,
        .lea = decoded.mnemonic == ZYDIS_MNEMONIC_LEA,
        .indirect_jump = jump,
        .table_jump = jump && names_table(&decoded),
    };
    return decoded.length;
}

/* Where the instruction leads, or what table it names. */
static int follow(const struct gate_image *image, const struct gate_insn *insn,
                  const struct gate_quick_extra *extra, struct gate_function *function)
{
    uintptr_t next = function->range.low + insn->offset + insn->length;
    if (extra->relative)
        return add_target(function, function->range.low + (uintptr_t)(intptr_t)insn->target);
    if (extra->lea && insn->rip_field)
        return add_table(image, next + (uintptr_t)extra->displacement, function);
    if (!extra->indirect_jump || insn->rip_field)
        return 0;
    function->indirect = true;
    return extra->table_jump ? add_table(image, (uintptr_t)extra->displacement, function) : 0;
}

/* How one pass over a function ended. */
enum pass { PASS_DONE, PASS_STOPPED, PASS_NO_MEMORY };

/* Walks the function with @step. *sites: the number of syscall instructions met. */
static enum pass walk(const struct gate_image *image, __typeof__(&gate_quick) step,
                      struct gate_function *function, size_t *sites)
{
    const struct gate_range range = function->range;
    size_t direct = 0;
    function->insns.count = 0;
    function->targets.count = 0;
    function->indirect = false;
    *sites = 0;
    for (uintptr_t at = range.low; at < range.high;) {
        struct gate_insn *insn = gate_array_push(&function->insns, sizeof(*insn));
        struct gate_quick_extra extra;
        if (!insn)
            return PASS_NO_MEMORY;
        if (!step((const uint8_t *)at, range.high - at, (uint32_t)(at - range.low), insn, &extra)) {
            function->insns.count--;
            return PASS_STOPPED;
        }
        size_t before = function->targets.count;
        if (follow(image, insn, &extra, function))
            return PASS_NO_MEMORY;
        if (extra.relative)
            direct += function->targets.count - before;
        *sites += insn->flow == FLOW_SYSCALL;
        at += insn->length;
    }
    if (function->targets.count > direct) /* a table explains the indirect jump */
        function->indirect = false;
    return PASS_DONE;
}

/* Lets the full decoder see instruction @index, flags included. False when it disagrees. */
static bool confirm_one(struct gate_function *function, size_t index)
{
    struct gate_insn *insn = (struct gate_insn *)function->insns.data + index;
    const struct gate_insn quick = *insn;
    struct gate_quick_extra extra;
    uintptr_t at = function->range.low + quick.offset;
    size_t length =
        full((const uint8_t *)at, function->range.high - at, quick.offset, insn, &extra);
    return length == quick.length && insn->flow == quick.flow && insn->target == quick.target &&
           insn->rip_field == quick.rip_field;
}

/* What choose.c looks at around the syscall instruction @index: when a five-byte mov precedes it,
 * that mov, and what follows until the flags are written. */
static bool confirm_site(struct gate_function *function, size_t index)
{
    const struct gate_insn *insn = function->insns.data;
    uintptr_t address = function->range.low + insn[index].offset;
    bool idiom =
        index > 0 && insn[index - 1].length == 5 && *(const uint8_t *)(address - 5) == 0xb8;
    size_t before = idiom ? 1 : CHOICE_BEFORE, after = idiom ? 0 : CHOICE_AFTER;
    bool settled = false;
    for (size_t i = index < before ? 0 : index - before; i < function->insns.count; i++) {
        if (i > index + after && (settled || i > index + CHOICE_FLAGS))
            return true;
        if (!confirm_one(function, i))
            return false;
        if (i > index)
            settled |= insn[i].writes_flags || insn[i].reads_flags ||
                       (insn[i].flow != FLOW_NEXT && insn[i].flow != FLOW_PADDING);
    }
    return true;
}

/* False when the two decoders disagree near a syscall instruction. */
static bool confirm(struct gate_function *function)
{
    const struct gate_insn *insn = function->insns.data;
    for (size_t i = 0; i < function->insns.count; i++)
        if (insn[i].flow == FLOW_SYSCALL && !confirm_site(function, i))
            return false;
    return true;
}

int gate_decode(const struct gate_image *image, struct gate_range range,
                struct gate_function *function)
{
    size_t sites;
    function->range = range;
    enum pass pass = walk(image, gate_quick, function, &sites);
    if (pass == PASS_DONE && sites == 0)
        return 0;
    if (pass != PASS_NO_MEMORY && decoder_open())
        return -ENOENT;
    if (pass == PASS_STOPPED || (pass == PASS_DONE && !confirm(function)))
        pass = walk(image, full, function, &sites);
    return pass == PASS_NO_MEMORY ? -ENOMEM : 0;
}
