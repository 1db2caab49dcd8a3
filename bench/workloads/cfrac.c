/*
 * cfrac.c: factors numbers by continued fractions (Morrison & Brillhart 1975), on numbers of any length.
 *
 * 1. Every number is a block; every operation makes a new one: blocks of 8 to 30 bytes, most of which live
 *    for a few operations. The relations found live until the number is factored.
 * 2. With A and Q of the expansion of sqrt(k n): A[i]^2 = (-1)^(i+1) Q[i+1] mod n. Relations whose Q has
 *    small primes only are multiplied so that every exponent is even: X^2 = Y^2 mod n, gcd(X - Y, n).
 * 3. BASE primes and the sign are bits of one word, and so are RELATIONS relations.
 */
#include "common.h"

enum { BASE = 50, RELATIONS = 60, NUMBERS = 120, PRIME_BITS = 32, EXPANSIONS = 400000 };

_Static_assert(BASE<64 && RELATIONS <= 64 && RELATIONS> BASE + 1, "sets of them are words");

struct number {
	uint32_t length;  /* in limbs; the last one is not zero */
	uint32_t limbs[]; /* the least first */
};

static __thread uint64_t operations;

static struct number *number_take(uint32_t length) {
	operations++;
	size_t size = sizeof(struct number) + length * sizeof(uint32_t);
	struct number *number = must_malloc(size);
	memset(number, 0, size);
	number->length = length;
	return number;
}

static void number_put(struct number *number) {
	operations += number != NULL;
	free(number);
}

static struct number *trimmed(struct number *number) {
	while (number->length && !number->limbs[number->length - 1])
		number->length--;
	return number;
}

static struct number *number_of(uint64_t value) {
	struct number *number = number_take(2);
	number->limbs[0] = (uint32_t)value;
	number->limbs[1] = (uint32_t)(value >> 32);
	return trimmed(number);
}

/* The lower 64 bits. */
static uint64_t low_bits(const struct number *a) {
	return (a->length > 0 ? a->limbs[0] : 0) | (a->length > 1 ? (uint64_t)a->limbs[1] << 32 : 0);
}

static int compare(const struct number *a, const struct number *b) {
	if (a->length != b->length)
		return a->length < b->length ? -1 : 1;
	for (uint32_t i = a->length; i-- > 0;) {
		if (a->limbs[i] != b->limbs[i])
			return a->limbs[i] < b->limbs[i] ? -1 : 1;
	}
	return 0;
}

static struct number *add(const struct number *a, const struct number *b) {
	const struct number *longer = a->length >= b->length ? a : b, *shorter = longer == a ? b : a;
	struct number *sum = number_take(longer->length + 1);
	uint64_t carry = 0;
	for (uint32_t i = 0; i < sum->length; i++) {
		carry += (i < longer->length ? longer->limbs[i] : 0);
		carry += (i < shorter->length ? shorter->limbs[i] : 0);
		sum->limbs[i] = (uint32_t)carry;
		carry >>= 32;
	}
	return trimmed(sum);
}

/* a - b, where a is not less. */
static struct number *subtract(const struct number *a, const struct number *b) {
	struct number *difference = number_take(a->length);
	uint64_t borrow = 0;
	for (uint32_t i = 0; i < a->length; i++) {
		uint64_t limb = (uint64_t)a->limbs[i] - (i < b->length ? b->limbs[i] : 0) - borrow;
		difference->limbs[i] = (uint32_t)limb;
		borrow = limb >> 63;
	}
	return trimmed(difference);
}

static struct number *multiply(const struct number *a, const struct number *b) {
	struct number *product = number_take(a->length + b->length);
	for (uint32_t i = 0; i < a->length; i++) {
		uint64_t carry = 0;
		for (uint32_t j = 0; j < b->length; j++) {
			carry += (uint64_t)a->limbs[i] * b->limbs[j] + product->limbs[i + j];
			product->limbs[i + j] = (uint32_t)carry;
			carry >>= 32;
		}
		product->limbs[i + b->length] = (uint32_t)carry;
	}
	return trimmed(product);
}

static struct number *divide_small(const struct number *a, uint32_t divisor, uint32_t *rest) {
	struct number *quotient = number_take(a->length);
	uint64_t value = 0;
	for (uint32_t i = a->length; i-- > 0;) {
		value = value << 32 | a->limbs[i];
		quotient->limbs[i] = (uint32_t)(value / divisor);
		value %= divisor;
	}
	*rest = (uint32_t)value;
	return trimmed(quotient);
}

/* a shifted left by less than 32 bits, with one limb to spare. */
static struct number *shifted(const struct number *a, unsigned bits) {
	struct number *result = number_take(a->length + 1);
	for (uint32_t i = 0; i < a->length; i++) {
		uint64_t wide = (uint64_t)a->limbs[i] << bits;
		result->limbs[i] |= (uint32_t)wide;
		result->limbs[i + 1] = (uint32_t)(wide >> 32);
	}
	return result;
}

/* Takes digit times b from the limbs at u; true if that was too much, and it was given back once. */
static bool take_multiple(uint32_t *u, const struct number *b, uint32_t length, uint64_t digit) {
	uint64_t borrow = 0, carry = 0;
	for (uint32_t i = 0; i <= length; i++) {
		carry += i < length ? digit * b->limbs[i] : 0;
		uint64_t limb = (uint64_t)u[i] - (uint32_t)carry - borrow;
		u[i] = (uint32_t)limb;
		borrow = limb >> 63;
		carry >>= 32;
	}
	if (!borrow)
		return false;
	for (uint32_t i = 0; i <= length; i++) {
		carry += (uint64_t)u[i] + (i < length ? b->limbs[i] : 0);
		u[i] = (uint32_t)carry;
		carry >>= 32;
	}
	return true;
}

/* Knuth, The Art of Computer Programming 2, 4.3.1, algorithm D. The rest only if asked for. */
static struct number *divide(const struct number *a, const struct number *b, struct number **rest) {
	uint32_t length = b->length, small;
	if (length == 1 || compare(a, b) < 0) {
		struct number *quotient = length == 1 ? divide_small(a, b->limbs[0], &small) : number_of(0);
		if (rest)
			*rest = length == 1 ? number_of(small) : add(a, quotient);
		return quotient;
	}
	unsigned bits = (unsigned)__builtin_clz(b->limbs[length - 1]);
	struct number *u = shifted(a, bits), *v = shifted(b, bits);
	struct number *quotient = number_take(a->length - length + 1);
	for (uint32_t at = quotient->length; at-- > 0;) {
		uint64_t top = (uint64_t)u->limbs[at + length] << 32 | u->limbs[at + length - 1];
		uint64_t digit = top / v->limbs[length - 1], left = top % v->limbs[length - 1];
		while (digit >> 32 ||
		       digit * v->limbs[length - 2] > (left << 32 | u->limbs[at + length - 2])) {
			digit--;
			left += v->limbs[length - 1];
			if (left >> 32)
				break;
		}
		digit -= take_multiple(u->limbs + at, v, length, digit);
		quotient->limbs[at] = (uint32_t)digit;
	}
	if (rest) {
		uint32_t shift = 1u << bits;
		*rest = divide_small(trimmed(u), shift, &small);
	}
	number_put(u);
	number_put(v);
	return trimmed(quotient);
}

static struct number *modulo(struct number *a, const struct number *n) {
	struct number *rest;
	number_put(divide(a, n, &rest));
	number_put(a);
	return rest;
}

/* Replaces a number by what was made of it. */
static void assign(struct number **a, struct number *value) {
	number_put(*a);
	*a = value;
}

/* The integral square root, by Newton's iteration from above. */
static struct number *square_root(const struct number *n) {
	struct number *root = number_take(n->length / 2 + 2);
	root->limbs[root->length - 1] = 1;
	for (;;) {
		struct number *quotient = divide(n, root, NULL), *sum = add(root, quotient);
		uint32_t odd;
		struct number *next = divide_small(sum, 2, &odd);
		number_put(quotient);
		number_put(sum);
		if (compare(next, root) >= 0) {
			number_put(next);
			return root;
		}
		assign(&root, next);
	}
}

static struct number *greatest_divisor(const struct number *a, const struct number *b) {
	struct number *zero = number_of(0), *x = add(a, zero), *y = add(b, zero);
	while (y->length) {
		struct number *rest = modulo(x, y);
		x = y;
		y = rest;
	}
	number_put(y);
	number_put(zero);
	return x;
}

struct relation {
	struct number *a;
	uint64_t odd;  /* bit 0: the sign; bit i + 1: base prime i has an odd exponent */
	uint64_t made; /* of which relations, while rows are added up */
	uint8_t exponents[BASE];
};

struct sieve {
	const struct number *n;
	struct number *kn;
	uint32_t base[BASE];
	uint32_t found;
	struct relation relations[RELATIONS];
};

static bool is_prime(uint64_t candidate) {
	for (uint64_t divisor = 2; divisor * divisor <= candidate; divisor++) {
		if (candidate % divisor == 0)
			return false;
	}
	return true;
}

/* Euler's criterion: whether n is a square modulo an odd prime, or divisible by it. */
static bool is_residue(uint64_t n, uint32_t prime) {
	uint64_t power = 1, square = n % prime;
	for (uint32_t exponent = (prime - 1) / 2; exponent; exponent /= 2) {
		if (exponent & 1)
			power = power * square % prime;
		square = square * square % prime;
	}
	return n % prime == 0 || power == 1;
}

static void choose_base(struct sieve *sieve) {
	sieve->base[0] = 2;
	for (uint32_t count = 1, prime = 3; count < BASE; prime += 2) {
		uint32_t rest;
		number_put(divide_small(sieve->kn, prime, &rest));
		if (is_prime(prime) && is_residue(rest, prime))
			sieve->base[count++] = prime;
	}
}

/* Keeps a relation if q has no primes but the base's. Each trial division makes a number. */
static void try_relation(struct sieve *sieve, const struct number *a, const struct number *q, bool negative) {
	struct relation relation = {.odd = negative};
	struct number *zero = number_of(0), *left = add(q, zero);
	for (unsigned i = 0; i < BASE; i++) {
		uint32_t rest = 0;
		while (rest == 0) {
			struct number *quotient = divide_small(left, sieve->base[i], &rest);
			if (rest == 0) {
				relation.exponents[i]++;
				relation.odd ^= UINT64_C(2) << i;
				assign(&left, quotient);
			} else {
				number_put(quotient);
			}
		}
	}
	if (left->length == 1 && left->limbs[0] == 1) {
		relation.a = add(a, zero);
		relation.made = UINT64_C(1) << sieve->found;
		sieve->relations[sieve->found++] = relation;
	}
	number_put(left);
	number_put(zero);
}

/* State of the expansion: p and q as usual; a and before, the last two numerators modulo n. */
struct expansion {
	struct number *root, *p, *q, *term, *a, *before;
};

static void expand(const struct sieve *sieve, struct expansion *e) {
	struct number *product = multiply(e->term, e->q);
	assign(&e->p, subtract(product, e->p));
	assign(&product, multiply(e->p, e->p));
	struct number *difference = subtract(sieve->kn, product);
	assign(&e->q, divide(difference, e->q, NULL));
	assign(&difference, add(e->root, e->p));
	assign(&e->term, divide(difference, e->q, NULL));
	number_put(difference);
	number_put(product);
}

static void advance(const struct sieve *sieve, struct expansion *e) {
	struct number *product = multiply(e->term, e->a);
	struct number *next = modulo(add(product, e->before), sieve->n);
	number_put(product);
	number_put(e->before);
	e->before = e->a;
	e->a = next;
}

/* False if the expansion is periodic before there are enough relations. */
static bool collect(struct sieve *sieve) {
	struct expansion e = {.root = square_root(sieve->kn), .q = number_of(1), .p = number_of(0)};
	struct number *zero = number_of(0);
	e.term = add(e.root, zero);
	e.before = number_of(1);
	e.a = add(e.root, zero);
	bool periodic = false;
	for (unsigned i = 0; i < EXPANSIONS && !periodic && sieve->found < RELATIONS; i++) {
		expand(sieve, &e);
		periodic = e.q->length == 1 && e.q->limbs[0] == 1;
		try_relation(sieve, e.a, e.q, i % 2 == 0);
		advance(sieve, &e);
	}
	struct number *all[] = {e.root, e.p, e.q, e.term, e.a, e.before, zero};
	for (unsigned i = 0; i < sizeof all / sizeof *all; i++)
		number_put(all[i]);
	return sieve->found == RELATIONS;
}

/* gcd(X - Y, n) of a set of relations whose product is a square. */
static struct number *split(const struct sieve *sieve, uint64_t set) {
	struct number *x = number_of(1), *y = number_of(1);
	unsigned exponents[BASE] = {0};
	for (unsigned i = 0; i < RELATIONS; i++) {
		if (!(set >> i & 1))
			continue;
		assign(&x, modulo(multiply(x, sieve->relations[i].a), sieve->n));
		for (unsigned prime = 0; prime < BASE; prime++)
			exponents[prime] += sieve->relations[i].exponents[prime];
	}
	for (unsigned prime = 0; prime < BASE; prime++) {
		struct number *factor = number_of(sieve->base[prime]);
		for (unsigned i = 0; i < exponents[prime] / 2; i++)
			assign(&y, modulo(multiply(y, factor), sieve->n));
		number_put(factor);
	}
	struct number *difference = compare(x, y) >= 0 ? subtract(x, y) : subtract(y, x);
	struct number *divisor = greatest_divisor(difference, sieve->n);
	number_put(x);
	number_put(y);
	number_put(difference);
	return divisor;
}

/* Gaussian elimination modulo 2; each row that vanishes is a chance. NULL: none was one. */
static struct number *combine(struct sieve *sieve) {
	for (unsigned i = 0; i < RELATIONS; i++) {
		struct relation *row = &sieve->relations[i];
		for (unsigned before = 0; before < i; before++) {
			const struct relation *other = &sieve->relations[before];
			if (other->odd && row->odd >> __builtin_ctzll(other->odd) & 1) {
				row->odd ^= other->odd;
				row->made ^= other->made;
			}
		}
		if (row->odd)
			continue;
		struct number *divisor = split(sieve, row->made);
		if (compare(divisor, sieve->n) && !(divisor->length == 1 && divisor->limbs[0] == 1))
			return divisor;
		number_put(divisor);
	}
	return NULL;
}

static struct number *factor(const struct number *n) {
	for (uint32_t multiplier = 1; multiplier < 1000; multiplier += 2) {
		struct sieve sieve = {.n = n};
		struct number *k = number_of(multiplier), *divisor = NULL;
		sieve.kn = multiply(n, k);
		choose_base(&sieve);
		if (collect(&sieve))
			divisor = combine(&sieve);
		for (unsigned i = 0; i < sieve.found; i++)
			number_put(sieve.relations[i].a);
		number_put(sieve.kn);
		number_put(k);
		if (divisor)
			return divisor;
	}
	bench_fail("a number was not factored");
}

static uint64_t random_prime(struct rng *rng) {
	uint64_t candidate = (UINT64_C(1) << PRIME_BITS) + rng_next(rng);
	for (candidate |= 1; !is_prime(candidate);)
		candidate += 2;
	return candidate;
}

static void work(struct worker *worker) {
	uint64_t count = bench_scaled(worker->bench, NUMBERS);
	for (uint64_t i = 0; i < count; i++) {
		uint64_t p = random_prime(&worker->rng), q = random_prime(&worker->rng);
		struct number *first = number_of(p), *second = number_of(q), *n = multiply(first, second);
		struct number *divisor = factor(n);
		if (low_bits(divisor) != p && low_bits(divisor) != q)
			bench_fail("%llu is not a factor of %llu times %llu",
			           (unsigned long long)low_bits(divisor), (unsigned long long)p,
			           (unsigned long long)q);
		number_put(first);
		number_put(second);
		number_put(n);
		number_put(divisor);
	}
	worker->operations = operations;
}

int main(int argc, char **argv) {
	static const struct workload self = {
	        .name = "cfrac",
	        .describe =
	                "factoring by continued fractions: many tiny short-lived blocks (after the cfrac of "
	                "Zorn & Grunwald's allocation studies, 1992)",
	        .threads = 1,
	};
	return bench_main(&self, argc, argv, work);
}
