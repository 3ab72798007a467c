/* Where locks were taken: the latest owner's place, and nobody else's. */
#include "runtime/lock_site.h"

#include "tests/unit/suite.h"

START_TEST(a_lock_is_known_as_its_owner_took_it)
{
    struct lock_site site;

    ck_assert(!lock_site_of(0x1000, 7, &site));
    lock_site_note(0x1000, 0x42, 7);
    ck_assert(lock_site_of(0x1000, 7, &site));
    ck_assert_uint_eq(site.pc, 0x42);
    ck_assert(!lock_site_of(0x1000, 8, &site)); /* another has it now, by a way that is not noted */
    lock_site_note(0x1000, 0x43, 8);
    ck_assert(!lock_site_of(0x1000, 7, &site));
    ck_assert(lock_site_of(0x1000, 8, &site));
    ck_assert_uint_eq(site.pc, 0x43);
}
END_TEST

START_TEST(many_locks_take_each_others_place_but_are_never_confused)
{
    struct lock_site site;
    size_t known = 0;

    for (uintptr_t lock = 1; lock <= 100000; lock++)
        lock_site_note(lock * 40, lock, 7);
    for (uintptr_t lock = 1; lock <= 100000; lock++) {
        if (!lock_site_of(lock * 40, 7, &site))
            continue;
        must(site.pc == lock);
        known++;
    }
    ck_assert_uint_gt(known, 1000);
    ck_assert(!lock_site_of(0, 7, &site));
}
END_TEST

int main(void)
{
    RUN_TESTS("lock_site", a_lock_is_known_as_its_owner_took_it,
              many_locks_take_each_others_place_but_are_never_confused);
}
