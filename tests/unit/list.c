/* list.c: the order of a list, and that both directions agree. */
#include "unit.h"

#include "ground/list.h"

struct item {
	int value;
	struct list link;
};

/* Follows both directions; the values as one string, such as "312". */
static const char *spell(const struct list *head) {
	static char text[16];
	size_t n = 0;
	for (const struct list *at = head->next; at != head; at = at->next) {
		assert_ptr_equal(at->prev->next, at);
		assert_ptr_equal(at->next->prev, at);
		text[n++] = (char)('0' + CONTAINER(at, struct item, link)->value);
	}
	text[n] = '\0';
	return text;
}

TEST(empty_after_init) {
	struct list head;
	list_init(&head);
	assert_true(list_empty(&head));
	assert_ptr_equal(head.next, &head);
	assert_ptr_equal(head.prev, &head);
}

TEST(push_in_front_append_behind) {
	struct list head;
	struct item one = {.value = 1}, two = {.value = 2}, three = {.value = 3};
	list_init(&head);
	list_push(&head, &one.link);
	list_append(&head, &two.link);
	list_push(&head, &three.link);
	assert_string_equal(spell(&head), "312");
	assert_false(list_empty(&head));
}

TEST(add_between_two) {
	struct list head;
	struct item one = {.value = 1}, two = {.value = 2}, three = {.value = 3};
	list_init(&head);
	list_append(&head, &one.link);
	list_append(&head, &three.link);
	list_add_between(&two.link, &one.link, &three.link);
	assert_string_equal(spell(&head), "123");
}

TEST(delete_first_middle_last_and_only) {
	struct list head;
	struct item items[5];
	list_init(&head);
	for (int i = 0; i < 5; i++) {
		items[i].value = i;
		list_append(&head, &items[i].link);
	}
	list_delete(&items[2].link);
	assert_string_equal(spell(&head), "0134");
	list_delete(&items[0].link);
	assert_string_equal(spell(&head), "134");
	list_delete(&items[4].link);
	assert_string_equal(spell(&head), "13");
	list_delete(&items[1].link);
	list_delete(&items[3].link);
	assert_true(list_empty(&head));
}

int main(void) {
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(empty_after_init),
	        cmocka_unit_test(push_in_front_append_behind),
	        cmocka_unit_test(add_between_two),
	        cmocka_unit_test(delete_first_middle_last_and_only),
	};
	return RUN(tests);
}
