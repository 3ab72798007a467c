/* The functions that compilers call on their own, strings, pages and pools. */
#include "runtime/mem.h"

#include <stdio.h>

#include "tests/unit/suite.h"

/* Called through pointers: the compiler would compute the result itself. */
static void *(*volatile copy)(void *restrict, const void *restrict, size_t) = memcpy;
static void *(*volatile move)(void *, const void *, size_t) = memmove;
static void *(*volatile set)(void *, int, size_t) = memset;
static int (*volatile compare)(const void *, const void *, size_t) = memcmp;
static size_t (*volatile length)(const char *) = strlen;

static unsigned char area[300], expected[300];

static void fill(void)
{
    for (size_t i = 0; i < sizeof(area); i++)
        area[i] = expected[i] = (unsigned char)(i * 7 + 1);
}

START_TEST(memcpy_copies_exactly_so_many_bytes)
{
    for (size_t bytes = 0; bytes <= 130; bytes++) {
        unsigned char to[150];
        fill();
        set(to, 0xee, sizeof(to));
        ck_assert_ptr_eq(copy(to + 3, area, bytes), to + 3);
        ck_assert_int_eq(compare(to + 3, area, bytes), 0);
        ck_assert_uint_eq(to[2], 0xee);
        ck_assert_uint_eq(to[3 + bytes], 0xee);
    }
}
END_TEST

START_TEST(memmove_copes_with_every_overlap)
{
    for (int from = 0; from < 40; from++) {
        for (int to = 0; to < 40; to++) {
            fill();
            ck_assert_ptr_eq(move(area + to, area + from, 100), area + to);
            for (int i = 0; i < 300; i++) {
                bool moved = i >= to && i < to + 100;
                must(area[i] == expected[moved ? i - to + from : i]);
            }
        }
    }
}
END_TEST

START_TEST(memset_sets_exactly_so_many_bytes)
{
    fill();
    ck_assert_ptr_eq(set(area + 10, 0x1ab, 33), area + 10);
    for (int i = 0; i < 300; i++)
        must(area[i] == (i >= 10 && i < 43 ? 0xab : expected[i]));
}
END_TEST

START_TEST(memcmp_compares_bytes_as_unsigned)
{
    ck_assert_int_eq(compare("abc", "abd", 2), 0);
    ck_assert_int_lt(compare("abc", "abd", 3), 0);
    ck_assert_int_gt(compare("\x80", "\x7f", 1), 0);
    ck_assert_int_eq(compare("a", "b", 0), 0);
}
END_TEST

START_TEST(strlen_counts_to_the_nul)
{
    ck_assert_uint_eq(length(""), 0);
    ck_assert_uint_eq(length("coroutine"), 9);
}
END_TEST

START_TEST(text_copy_truncates_and_terminates)
{
    char to[5] = "wxyz";
    ck_assert_uint_eq(text_copy(to, "ab", sizeof(to)), 2);
    ck_assert_str_eq(to, "ab");
    ck_assert_uint_eq(text_copy(to, "abcdefg", sizeof(to)), 4);
    ck_assert_str_eq(to, "abcd");
    ck_assert_uint_eq(text_copy(to, "x", 0), 0);
    ck_assert_str_eq(to, "abcd");
    ck_assert_uint_eq(text_copy(to, "x", 1), 0);
    ck_assert_str_eq(to, "");
}
END_TEST

START_TEST(text_equal_needs_the_same_end)
{
    ck_assert(text_equal("", ""));
    ck_assert(text_equal("abc", "abc"));
    ck_assert(!text_equal("abc", "abcd"));
    ck_assert(!text_equal("abcd", "abc"));
    ck_assert(!text_equal("abc", "abd"));
}
END_TEST

START_TEST(bits_are_counted)
{
    uint64_t word = 88172645463325252u;
    ck_assert_uint_eq(bit_count(0), 0);
    ck_assert_uint_eq(bit_count(UINT64_MAX), 64);
    for (int i = 0; i < 1000; i++) {
        word = word * 6364136223846793005u + 1442695040888963407u;
        must(bit_count(word) == (uint32_t)__builtin_popcountll(word));
    }
}
END_TEST

START_TEST(pages_are_zeroed_and_writable)
{
    unsigned char *pages = pages_map(3 * PAGE_BYTES - 5);
    ck_assert_ptr_nonnull(pages);
    ck_assert_uint_eq((uintptr_t)pages % PAGE_BYTES, 0);
    for (size_t i = 0; i < 3 * PAGE_BYTES; i++)
        must(!pages[i]);
    pages[3 * PAGE_BYTES - 1] = 1;
    pages_unmap(pages, 3 * PAGE_BYTES - 5);
}
END_TEST

START_TEST(impossible_pages_are_null)
{
    ck_assert_ptr_null(pages_map(1UL << 60));
}
END_TEST

START_TEST(pool_objects_are_aligned_zeroed_and_apart)
{
    struct pool pool;
    enum { COUNT = 3000, BYTES = 100 };
    static unsigned char *object[COUNT];
    pool_init(&pool, BYTES);
    for (int i = 0; i < COUNT; i++) {
        object[i] = pool_get(&pool);
        must(object[i] && (uintptr_t)object[i] % 16 == 0);
        for (int j = 0; j < BYTES; j++)
            must(!object[i][j]);
        set(object[i], i % 251 + 1, BYTES);
    }
    for (int i = 0; i < COUNT; i++)
        must(object[i][0] + object[i][BYTES - 1] == 2 * (i % 251 + 1));
}
END_TEST

START_TEST(a_pool_gives_back_what_was_put)
{
    struct pool pool;
    pool_init(&pool, 24);
    unsigned char *first = pool_get(&pool);
    set(first, 0xff, 24);
    pool_put(&pool, first);
    unsigned char *again = pool_get(&pool);
    ck_assert_ptr_eq(again, first);
    for (int j = 0; j < 24; j++)
        ck_assert_uint_eq(again[j], 0);
}
END_TEST

START_TEST(objects_larger_than_a_block_are_refused)
{
    struct pool pool;
    pool_init(&pool, POOL_BLOCK_BYTES + 16);
    ck_assert_ptr_null(pool_get(&pool));
}
END_TEST

int main(void)
{
    RUN_TESTS("mem", memcpy_copies_exactly_so_many_bytes, memmove_copes_with_every_overlap,
              memset_sets_exactly_so_many_bytes, memcmp_compares_bytes_as_unsigned,
              strlen_counts_to_the_nul, text_copy_truncates_and_terminates,
              text_equal_needs_the_same_end, bits_are_counted, pages_are_zeroed_and_writable,
              impossible_pages_are_null, pool_objects_are_aligned_zeroed_and_apart,
              a_pool_gives_back_what_was_put, objects_larger_than_a_block_are_refused);
}
