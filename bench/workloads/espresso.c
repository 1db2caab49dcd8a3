/*
 * espresso.c: minimises Boolean functions given as covers of cubes.
 *
 * 1. A cube has two bits for each variable: bit 0, it may be false; bit 1, it may be true. 3 is no
 *    condition, 0 is a contradiction. Each cube is a block, a cover a growing array of pointers to them.
 * 2. As in espresso: the complement by Shannon's expansion; each cube expanded as far as it stays off the
 *    complement; cubes that another covers dropped; those that the rest together covers, too.
 * 3. Complement and result are compared with the given cover at random points.
 */
#include "common.h"

enum { FUNCTIONS = 300, LEAST_VARIABLES = 16, MOST_VARIABLES = 40, CUBES = 20, LITERALS = 5, POINTS = 200 };

enum { PER_WORD = 16 };

struct cube {
	uint32_t nvariables;
	uint32_t words[]; /* PER_WORD variables each; those beyond the last have no condition */
};

struct cover {
	uint32_t nvariables;
	uint32_t count, capacity;
	struct cube **cubes;
};

static __thread uint64_t operations;

static uint32_t words_of(uint32_t nvariables) { return (nvariables + PER_WORD - 1) / PER_WORD; }

static struct cube *cube_take(uint32_t nvariables) {
	size_t bytes = words_of(nvariables) * sizeof(uint32_t);
	struct cube *cube = must_malloc(sizeof *cube + bytes);
	cube->nvariables = nvariables;
	memset(cube->words, 0xff, bytes);
	operations++;
	return cube;
}

static void cube_put(struct cube *cube) {
	operations++;
	free(cube);
}

static struct cube *cube_copy(const struct cube *cube) {
	struct cube *copy = cube_take(cube->nvariables);
	memcpy(copy->words, cube->words, words_of(cube->nvariables) * sizeof(uint32_t));
	return copy;
}

static uint32_t literal(const struct cube *cube, uint32_t variable) {
	return cube->words[variable / PER_WORD] >> 2 * (variable % PER_WORD) & 3;
}

static void set_literal(struct cube *cube, uint32_t variable, uint32_t bits) {
	unsigned shift = 2 * (variable % PER_WORD);
	uint32_t *word = &cube->words[variable / PER_WORD];
	*word = (*word & ~(UINT32_C(3) << shift)) | bits << shift;
}

/* Whether no point lies in both: some variable's two bits have nothing in common. */
static bool disjoint(const struct cube *a, const struct cube *b) {
	for (uint32_t i = 0; i < words_of(a->nvariables); i++) {
		uint32_t both = a->words[i] & b->words[i];
		if (~(both | both >> 1) & 0x55555555)
			return true;
	}
	return false;
}

static bool covers(const struct cube *a, const struct cube *b) {
	for (uint32_t i = 0; i < words_of(a->nvariables); i++) {
		if (b->words[i] & ~a->words[i])
			return false;
	}
	return true;
}

static bool is_all(const struct cube *cube) {
	for (uint32_t i = 0; i < words_of(cube->nvariables); i++) {
		if (~cube->words[i])
			return false;
	}
	return true;
}

static void cover_add(struct cover *cover, struct cube *cube) {
	if (cover->count == cover->capacity) {
		cover->capacity = cover->capacity ? 2 * cover->capacity : 4;
		size_t size = cover->capacity * sizeof *cover->cubes;
		cover->cubes = must_have(realloc(cover->cubes, size), size);
		operations++;
	}
	cover->cubes[cover->count++] = cube;
}

static void cover_free(struct cover *cover) {
	for (uint32_t i = 0; i < cover->count; i++)
		cube_put(cover->cubes[i]);
	operations += cover->cubes != NULL;
	free(cover->cubes);
	*cover = (struct cover){0};
}

static void cover_drop(struct cover *cover, uint32_t index) {
	cube_put(cover->cubes[index]);
	cover->cubes[index] = cover->cubes[--cover->count];
}

/* What is left of the cover where the variable has one value. */
static struct cover cofactor(const struct cover *cover, uint32_t variable, uint32_t value) {
	struct cover part = {.nvariables = cover->nvariables};
	for (uint32_t i = 0; i < cover->count; i++) {
		if (!(literal(cover->cubes[i], variable) & value))
			continue;
		struct cube *cube = cube_copy(cover->cubes[i]);
		set_literal(cube, variable, 3);
		cover_add(&part, cube);
	}
	return part;
}

/* The variable on which most cubes set a condition. */
static uint32_t choose_variable(const struct cover *cover) {
	uint32_t best = 0, most = 0;
	for (uint32_t variable = 0; variable < cover->nvariables; variable++) {
		uint32_t conditions = 0;
		for (uint32_t i = 0; i < cover->count; i++)
			conditions += literal(cover->cubes[i], variable) != 3;
		if (conditions > most) {
			best = variable;
			most = conditions;
		}
	}
	return best;
}

static bool has_all(const struct cover *cover) {
	for (uint32_t i = 0; i < cover->count; i++) {
		if (is_all(cover->cubes[i]))
			return true;
	}
	return false;
}

/* Moves the cubes of both halves into one cover: those that are in both need no condition. */
static struct cover merge(struct cover *when_false, struct cover *when_true, uint32_t variable) {
	struct cover whole = {.nvariables = when_false->nvariables};
	for (uint32_t i = 0; i < when_false->count; i++) {
		struct cube *cube = when_false->cubes[i];
		uint32_t same = 0;
		while (same < when_true->count && !covers(when_true->cubes[same], cube))
			same++;
		if (same == when_true->count)
			set_literal(cube, variable, 1);
		else if (covers(cube, when_true->cubes[same]))
			cover_drop(when_true, same);
		else
			set_literal(cube, variable, 1);
		cover_add(&whole, cube);
	}
	for (uint32_t i = 0; i < when_true->count; i++) {
		set_literal(when_true->cubes[i], variable, 2);
		cover_add(&whole, when_true->cubes[i]);
	}
	when_false->count = when_true->count = 0;
	cover_free(when_false);
	cover_free(when_true);
	return whole;
}

static struct cover complement(const struct cover *cover) {
	struct cover result = {.nvariables = cover->nvariables};
	if (!cover->count)
		cover_add(&result, cube_take(cover->nvariables));
	if (!cover->count || has_all(cover))
		return result;
	uint32_t variable = choose_variable(cover);
	struct cover part = cofactor(cover, variable, 1);
	struct cover when_false = complement(&part);
	cover_free(&part);
	part = cofactor(cover, variable, 2);
	struct cover when_true = complement(&part);
	cover_free(&part);
	return merge(&when_false, &when_true, variable);
}

static bool is_tautology(const struct cover *cover) {
	if (!cover->count || has_all(cover))
		return cover->count;
	uint32_t variable = choose_variable(cover);
	bool all = true;
	for (uint32_t value = 1; value <= 2 && all; value++) {
		struct cover part = cofactor(cover, variable, value);
		all = is_tautology(&part);
		cover_free(&part);
	}
	return all;
}

static bool meets(const struct cover *cover, const struct cube *cube) {
	for (uint32_t i = 0; i < cover->count; i++) {
		if (!disjoint(cover->cubes[i], cube))
			return true;
	}
	return false;
}

/* Takes every condition off that the complement allows; then drops the cubes another one covers. */
static void expand(struct cover *cover, const struct cover *off) {
	for (uint32_t i = 0; i < cover->count; i++) {
		for (uint32_t variable = 0; variable < cover->nvariables; variable++) {
			struct cube *larger = cube_copy(cover->cubes[i]);
			set_literal(larger, variable, 3);
			bool fits = !meets(off, larger);
			cube_put(fits ? cover->cubes[i] : larger);
			cover->cubes[i] = fits ? larger : cover->cubes[i];
		}
	}
	for (uint32_t i = 0; i < cover->count; i++) {
		for (uint32_t other = cover->count; other-- > 0;) {
			if (other != i && covers(cover->cubes[i], cover->cubes[other])) {
				cover_drop(cover, other);
				i = i == cover->count ? other : i;
			}
		}
	}
}

/* Whether the other cubes together cover this one: their cofactor by it is a tautology. */
static bool is_redundant(const struct cover *cover, uint32_t index) {
	const struct cube *cube = cover->cubes[index];
	struct cover rest = {.nvariables = cover->nvariables};
	for (uint32_t i = 0; i < cover->count; i++) {
		if (i == index || disjoint(cover->cubes[i], cube))
			continue;
		struct cube *part = cube_copy(cover->cubes[i]);
		for (uint32_t word = 0; word < words_of(cover->nvariables); word++)
			part->words[word] |= ~cube->words[word];
		cover_add(&rest, part);
	}
	bool redundant = is_tautology(&rest);
	cover_free(&rest);
	return redundant;
}

static struct cover random_cover(struct rng *rng) {
	struct cover cover = {.nvariables = rng_between(rng, LEAST_VARIABLES, MOST_VARIABLES)};
	for (unsigned i = 0; i < CUBES; i++) {
		struct cube *cube = cube_take(cover.nvariables);
		for (unsigned at = 0; at < LITERALS; at++) /* low variables are the more frequent */
			set_literal(cube, rng_below(rng, 1 + rng_below(rng, cover.nvariables)),
			            rng_between(rng, 1, 2));
		cover_add(&cover, cube);
	}
	return cover;
}

static void verify(struct rng *rng, const struct cover *given, const struct cover *off,
                   const struct cover *minimal) {
	for (unsigned i = 0; i < POINTS; i++) {
		struct cube *point = cube_take(given->nvariables);
		for (uint32_t variable = 0; variable < given->nvariables; variable++)
			set_literal(point, variable, rng_between(rng, 1, 2));
		bool value = meets(given, point);
		if (meets(off, point) == value || meets(minimal, point) != value)
			bench_fail("the minimised function differs from the given one");
		cube_put(point);
	}
}

static void work(struct worker *worker) {
	uint64_t functions = bench_scaled(worker->bench, FUNCTIONS);
	for (uint64_t i = 0; i < functions; i++) {
		struct cover given = random_cover(&worker->rng), minimal = {.nvariables = given.nvariables};
		struct cover off = complement(&given);
		for (uint32_t at = 0; at < given.count; at++)
			cover_add(&minimal, cube_copy(given.cubes[at]));
		expand(&minimal, &off);
		for (uint32_t at = minimal.count; at-- > 0;) {
			if (is_redundant(&minimal, at))
				cover_drop(&minimal, at);
		}
		verify(&worker->rng, &given, &off, &minimal);
		cover_free(&given);
		cover_free(&off);
		cover_free(&minimal);
	}
	worker->operations = operations;
}

int main(int argc, char **argv) {
	static const struct workload self = {
	        .name = "espresso",
	        .describe =
	                "minimising Boolean functions: many small bit vectors (after espresso, Brayton et "
	                "al. 1984, in Zorn & Grunwald's allocation studies)",
	        .threads = 1,
	};
	return bench_main(&self, argc, argv, work);
}
