/*
 * barnes.c: the gravity of many bodies by an octree that is built anew at each step.
 *
 * 1. A cell is a leaf with one body, or has up to eight children. Its mass and centre are summed bottom up;
 *    a cell that looks smaller than THETA acts on a body as one mass (Barnes & Hut, Nature 1986).
 * 2. Every cell is a block of its own, and all of them are freed at the end of the step.
 */
#include "common.h"

enum { BODIES = 8000, STEPS = 200, DEEPEST = 40 };

#define THETA     1.2
#define STEP_TIME 0.01
#define SOFTENING 0.01

struct vector {
	double x, y, z;
};

struct body {
	struct vector place, speed;
	double mass;
};

struct cell {
	struct vector centre; /* of mass; while the tree is built, the sum of place times mass */
	double mass, width;
	uint32_t count;    /* of bodies */
	struct body *body; /* of a leaf */
	struct cell *children[8];
};

static struct cell *cell_take(double width) {
	struct cell *cell = must_malloc(sizeof *cell);
	*cell = (struct cell){.width = width};
	return cell;
}

/* Which eighth of the cube around middle the place lies in; middle moves to that eighth's. */
static unsigned octant(struct vector *middle, const struct vector *place, double width) {
	unsigned index = (place->x > middle->x) + 2u * (place->y > middle->y) + 4u * (place->z > middle->z);
	middle->x += index & 1 ? width / 4 : -width / 4;
	middle->y += index & 2 ? width / 4 : -width / 4;
	middle->z += index & 4 ? width / 4 : -width / 4;
	return index;
}

static void tree_insert(struct cell *cell, struct body *body, struct vector middle, unsigned depth) {
	cell->count++;
	if (cell->count == 1) {
		cell->body = body;
		return;
	}
	if (depth == DEEPEST)
		bench_fail("two bodies are at one place");
	struct body *both[2] = {body, cell->body};
	for (unsigned i = 0; i < 2 && both[i]; i++) {
		struct vector inner = middle;
		unsigned index = octant(&inner, &both[i]->place, cell->width);
		if (!cell->children[index])
			cell->children[index] = cell_take(cell->width / 2);
		tree_insert(cell->children[index], both[i], inner, depth + 1);
	}
	cell->body = NULL;
}

static void tree_sum(struct cell *cell) {
	if (cell->body) {
		cell->centre = cell->body->place;
		cell->mass = cell->body->mass;
		return;
	}
	for (unsigned i = 0; i < 8; i++) {
		struct cell *child = cell->children[i];
		if (!child)
			continue;
		tree_sum(child);
		cell->mass += child->mass;
		cell->centre.x += child->centre.x * child->mass;
		cell->centre.y += child->centre.y * child->mass;
		cell->centre.z += child->centre.z * child->mass;
	}
	cell->centre.x /= cell->mass;
	cell->centre.y /= cell->mass;
	cell->centre.z /= cell->mass;
}

static void pull(struct body *body, const struct cell *cell) {
	double x = cell->centre.x - body->place.x, y = cell->centre.y - body->place.y,
	       z = cell->centre.z - body->place.z;
	double squared = x * x + y * y + z * z + SOFTENING;
	if (cell->body || cell->width * cell->width < THETA * THETA * squared) {
		double strength = STEP_TIME * cell->mass / (squared * sqrt(squared));
		body->speed.x += strength * x;
		body->speed.y += strength * y;
		body->speed.z += strength * z;
		return;
	}
	for (unsigned i = 0; i < 8; i++) {
		if (cell->children[i])
			pull(body, cell->children[i]);
	}
}

/* The number of bodies in the leaves that were freed. */
static uint32_t tree_free(struct worker *worker, struct cell *cell) {
	uint32_t count = cell->body != NULL;
	for (unsigned i = 0; i < 8; i++) {
		if (cell->children[i])
			count += tree_free(worker, cell->children[i]);
	}
	if (count != cell->count)
		bench_fail("a cell of %u bodies holds %u", cell->count, count);
	free(cell);
	worker->operations += 2;
	return count;
}

static double width_of(struct body *const *bodies) {
	double most = 0;
	for (unsigned i = 0; i < BODIES; i++) {
		const struct vector *place = &bodies[i]->place;
		most = fmax(most, fmax(fabs(place->x), fmax(fabs(place->y), fabs(place->z))));
	}
	return 2 * most;
}

static void step(struct worker *worker, struct body **bodies) {
	struct cell *root = cell_take(width_of(bodies));
	for (unsigned i = 0; i < BODIES; i++)
		tree_insert(root, bodies[i], (struct vector){0}, 0);
	tree_sum(root);
	if (fabs(root->mass - 1) > 1e-9)
		bench_fail("the masses sum up to %.12f, not to 1", root->mass);
	for (unsigned i = 0; i < BODIES; i++)
		pull(bodies[i], root);
	for (unsigned i = 0; i < BODIES; i++) {
		struct body *body = bodies[i];
		body->place.x += STEP_TIME * body->speed.x;
		body->place.y += STEP_TIME * body->speed.y;
		body->place.z += STEP_TIME * body->speed.z;
	}
	tree_free(worker, root);
}

static void work(struct worker *worker) {
	struct body **bodies = must_malloc(BODIES * sizeof *bodies);
	for (unsigned i = 0; i < BODIES; i++) {
		bodies[i] = must_malloc(sizeof **bodies);
		*bodies[i] = (struct body){.mass = 1.0 / BODIES};
		bodies[i]->place.x = rng_unit(&worker->rng) - 0.5;
		bodies[i]->place.y = rng_unit(&worker->rng) - 0.5;
		bodies[i]->place.z = rng_unit(&worker->rng) - 0.5;
	}
	uint64_t steps = bench_scaled(worker->bench, STEPS);
	for (uint64_t i = 0; i < steps; i++)
		step(worker, bodies);
	for (unsigned i = 0; i < BODIES; i++)
		free(bodies[i]);
	free(bodies);
	worker->operations += 2 * BODIES + 2;
}

int main(int argc, char **argv) {
	static const struct workload self = {
	        .name = "barnes",
	        .describe = "n-body simulation, its octree built anew at each step (Barnes & Hut 1986; the "
	                    "program of SPLASH-2, which Hoard's paper uses)",
	        .threads = 1,
	};
	return bench_main(&self, argc, argv, work);
}
