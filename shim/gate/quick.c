/* Lengths and flow of instructions, fast: a table walk of some ten nanoseconds, where the full
 * decoder takes two hundred.
 *
 * Above the gate, though it calls nothing. It finds the instruction boundaries and jumps of whole
 * functions; whatever will be displaced, and what stands around it, is then confirmed by the full
 * decoder (decode.c), which also decodes the function from scratch when the two disagree or when
 * this file says "don't know" (length 0): it knows the encodings that compilers emit in 64-bit
 * mode, and refuses rare ones instead of guessing. */
#include "shim/gate/internal.h"

/* What follows an opcode byte. The low three bits are the immediate. */
enum {
    NONE = 0,
    BYTE = 1,     /* imm8, rel8 */
    WORD = 2,     /* imm16 */
    FULL = 3,     /* imm32, or imm16 with a 66 prefix */
    RELATIVE = 4, /* rel32 */
    VALUE = 5,    /* as FULL, but imm64 with REX.W */
    OFFSET = 6,   /* moffs64 */
    ENTER = 7,    /* imm16, imm8 */
    IMMEDIATE = 7,
    MODRM = 8,
    UNKNOWN = 16
};

#define M  MODRM
#define MB (MODRM | BYTE)
#define MF (MODRM | FULL)
#define U  UNKNOWN
#define A8 M, M, M, M, BYTE, FULL, U, U /* the arithmetic rows */

// clang-format off
/* Prefixes, REX, 0f, VEX, EVEX and XOP are taken off before the look-up. */
static const uint8_t one_byte[256] = {
    A8, A8, A8, A8, A8, A8, A8, A8,                                         /* 00 */
    U, U, U, U, U, U, U, U, U, U, U, U, U, U, U, U,                         /* 40 */
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,                         /* 50 */
    U, U, U, M, U, U, U, U, FULL, MF, BYTE, MB, 0, 0, 0, 0,                 /* 60 */
    BYTE, BYTE, BYTE, BYTE, BYTE, BYTE, BYTE, BYTE,                         /* 70 */
    BYTE, BYTE, BYTE, BYTE, BYTE, BYTE, BYTE, BYTE,                         /* 78 */
    MB, MF, U, MB, M, M, M, M, M, M, M, M, M, M, M, M,                      /* 80 */
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, U, 0, 0, 0, 0, 0,                         /* 90 */
    OFFSET, OFFSET, OFFSET, OFFSET, 0, 0, 0, 0,                             /* a0 */
    BYTE, FULL, 0, 0, 0, 0, 0, 0,                                           /* a8 */
    BYTE, BYTE, BYTE, BYTE, BYTE, BYTE, BYTE, BYTE,                         /* b0 */
    VALUE, VALUE, VALUE, VALUE, VALUE, VALUE, VALUE, VALUE,                 /* b8 */
    MB, MB, WORD, 0, U, U, MB, MF, ENTER, 0, WORD, 0, 0, BYTE, U, 0,        /* c0 */
    M, M, M, M, U, U, U, 0, M, M, M, M, M, M, M, M,                         /* d0 */
    BYTE, BYTE, BYTE, BYTE, BYTE, BYTE, BYTE, BYTE,                         /* e0 */
    RELATIVE, RELATIVE, U, BYTE, 0, 0, 0, 0,                                /* e8 */
    U, 0, U, U, 0, 0, M, M, 0, 0, 0, 0, 0, 0, M, M,                         /* f0 */
};

/* After 0f. */
static const uint8_t two_byte[256] = {
    M, M, M, M, U, 0, 0, 0, 0, 0, U, 0, U, M, 0, MB,                        /* 00 */
    M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M,                         /* 10 */
    U, U, U, U, U, U, U, U, M, M, M, M, M, M, M, M,                         /* 20 */
    0, 0, 0, 0, 0, 0, U, 0, U, U, U, U, U, U, U, U,                         /* 30 */
    M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M,                         /* 40 */
    M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M,                         /* 50 */
    M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M,                         /* 60 */
    MB, MB, MB, MB, M, M, M, 0, U, U, U, U, M, M, M, M,                     /* 70 */
    RELATIVE, RELATIVE, RELATIVE, RELATIVE, RELATIVE, RELATIVE, RELATIVE,   /* 80 */
    RELATIVE, RELATIVE, RELATIVE, RELATIVE, RELATIVE, RELATIVE, RELATIVE,   /* 87 */
    RELATIVE, RELATIVE,                                                     /* 8e */
    M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M,                         /* 90 */
    0, 0, 0, M, MB, M, U, U, 0, 0, 0, M, MB, M, M, M,                       /* a0 */
    M, M, M, M, M, M, M, M, M, M, MB, M, M, M, M, M,                        /* b0 */
    M, M, MB, M, MB, MB, MB, M, 0, 0, 0, 0, 0, 0, 0, 0,                     /* c0 */
    M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M,                         /* d0 */
    M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M,                         /* e0 */
    M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M,                         /* f0 */
};

// clang-format on

enum opcode_map { MAP_ONE, MAP_0F, MAP_0F38, MAP_0F3A, MAP_FP16 };

/* An instruction while it is taken apart. */
struct parts {
    const uint8_t *code;
    size_t at, limit;
    bool operand16, address32, rex_w, rex_b, vector;
    uint8_t repeat; /* f2 or f3 */
    uint8_t map, opcode, modrm, base;
    size_t displacement, displacement_bytes;
    size_t immediate, immediate_bytes;
};

static uint8_t next_byte(struct parts *parts)
{
    if (parts->at >= parts->limit) {
        parts->at = parts->limit + 1; /* never comes back into range */
        return 0;
    }
    return parts->code[parts->at++];
}

static void take_prefixes(struct parts *parts)
{
    for (;; parts->at++) {
        if (parts->at >= parts->limit)
            return;
        switch (parts->code[parts->at]) {
        case 0x66:
            parts->operand16 = true;
            break;
        case 0x67:
            parts->address32 = true;
            break;
        case 0xf2:
        case 0xf3:
            parts->repeat = parts->code[parts->at];
            break;
        case 0x26:
        case 0x2e:
        case 0x36:
        case 0x3e:
        case 0x64:
        case 0x65:
        case 0xf0:
            break;
        default:
            return;
        }
    }
}

/* VEX (two bytes: c5, three: c4) and EVEX (62): the map, then the opcode. */
static bool take_vector_opcode(struct parts *parts, uint8_t escape)
{
    static const uint8_t maps[8] = { 0, MAP_0F, MAP_0F38, MAP_0F3A, 0, MAP_FP16, MAP_FP16, 0 };
    uint8_t first = next_byte(parts);
    parts->vector = true;
    if (escape == 0xc5) {
        parts->map = MAP_0F;
    } else if (escape == 0xc4) {
        parts->map = (first & 0x1f) <= 3 ? maps[first & 0x1f] : 0;
        next_byte(parts);
    } else {
        parts->map = (first & 0x08) == 0 ? maps[first & 7] : 0;
        next_byte(parts);
        next_byte(parts);
    }
    parts->opcode = next_byte(parts);
    return parts->map != 0 && !parts->operand16 && !parts->repeat;
}

static bool take_opcode(struct parts *parts)
{
    uint8_t byte = next_byte(parts);
    bool rex = (byte & 0xf0) == 0x40;
    if (rex) {
        parts->rex_w = byte & 8;
        parts->rex_b = byte & 1;
        byte = next_byte(parts);
    }
    if (byte == 0xc4 || byte == 0xc5 || byte == 0x62)
        return !rex && take_vector_opcode(parts, byte);
    if (byte == 0x8f && parts->at < parts->limit && (parts->code[parts->at] & 0x38))
        return false; /* XOP */
    parts->opcode = byte;
    if (byte != 0x0f)
        return true;
    parts->map = MAP_0F;
    parts->opcode = next_byte(parts);
    if (parts->opcode == 0x38 || parts->opcode == 0x3a) {
        parts->map = parts->opcode == 0x38 ? MAP_0F38 : MAP_0F3A;
        parts->opcode = next_byte(parts);
    }
    return true;
}

static uint8_t layout_of(const struct parts *parts)
{
    switch (parts->map) {
    case MAP_ONE:
        return one_byte[parts->opcode];
    case MAP_0F:
        if (!parts->vector || parts->opcode == 0x77)
            return two_byte[parts->opcode];
        return MODRM | (two_byte[parts->opcode] == MB ? BYTE : NONE);
    case MAP_0F3A:
        return MB;
    default:
        return M;
    }
}

static void take_modrm(struct parts *parts)
{
    parts->modrm = next_byte(parts);
    uint8_t mod = parts->modrm >> 6, rm = parts->modrm & 7;
    if (mod == 3)
        return;
    if (rm == 4)
        parts->base = next_byte(parts) & 7;
    parts->displacement = parts->at;
    if (mod == 1)
        parts->displacement_bytes = 1;
    else if (mod == 2 || rm == 5 || (rm == 4 && parts->base == 5))
        parts->displacement_bytes = 4;
    parts->at += parts->displacement_bytes;
}

static bool take_immediate(struct parts *parts, uint8_t layout)
{
    static const uint8_t bytes[8] = { 0, 1, 2, 4, 4, 4, 8, 3 };
    uint8_t kind = layout & IMMEDIATE;
    bool group3 = parts->map == MAP_ONE && (parts->opcode & 0xfe) == 0xf6;
    if (group3 && (parts->modrm >> 3 & 7) < 2) /* test has an immediate, not and neg don't */
        kind = parts->opcode == 0xf6 ? BYTE : FULL;
    bool short_relative = kind == RELATIVE && parts->operand16 && !parts->rex_w;
    if (short_relative || (kind == OFFSET && parts->address32))
        return false; /* processors differ about the first */
    parts->immediate = parts->at;
    parts->immediate_bytes = bytes[kind];
    if (kind == VALUE && parts->rex_w)
        parts->immediate_bytes = 8;
    else if ((kind == FULL || kind == VALUE) && parts->operand16 && !parts->rex_w)
        parts->immediate_bytes = 2;
    parts->at += parts->immediate_bytes;
    return true;
}

static enum gate_insn_flow flow_of_0f(const struct parts *parts)
{
    switch (parts->opcode) {
    case 0x05:
        return parts->at == 2 ? FLOW_SYSCALL : FLOW_FIXED;
    case 0x0b: /* ud2, ud1, ud0 */
    case 0xb9:
    case 0xff:
        return FLOW_END;
    case 0x07: /* sysret, sysenter, sysexit */
    case 0x34:
    case 0x35:
        return FLOW_FIXED;
    case 0x1f:
        return FLOW_PADDING;
    default:
        return (parts->opcode & 0xf0) == 0x80 ? FLOW_CONDITION : FLOW_NEXT;
    }
}

static enum gate_insn_flow flow_of(const struct parts *parts)
{
    if (parts->vector || parts->map > MAP_0F)
        return FLOW_NEXT;
    if (parts->map == MAP_0F)
        return flow_of_0f(parts);
    uint8_t opcode = parts->opcode, reg = parts->modrm >> 3 & 7;
    if (opcode >= 0x70 && opcode <= 0x7f)
        return FLOW_CONDITION;
    switch (opcode) {
    case 0x90:
        return parts->rex_b || parts->repeat ? FLOW_NEXT : FLOW_PADDING;
    case 0xcc:
        return FLOW_PADDING;
    case 0xe8:
        return FLOW_CALL;
    case 0xe9:
    case 0xeb:
        return FLOW_JUMP;
    case 0xe0: /* loops and jrcxz */
    case 0xe1:
    case 0xe2:
    case 0xe3:
        return FLOW_FIXED;
    case 0xc2: /* returns, hlt */
    case 0xc3:
    case 0xca:
    case 0xcb:
    case 0xcf:
    case 0xf4:
        return FLOW_END;
    case 0xc7:
        return parts->modrm == 0xf8 ? FLOW_FIXED : FLOW_NEXT; /* xbegin */
    case 0xff:
        return reg == 2 || reg == 3 ? FLOW_CALL : reg == 4 || reg == 5 ? FLOW_END : FLOW_NEXT;
    default:
        return FLOW_NEXT;
    }
}

static int64_t read_signed(const uint8_t *code, size_t bytes)
{
    int32_t value = (int8_t)code[0];
    if (bytes == 4)
        __builtin_memcpy(&value, code, sizeof(value));
    return value;
}

/* Relative jumps have their distance in the immediate. */
static bool is_relative(const struct parts *parts, const struct gate_insn *insn)
{
    bool xbegin = insn->flow == FLOW_FIXED && parts->opcode == 0xc7;
    bool loop = insn->flow == FLOW_FIXED && (parts->opcode & 0xfc) == 0xe0;
    return insn->flow == FLOW_JUMP || insn->flow == FLOW_CONDITION || xbegin || loop;
}

size_t gate_quick(const uint8_t *code, size_t limit, uint32_t offset, struct gate_insn *insn,
                  struct gate_quick_extra *extra)
{
    struct parts parts = { .code = code, .limit = limit < 15 ? limit : 15 };
    take_prefixes(&parts);
    if (!take_opcode(&parts))
        return 0;
    uint8_t layout = layout_of(&parts);
    if (layout & UNKNOWN)
        return 0;
    if (layout & MODRM)
        take_modrm(&parts);
    if (!take_immediate(&parts, layout) || parts.at > parts.limit)
        return 0;
    *insn = (struct gate_insn){ .offset = offset, .length = (uint8_t)parts.at };
    insn->flow = (uint8_t)flow_of(&parts);
    *extra = (struct gate_quick_extra){ 0 };
    bool memory = (layout & MODRM) && parts.modrm < 0xc0;
    if (memory && (parts.modrm & 0xc7) == 5) {
        insn->rip_field = (uint8_t)parts.displacement;
        if (parts.address32)
            insn->flow = FLOW_FIXED;
    }
    bool one = parts.map == MAP_ONE && !parts.vector;
    if (parts.displacement_bytes == 4)
        extra->displacement = read_signed(code + parts.displacement, 4);
    extra->relative = is_relative(&parts, insn);
    if (extra->relative)
        insn->target = (int32_t)(offset + parts.at +
                                 read_signed(code + parts.immediate, parts.immediate_bytes));
    extra->lea = one && parts.opcode == 0x8d;
    extra->indirect_jump = one && parts.opcode == 0xff && insn->flow == FLOW_END;
    extra->table_jump = extra->indirect_jump && (parts.modrm & 0xc7) == 4 && parts.base == 5;
    return parts.at;
}
