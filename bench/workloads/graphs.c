/*
 * graphs.c: object graphs, built by one thread and freed by another.
 *
 * 1. A graph is a tree of nodes of various sizes; every node also links, through an array grown by realloc,
 *    to some nodes that were built before it.
 * 2. A thread keeps a few graphs for long. It lays each new one on a table shared by all and takes what lay
 *    there: it walks that graph, checks it and frees it node by node.
 */
#include "common.h"

#include <stdatomic.h>

enum { GRAPHS = 3500, DEPTH = 6, FANOUT = 6, LINKS = 4, RECENT = 64, TABLE = 64, KEPT = 128 };

struct node {
	uint64_t stamp;
	uint32_t size; /* of the node itself, with the payload after its children */
	uint16_t nchildren, nlinks;
	struct node **links;
	uint64_t sum; /* of the stamps of the nodes linked to */
	struct node *children[];
};

struct builder {
	struct rng rng;
	uint64_t operations;
	uint64_t made;               /* nodes of this graph so far */
	struct node *recent[RECENT]; /* the last of them, for links */
};

static _Atomic(struct node *) table[TABLE];

static void node_link(struct builder *builder, struct node *node, struct node *target) {
	size_t size = (node->nlinks + 1u) * sizeof *node->links;
	node->links = must_have(realloc(node->links, size), size);
	node->links[node->nlinks++] = target;
	node->sum += target->stamp;
	builder->operations++;
}

static struct node *graph_build(struct builder *builder, unsigned depth) {
	uint32_t nchildren = depth ? rng_below(&builder->rng, FANOUT + 1) : 0;
	uint32_t fixed = (uint32_t)(sizeof(struct node) + nchildren * sizeof(struct node *));
	uint32_t size = fixed + rng_log_between(&builder->rng, 4, 512);
	struct node *node = must_malloc(size);
	*node = (struct node){.stamp = builder->made, .size = size, .nchildren = (uint16_t)nchildren};
	stamp_write((char *)node + fixed, size - fixed, node->stamp);
	builder->operations++;
	uint64_t known = builder->made < RECENT ? builder->made : RECENT;
	for (unsigned i = rng_below(&builder->rng, LINKS); i && known; i--)
		node_link(builder, node, builder->recent[rng_below(&builder->rng, (uint32_t)known)]);
	builder->recent[builder->made++ % RECENT] = node;
	for (unsigned i = 0; i < nchildren; i++)
		node->children[i] = graph_build(builder, depth - 1);
	return node;
}

static void graph_check(const struct node *node) {
	size_t fixed = sizeof *node + node->nchildren * sizeof(struct node *);
	uint64_t sum = 0;
	for (unsigned i = 0; i < node->nlinks; i++)
		sum += node->links[i]->stamp;
	if (sum != node->sum || !stamp_holds((const char *)node + fixed, node->size - fixed, node->stamp))
		bench_fail("node %p of a graph lost its content", (const void *)node);
	for (unsigned i = 0; i < node->nchildren; i++)
		graph_check(node->children[i]);
}

static void node_free(struct builder *builder, struct node *node) {
	for (unsigned i = 0; i < node->nchildren; i++)
		node_free(builder, node->children[i]);
	builder->operations += node->links ? 2 : 1;
	free(node->links);
	free(node);
}

static void graph_free(struct builder *builder, struct node *root) {
	if (!root)
		return;
	graph_check(root);
	node_free(builder, root);
}

static void work(struct worker *worker) {
	struct builder builder = {.rng = worker->rng};
	struct node **kept = bench_map(KEPT * sizeof *kept);
	uint64_t graphs = bench_scaled(worker->bench, GRAPHS);
	for (uint64_t i = 0; i < graphs; i++) {
		builder.made = 0;
		struct node *graph = graph_build(&builder, DEPTH);
		if (i % 16 == 0) {
			struct node **slot = &kept[rng_below(&builder.rng, KEPT)];
			graph_free(&builder, *slot);
			*slot = graph;
		} else {
			uint32_t place = rng_below(&builder.rng, TABLE);
			graph_free(&builder, atomic_exchange(&table[place], graph));
		}
	}
	for (unsigned i = 0; i < KEPT; i++)
		graph_free(&builder, kept[i]);
	worker->operations = builder.operations;
}

int main(int argc, char **argv) {
	static const struct workload self = {
	        .name = "graphs",
	        .describe = "object graphs built, passed between threads and freed elsewhere (after the "
	                    "idea of mstress, Leijen et al., mimalloc, APLAS 2019)",
	        .threads = 1,
	};
	struct bench bench = bench_parse(&self, argc, argv);
	struct report report = bench_run(&bench, bench.threads, work, NULL);
	struct builder rest = {.operations = 0};
	for (unsigned i = 0; i < TABLE; i++)
		graph_free(&rest, table[i]);
	report.operations += rest.operations;
	bench_print(&bench, &report);
	return 0;
}
