#include "base/list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"

struct item {
    int number;
    struct list node;
};

static struct item *item_new(int number)
{
    struct item *item = mem_alloc_zero(sizeof(*item));

    item->number = number;
    list_init(&item->node);
    return item;
}

/* The numbers in order, as decimal digits. */
static int digits(const struct list *head)
{
    int all = 0;

    list_for_each (it, head) {
        assert_ptr_equal(it->next->prev, it);
        assert_ptr_equal(it->prev->next, it);
        all = all * 10 + list_entry(it, struct item, node)->number;
    }
    return all;
}

static void list_free(struct list *head)
{
    list_for_each_safe (it, head) {
        mem_free(list_entry(it, struct item, node)); /* the body may free the node */
    }
    list_init(head);
}

static void test_order(void **state)
{
    (void)state;
    struct list head;

    list_init(&head);
    assert_true(list_is_empty(&head));
    assert_int_equal(digits(&head), 0);
    struct item *two = item_new(2);
    list_push_back(&head, &two->node);
    assert_false(list_is_empty(&head));
    list_push_back(&head, &item_new(4)->node);
    list_push_front(&head, &item_new(1)->node);
    list_insert_after(&two->node, &item_new(3)->node);
    assert_int_equal(digits(&head), 1234);
    list_free(&head);
}

static void test_remove(void **state)
{
    (void)state;
    struct list head, other;

    list_init(&head);
    list_init(&other);
    struct item *items[4];
    for (int i = 0; i < 4; i++) {
        items[i] = item_new(i + 1);
        list_push_back(&head, &items[i]->node);
    }
    list_remove(&items[1]->node);
    assert_int_equal(digits(&head), 134);
    assert_true(list_is_empty(&items[1]->node));
    list_remove(&items[1]->node); /* twice is fine */
    list_push_back(&other, &items[1]->node);
    list_remove(&items[0]->node);
    list_remove(&items[3]->node);
    assert_int_equal(digits(&head), 3);
    list_remove(&items[2]->node);
    assert_true(list_is_empty(&head));
    assert_int_equal(digits(&other), 2);
    for (int i = 0; i < 4; i++)
        mem_free(items[i]);
}

static void test_remove_while_walking(void **state)
{
    (void)state;
    struct list head;

    list_init(&head);
    for (int i = 1; i <= 6; i++)
        list_push_back(&head, &item_new(i)->node);
    list_for_each_safe (it, &head) {
        struct item *item = list_entry(it, struct item, node);
        if (item->number % 2) {
            list_remove(it);
            mem_free(item);
        }
    }
    assert_int_equal(digits(&head), 246);
    list_free(&head);
}

static void test_take(void **state)
{
    (void)state;
    struct list from, to;

    list_init(&from);
    list_take(&to, &from);
    assert_true(list_is_empty(&to));
    for (int i = 1; i <= 3; i++)
        list_push_back(&from, &item_new(i)->node);
    list_take(&to, &from);
    assert_true(list_is_empty(&from));
    list_push_back(&to, &item_new(4)->node);
    list_push_back(&from, &item_new(5)->node);
    assert_int_equal(digits(&to), 1234);
    assert_int_equal(digits(&from), 5);
    list_free(&to);
    list_free(&from);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_remove),
        cmocka_unit_test(test_remove_while_walking),
        cmocka_unit_test(test_take),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
