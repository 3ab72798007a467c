/* The quick decoder against the full one, over every function of the objects at hand: it may say
 * "don't know", and then rarely, but never something else. */
#include <Zydis/Zydis.h>
#include <check.h>
#include <dlfcn.h>
#include <stdlib.h>

#include "shim/gate/internal.h"
#include "tests/unit/test_gate_pass.h"

static __typeof__(&ZydisDecoderInit) decoder_init;
static __typeof__(&ZydisDecoderDecodeInstruction) decode;
static ZydisDecoder decoder;

/* Texts of different compilers and hands: assembly, vectors, C++, what Zydis itself is made of. */
static const char *const objects[] = { "libcrypto.so.3", "libstdc++.so.6", "libgcrypt.so.20",
                                       "libm.so.6" };

static bool open_decoder(void)
{
    void *library = dlopen("libZydis.so.4.0", RTLD_NOW);
    if (!library)
        return false;
    decoder_init = (__typeof__(decoder_init))dlsym(library, "ZydisDecoderInit");
    decode = (__typeof__(decode))dlsym(library, "ZydisDecoderDecodeInstruction");
    return decoder_init && decode &&
           ZYAN_SUCCESS(decoder_init(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64));
}

struct tally {
    size_t instructions, unknown, functions;
};

static bool names_rip(const ZydisDecodedInstruction *full)
{
    return (full->attributes & ZYDIS_ATTRIB_HAS_MODRM) && full->raw.modrm.mod == 0 &&
           full->raw.modrm.rm == 5 && full->raw.disp.size == 32;
}

/* Check's assertions each cost a write, too much for a million instructions. */
static void compare(const uint8_t *code, uint32_t offset, const ZydisDecodedInstruction *full,
                    const struct gate_insn *quick, const struct gate_quick_extra *extra)
{
    bool call = full->meta.category == ZYDIS_CATEGORY_CALL;
    bool relative = full->raw.imm[0].is_relative && !call;
    bool rip = names_rip(full);
    int64_t target = relative ? (int64_t)offset + full->length + full->raw.imm[0].value.s : 0;
    bool same = quick->length == full->length && extra->relative == relative &&
                quick->target == target && (quick->flow == FLOW_CALL) == call &&
                (quick->flow == FLOW_SYSCALL) == (full->mnemonic == ZYDIS_MNEMONIC_SYSCALL) &&
                quick->rip_field == (rip ? full->raw.disp.offset : 0) &&
                (!rip || extra->displacement == full->raw.disp.value) &&
                extra->lea == (full->mnemonic == ZYDIS_MNEMONIC_LEA);
    if (!same)
        ck_abort_msg("%02x %02x %02x %02x: length %u instead of %u, or its flow", code[0], code[1],
                     code[2], code[3], quick->length, full->length);
}

static void compare_function(struct gate_range range, struct tally *tally)
{
    tally->functions++;
    for (uintptr_t at = range.low; at < range.high;) {
        const uint8_t *code = (const uint8_t *)at;
        ZydisDecodedInstruction full;
        struct gate_insn quick;
        struct gate_quick_extra extra;
        size_t left = range.high - at;
        uint32_t offset = (uint32_t)(at - range.low);
        if (!ZYAN_SUCCESS(decode(&decoder, NULL, code, left, &full)))
            return;
        tally->instructions++;
        if (gate_quick(code, left, offset, &quick, &extra))
            compare(code, offset, &full, &quick, &extra);
        else
            tally->unknown++;
        at += full.length;
    }
}

static void compare_image(const struct gate_image *image, struct tally *tally)
{
    for (size_t i = 0; i < image->exec_count; i++)
        for (uintptr_t at = image->exec[i].low; at < image->exec[i].high;) {
            struct gate_range range;
            if (!gate_function_at(image, at, &range)) {
                at++;
                continue;
            }
            compare_function(range, tally);
            at = range.high;
        }
}

START_TEST(agrees_with_the_full_decoder_on_all_loaded_code)
{
    struct gate_array images = { 0 };
    struct gate_loads loads;
    struct tally tally = { 0 };
    for (size_t i = 0; i < ARRAY_SIZE(objects); i++)
        dlopen(objects[i], RTLD_LAZY);
    ck_assert_int_eq(gate_images(&images, &loads), 0);
    for (size_t i = 0; i < images.count; i++)
        compare_image((const struct gate_image *)images.data + i, &tally);
    ck_assert_uint_gt(tally.instructions, 300000);
    ck_assert_uint_lt(tally.unknown, tally.instructions / 1000);
}
END_TEST

START_TEST(never_reads_or_claims_beyond_the_limit)
{
    static const uint8_t code[] = { 0x66, 0x48, 0x81, 0x84, 0x24, 1, 2, 3, 4, 5, 6, 7, 8 };
    struct gate_insn insn;
    struct gate_quick_extra extra;
    ck_assert_uint_eq(gate_quick(code, sizeof(code), 0, &insn, &extra), sizeof(code));
    for (size_t limit = 0; limit < sizeof(code); limit++)
        ck_assert_uint_eq(gate_quick(code, limit, 0, &insn, &extra), 0);
}
END_TEST

int main(void)
{
    if (!open_decoder())
        return 77;
    Suite *suite = suite_create("gate_quick");
    TCase *cases = tcase_create("quick");
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, agrees_with_the_full_decoder_on_all_loaded_code);
    tcase_add_test(cases, never_reads_or_claims_beyond_the_limit);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
