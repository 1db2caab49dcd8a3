/* pagemap.c (level 2): see pagemap.h. */
#include "ground/pagemap.h"

#include "ground/os.h"

#include <string.h>

_Alignas(PAGE_SIZE) _Atomic(struct leaf *) pagemap_root[ROOT_LEAVES];
_Atomic uintptr_t pagemap_window_base = (uintptr_t)1 << 63;
struct leaf *pagemap_window;

static _Atomic bool window_made;

/* Two threads may both make a leaf; the one that comes second unmaps its own. */
static bool make_leaf(uintptr_t index) {
	struct leaf *leaf = atomic_load(&pagemap_root[index]);
	if (leaf)
		return true;
	struct leaf *made = os_map_fenced(sizeof *made);
	if (!made)
		return false;
	if (!atomic_compare_exchange_strong(&pagemap_root[index], &leaf, made))
		os_unmap_fenced(made, sizeof *made);
	else if (!atomic_exchange(&window_made, true)) {
		pagemap_window = made;
		atomic_store_explicit(&pagemap_window_base, index << LEAF_SHIFT, memory_order_release);
	}
	return true;
}

static void store_owner(uintptr_t address, uintptr_t end, struct owner *owner) {
	for (; address < end; address += CHUNK_SIZE) {
		struct leaf *leaf = atomic_load(&pagemap_root[address >> LEAF_SHIFT]);
		atomic_store_explicit(&leaf->owner[(uint32_t)address >> CHUNK_SHIFT], owner,
		                      memory_order_release);
	}
}

bool pagemap_set_owner(const void *address, size_t size, struct owner *owner) {
	uintptr_t from = (uintptr_t)address, end = from + size;
	if ((end - 1) >> ADDRESS_BITS)
		return false;
	for (uintptr_t index = from >> LEAF_SHIFT; index <= (end - 1) >> LEAF_SHIFT; index++)
		if (!make_leaf(index))
			return false;
	store_owner(from, end, owner);
	return true;
}

void pagemap_clear_owner(const void *address, size_t size) {
	store_owner((uintptr_t)address, (uintptr_t)address + size, NULL);
}

void pagemap_set_class(const void *address, unsigned npages, unsigned class) {
	struct leaf *leaf = pagemap_leaf(address);
	memset(&leaf->class_of_page[(uint32_t)(uintptr_t)address >> PAGE_SHIFT], (int)class, npages);
}
