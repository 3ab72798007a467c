/* Where locks were taken: the latest owner's place, and nobody else's. */
#include "runtime/lock_site.h"

#include <pthread.h>

#include "tests/unit/suite.h"

START_TEST(a_lock_is_known_as_its_owner_took_it)
{
    struct lock_site site;

    ck_assert(!lock_site_of(0x1000, 7, &site));
    lock_site_note(0x1000, 0x42, 7, WAIT_MUTEX);
    ck_assert(lock_site_of(0x1000, 7, &site));
    ck_assert_uint_eq(site.pc, 0x42);
    ck_assert(!lock_site_of(0x1000, 8, &site)); /* another has it now, by a way that is not noted */
    lock_site_note(0x1000, 0x43, 8, WAIT_MUTEX);
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
        lock_site_note(lock * 40, lock, 7, WAIT_MUTEX);
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

/* Those that were released, or are another's by now, are not told. */
START_TEST(locks_that_are_held_are_found)
{
    static pthread_mutex_t mutex[5000];
    static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
    struct lock_site found[100];
    uint32_t next = 0;
    size_t count = 0, mutexes = 0, locks = 0;
    bool more = true;

    for (int i = 0; i < 5000; i++) {
        mutex[i].__data.__owner = i % 10 ? i % 10 == 1 ? 8 : 0 : 7;
        lock_site_note((uintptr_t)&mutex[i], 0x42, 7, WAIT_MUTEX);
    }
    lock.__data.__cur_writer = 7;
    lock_site_note((uintptr_t)&lock, 0x43, 7, WAIT_RWLOCK);
    lock_site_note(0x1000, 0x44, 7, WAIT_MUTEX); /* its memory is gone */
    while (more) {
        count = lock_sites_held(&next, found, ARRAY_SIZE(found), &more);
        must(count <= ARRAY_SIZE(found));
        for (size_t i = 0; i < count; i++) {
            must(found[i].tid == 7);
            mutexes += found[i].kind == WAIT_MUTEX && found[i].pc == 0x42;
            locks += found[i].kind == WAIT_RWLOCK && found[i].pc == 0x43;
        }
    }
    ck_assert_uint_eq(locks, 1);
    ck_assert_uint_gt(mutexes, 300); /* of 500: some have lost their place to another */
    ck_assert_uint_le(mutexes, 500);
}
END_TEST

int main(void)
{
    RUN_TESTS("lock_site", a_lock_is_known_as_its_owner_took_it,
              many_locks_take_each_others_place_but_are_never_confused,
              locks_that_are_held_are_found);
}
