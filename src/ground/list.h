/* list.h (level 1): circular doubly linked lists with a sentinel head. Only these functions add to
 * a list and delete from it; others read `next` and `prev` to walk one. The link of an item that is
 * on no list is its owner's to use. */
#ifndef LIST_H
#define LIST_H

#include "ground/base.h"

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

/* The number of items, or SIZE_MAX when a link back is wrong or there are more than `most`. For
 * checkers. */
static inline size_t list_count(const struct list *head, size_t most) {
	size_t count = 0;
	for (const struct list *at = head; at->next->prev == at && count <= most; at = at->next, count++)
		if (at->next == head)
			return count;
	return SIZE_MAX;
}

#endif
