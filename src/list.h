/* list.h (rank 0): circular doubly linked lists with a sentinel head. Nobody else touches links. */
#ifndef LIST_H
#define LIST_H

#include "base.h"

struct list {
	struct list *next, *prev;
};

static inline void list_init(struct list *head) { head->next = head->prev = head; }
static inline bool list_empty(const struct list *head) { return head->next == head; }

static inline void list_add_between(struct list *item, struct list *prev, struct list *next) {
	item->prev = prev;
	item->next = next;
	prev->next = item;
	next->prev = item;
}

static inline void list_push(struct list *head, struct list *item) {
	list_add_between(item, head, head->next);
}
static inline void list_append(struct list *head, struct list *item) {
	list_add_between(item, head->prev, head);
}

static inline void list_delete(struct list *item) {
	item->prev->next = item->next;
	item->next->prev = item->prev;
}

#endif
