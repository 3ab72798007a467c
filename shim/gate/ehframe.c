/* The enclosing function of an address, from .eh_frame_hdr.
 *
 * Above the gate, though it calls nothing but our own code. The header holds a table of (function
 * start, FDE) sorted by start; the FDE says the length. Only what linkers write is understood: a
 * table of sdata4 pairs relative to the header (0x3b). Every pointer read from the object is
 * checked against its segments before use: a damaged table must not kill the program.
 *
 * What lies between functions is left alone: text segments also hold tables (of ciphers, or all
 * read-only data with some linkers), which decode as anything. The price is hand-written code that
 * ends its entry before the code ends, as glibc's clone does just before the syscall instruction;
 * gate_arm has that one.
 */
#include "shim/gate/internal.h"

#define TABLE_ENCODING 0x3b /* DW_EH_PE_datarel | DW_EH_PE_sdata4 */

enum { /* DW_EH_PE_*: the format in the low four bits, the base above */
       ENCODING_ABSOLUTE = 0x00,
       ENCODING_UDATA2 = 0x02,
       ENCODING_UDATA4 = 0x03,
       ENCODING_UDATA8 = 0x04,
       ENCODING_SDATA2 = 0x0a,
       ENCODING_SDATA4 = 0x0b,
       ENCODING_SDATA8 = 0x0c,
       ENCODING_FORMAT = 0x0f
};

struct table_entry {
    int32_t start; /* relative to the header */
    int32_t fde;
};

static int32_t read_s32(uintptr_t address)
{
    int32_t value;
    __builtin_memcpy(&value, (const void *)address, sizeof(value));
    return value;
}

static size_t encoded_bytes(uint8_t encoding)
{
    switch (encoding & ENCODING_FORMAT) {
    case ENCODING_UDATA2:
    case ENCODING_SDATA2:
        return 2;
    case ENCODING_UDATA4:
    case ENCODING_SDATA4:
        return 4;
    case ENCODING_ABSOLUTE:
    case ENCODING_UDATA8:
    case ENCODING_SDATA8:
        return 8;
    default:
        return 0;
    }
}

static uintptr_t skip_leb128(uintptr_t at, uintptr_t end)
{
    while (at < end && (*(const uint8_t *)at & 0x80))
        at++;
    return at + 1;
}

/* The pointer encoding of the FDEs of the CIE at @cie, by its 'R' augmentation. False also for a
 * signal frame ('S'): its entry may begin a byte before the code. */
static bool cie_encoding(const struct gate_image *image, uintptr_t cie, uint8_t *encoding)
{
    if (!gate_image_readable(image, cie, 32))
        return false;
    uintptr_t at = cie + 8, end = cie + 4 + (uint32_t)read_s32(cie);
    uint8_t version = *(const uint8_t *)at++;
    const char *augmentation = (const char *)at;
    for (; at < cie + 31 && *(const char *)at; at++)
        if (*(const char *)at == 'S')
            return false;
    at++;
    at = skip_leb128(at, end); /* code alignment */
    at = skip_leb128(at, end); /* data alignment */
    at = version == 1 ? at + 1 : skip_leb128(at, end);
    *encoding = ENCODING_ABSOLUTE;
    if (*augmentation++ != 'z')
        return true;
    at = skip_leb128(at, end); /* length of the augmentation data */
    for (; *augmentation && at < end; augmentation++) {
        uint8_t value = *(const uint8_t *)at;
        if (*augmentation == 'R') {
            *encoding = value;
            return true;
        }
        if (*augmentation == 'P')
            at += 1 + encoded_bytes(value);
        else if (*augmentation == 'L')
            at += 1;
        else if (*augmentation != 'B')
            return false;
    }
    return true;
}

/* The length of the function that the FDE at @fde describes; 0 when we can't tell, or when it is
 * the return path of signal handlers, which nobody may change. */
static size_t fde_length(const struct gate_image *image, uintptr_t fde)
{
    if (!gate_image_readable(image, fde, 24))
        return 0;
    uint32_t length = (uint32_t)read_s32(fde);
    int32_t cie_distance = read_s32(fde + 4);
    uint8_t encoding;
    if (length == 0 || length == UINT32_MAX || cie_distance == 0)
        return 0;
    if (!cie_encoding(image, fde + 4 - (uintptr_t)(intptr_t)cie_distance, &encoding))
        return 0;
    size_t bytes = encoded_bytes(encoding);
    uintptr_t at = fde + 8 + bytes; /* behind the start address */
    uint64_t range = 0;
    if (bytes == 0 || !gate_image_readable(image, at, bytes))
        return 0;
    __builtin_memcpy(&range, (const void *)at, bytes);
    return range;
}

static bool in_exec(const struct gate_image *image, uintptr_t address, struct gate_range *exec)
{
    for (size_t i = 0; i < image->exec_count; i++)
        if (address >= image->exec[i].low && address < image->exec[i].high) {
            *exec = image->exec[i];
            return true;
        }
    return false;
}

bool gate_function_at(const struct gate_image *image, uintptr_t pc, struct gate_range *found)
{
    const uint8_t *header = image->eh_frame_hdr;
    struct gate_range exec;
    if (!header || image->eh_frame_hdr_bytes < 12 || !in_exec(image, pc, &exec))
        return false;
    size_t pointer_bytes = encoded_bytes(header[1]);
    if (header[0] != 1 || header[3] != TABLE_ENCODING || encoded_bytes(header[2]) != 4)
        return false;
    uintptr_t base = (uintptr_t)header;
    size_t count = (uint32_t)read_s32(base + 4 + pointer_bytes);
    const struct table_entry *table = (const void *)(base + 8 + pointer_bytes);
    if (count == 0 || !gate_image_readable(image, (uintptr_t)table, count * sizeof(*table)))
        return false;
    size_t low = 0, high = count; /* the first entry that starts after pc */
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (base + (uintptr_t)(intptr_t)table[middle].start <= pc)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0)
        return false;
    uintptr_t start = base + (uintptr_t)(intptr_t)table[low - 1].start;
    size_t length = fde_length(image, base + (uintptr_t)(intptr_t)table[low - 1].fde);
    if (length == 0 || start < exec.low || start + length > exec.high)
        return false;
    *found = (struct gate_range){ start, start + length };
    return pc < found->high;
}
