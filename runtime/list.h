/* Intrusive doubly linked lists. A head points to itself when empty; an unlinked node too. */
#ifndef CORO_LIST_H
#define CORO_LIST_H

#include "runtime/base.h"

struct list {
    struct list *next, *prev;
};

static inline void list_init(struct list *head)
{
    head->next = head->prev = head;
}

static inline bool list_empty(const struct list *head)
{
    return head->next == head;
}

static inline void list_add_between(struct list *node, struct list *prev, struct list *next)
{
    node->prev = prev;
    node->next = next;
    prev->next = node;
    next->prev = node;
}

static inline void list_push(struct list *head, struct list *node) /* at the tail */
{
    list_add_between(node, head->prev, head);
}

static inline void list_push_front(struct list *head, struct list *node)
{
    list_add_between(node, head, head->next);
}

/* Leaves @node unlinked; harmless on an unlinked node. */
static inline void list_remove(struct list *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    list_init(node);
}

static inline struct list *list_pop(struct list *head)
{
    struct list *node = head->next;
    if (node == head)
        return NULL;
    list_remove(node);
    return node;
}

/* @at may be removed, and freed, in the body. */
#define list_for_each(at, after, head)                                                             \
    for ((at) = (head)->next, (after) = (at)->next; (at) != (head);                                \
         (at) = (after), (after) = (at)->next)

#endif
