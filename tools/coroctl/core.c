/* Core files: memory from the segments, registers from the notes. */
#include <errno.h>
#include <error.h>
#include <fcntl.h>
#include <gelf.h>
#include <libelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/procfs.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base.h"
#include "tools/coroctl/command.h"
#include "tools/coroctl/image.h"
#include "tools/coroctl/memory.h"

static struct {
    int fd;
    Elf *elf;
    size_t segment_count;
    GElf_Phdr *segments;
    char *what;
} core;

static const GElf_Phdr *segment_of(uint64_t address)
{
    for (size_t i = 0; i < core.segment_count; i++)
        if (core.segments[i].p_type == PT_LOAD &&
            address - core.segments[i].p_vaddr < core.segments[i].p_filesz)
            return &core.segments[i];
    return NULL;
}

/* What the kernel left out, since it can be had from the objects' files, comes from there. */
static size_t core_read(uint64_t address, void *to, size_t bytes)
{
    const GElf_Phdr *segment;
    size_t done = 0;

    while (done < bytes && (segment = segment_of(address + done)) != NULL) {
        uint64_t offset = address + done - segment->p_vaddr;
        size_t part = segment->p_filesz - offset;
        ssize_t got;

        part = part < bytes - done ? part : bytes - done;
        got = pread(core.fd, (char *)to + done, part, (off_t)(segment->p_offset + offset));
        if (got <= 0)
            break;
        done += (size_t)got;
    }
    return done > 0 ? done : image_read(address, to, bytes);
}

static void take_registers(const struct elf_prstatus *status, uint64_t *registers)
{
    /* struct user_regs_struct counts otherwise than DWARF. */
    static const uint8_t place[STACK_REGISTERS] = { 10, 12, 11, 5, 13, 14, 4, 19, 9,
                                                    8,  7,  6,  3, 2,  1,  0, 16 };
    uint64_t values[ELF_NGREG];

    memcpy(values, status->pr_reg, sizeof(values));
    for (int i = 0; i < STACK_REGISTERS; i++)
        registers[i] = values[place[i]];
}

static bool find_status(Elf_Data *notes, pid_t tid, uint64_t *registers)
{
    size_t at = 0, name_at, body_at;
    struct elf_prstatus status;
    GElf_Nhdr note;

    while ((at = gelf_getnote(notes, at, &note, &name_at, &body_at)) > 0) {
        if (note.n_type != NT_PRSTATUS || note.n_descsz < sizeof(status))
            continue;
        memcpy(&status, (const char *)notes->d_buf + body_at, sizeof(status));
        if (status.pr_pid != tid)
            continue;
        take_registers(&status, registers);
        return true;
    }
    return false;
}

static bool core_registers(pid_t tid, uint64_t registers[STACK_REGISTERS])
{
    for (size_t i = 0; i < core.segment_count; i++) {
        const GElf_Phdr *segment = &core.segments[i];
        Elf_Data *notes;

        if (segment->p_type != PT_NOTE)
            continue;
        notes = elf_getdata_rawchunk(core.elf, (int64_t)segment->p_offset, segment->p_filesz,
                                     ELF_T_NHDR);
        if (notes != NULL && find_status(notes, tid, registers))
            return true;
    }
    return false;
}

static uint64_t core_now(void)
{
    return 0;
}

static int read_segments(const char *path)
{
    GElf_Ehdr header;

    core.elf = elf_begin(core.fd, ELF_C_READ_MMAP, NULL);
    if (core.elf == NULL || gelf_getehdr(core.elf, &header) == NULL || header.e_type != ET_CORE ||
        header.e_machine != EM_X86_64 || elf_getphdrnum(core.elf, &core.segment_count) != 0) {
        error(0, 0, "%s is not a core file of this kind of machine", path);
        return EXIT_FAILED;
    }
    core.segments = calloc(core.segment_count + 1, sizeof(*core.segments));
    if (core.segments == NULL)
        error(EXIT_FAILED, errno, "memory");
    for (size_t i = 0; i < core.segment_count; i++)
        if (gelf_getphdr(core.elf, (int)i, &core.segments[i]) == NULL)
            core.segments[i].p_type = PT_NULL;
    return EXIT_OK;
}

/* How long the file has to be; libelf counts those segments alone whose headers are there. */
static uint64_t bytes_needed(void)
{
    GElf_Ehdr header;
    uint64_t bytes = 0;

    if (gelf_getehdr(core.elf, &header) != NULL)
        bytes = header.e_phoff + (uint64_t)header.e_phentsize * header.e_phnum;
    for (size_t i = 0; i < core.segment_count; i++)
        if (core.segments[i].p_offset + core.segments[i].p_filesz > bytes)
            bytes = core.segments[i].p_offset + core.segments[i].p_filesz;
    return bytes;
}

/* Of a core file that is cut off, threads whose memory comes first can still be seen. */
static bool is_truncated(const char *path)
{
    uint64_t needed = bytes_needed();
    struct stat file;

    if (fstat(core.fd, &file) != 0 || (uint64_t)file.st_size >= needed)
        return false;
    error(0, 0, "core file %s is truncated: %lu of %lu bytes are there", path,
          (uint64_t)file.st_size, needed);
    return true;
}

int core_open(const char *path, const char *program, const struct memory_kind **kind)
{
    static struct memory_kind of_core = { .read = core_read,
                                          .registers = core_registers,
                                          .now_ns = core_now };
    int code;

    elf_version(EV_CURRENT);
    core.fd = open(path, O_RDONLY | O_CLOEXEC);
    if (core.fd < 0) {
        error(0, errno, "%s", path);
        return EXIT_FAILED;
    }
    code = read_segments(path);
    if (code == EXIT_OK)
        of_core.truncated = is_truncated(path);
    if (code == EXIT_OK)
        code = image_open_core(core.elf, path, program);
    if (code == EXIT_OK && asprintf(&core.what, "core file %s", path) < 0)
        error(EXIT_FAILED, errno, "memory");
    of_core.what = core.what;
    *kind = &of_core;
    return code;
}
