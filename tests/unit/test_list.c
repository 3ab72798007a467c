/* Intrusive lists: order, removal, and what an unlinked node may do. */
#include "runtime/list.h"
#include "tests/unit/suite.h"

struct item {
    int value;
    struct list link;
};

static struct list head;
static struct item items[8];

static void fill(int count)
{
    list_init(&head);
    for (int i = 0; i < count; i++) {
        items[i].value = i;
        list_push(&head, &items[i].link);
    }
}

static int pop_value(void)
{
    struct list *node = list_pop(&head);
    return node ? container_of(node, struct item, link)->value : -1;
}

START_TEST(a_new_list_is_empty)
{
    list_init(&head);
    ck_assert(list_empty(&head));
    ck_assert_ptr_null(list_pop(&head));
}
END_TEST

START_TEST(push_and_pop_are_first_in_first_out)
{
    fill(8);
    for (int i = 0; i < 8; i++)
        ck_assert_int_eq(pop_value(), i);
    ck_assert(list_empty(&head));
}
END_TEST

START_TEST(push_front_goes_first)
{
    fill(2);
    items[2].value = 2;
    list_push_front(&head, &items[2].link);
    ck_assert_int_eq(pop_value(), 2);
    ck_assert_int_eq(pop_value(), 0);
}
END_TEST

START_TEST(remove_takes_one_out_and_may_be_repeated)
{
    fill(3);
    list_remove(&items[1].link);
    list_remove(&items[1].link);
    ck_assert(list_empty(&items[1].link));
    ck_assert_int_eq(pop_value(), 0);
    ck_assert_int_eq(pop_value(), 2);
    ck_assert(list_empty(&head));
}
END_TEST

START_TEST(a_loop_may_remove_what_it_stands_on)
{
    struct list *node, *after;
    int seen = 0;
    fill(8);
    list_for_each (node, after, &head) {
        ck_assert_int_eq(container_of(node, struct item, link)->value, seen++);
        list_remove(node);
        memset(container_of(node, struct item, link), 0xff, sizeof(struct item));
    }
    ck_assert_int_eq(seen, 8);
    ck_assert(list_empty(&head));
}
END_TEST

START_TEST(a_loop_over_nothing_does_nothing)
{
    struct list *node, *after;
    list_init(&head);
    list_for_each (node, after, &head)
        ck_abort_msg("an empty list has no nodes");
}
END_TEST

int main(void)
{
    RUN_TESTS("list", a_new_list_is_empty, push_and_pop_are_first_in_first_out,
              push_front_goes_first, remove_takes_one_out_and_may_be_repeated,
              a_loop_may_remove_what_it_stands_on, a_loop_over_nothing_does_nothing);
}
