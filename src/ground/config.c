/* config.c (level 1): see config.h. */
#include "ground/config.h"

#include <string.h>

#define VARIABLE "BUDDYMALLOC_CONF"

#ifndef BM_HARDENED
#define BM_HARDENED 0
#endif

struct config config = {.stats = 0, .huge_pages = true, .hold = 6, .hardened = BM_HARDENED};

/* A copy of text[0 … length) for a message: it ends with a NUL, and is cut where the array is
 * full. */
struct word {
	char text[64];
};

static struct word word_from(const char *text, size_t length) {
	struct word word = {.text = ""};
	memcpy(word.text, text, min_size(length, sizeof word.text - 1));
	return word;
}

static bool is_word(const char *text, size_t length, const char *word) {
	return strlen(word) == length && memcmp(text, word, length) == 0;
}

/* Reads a number of digits alone, at most `limit`. */
static bool read_number(const char *text, size_t length, size_t limit, size_t *value) {
	size_t number = 0;
	for (size_t i = 0; i < length; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		number = number * 10 + (size_t)(text[i] - '0');
		if (number > limit)
			return false;
	}
	*value = number;
	return length > 0;
}

static bool read_switch(const char *text, size_t length, bool *value) {
	size_t number;
	if (!read_number(text, length, 1, &number))
		return false;
	*value = number;
	return true;
}

static bool read_mode(const char *text, size_t length) {
	config.hardened = is_word(text, length, "hardened");
	return config.hardened || is_word(text, length, "normal");
}

/* Reads one "option:value" of `length` bytes. */
static void read_option(const char *text, size_t length) {
	const char *colon = memchr(text, ':', length);
	size_t name = colon ? (size_t)(colon - text) : length;
	const char *value = colon ? colon + 1 : text + length;
	size_t value_length = (size_t)(text + length - value);
	bool good;
	if (is_word(text, name, "stats"))
		good = read_number(value, value_length, INT32_MAX, &config.stats);
	else if (is_word(text, name, "huge_pages"))
		good = read_switch(value, value_length, &config.huge_pages);
	else if (is_word(text, name, "debug"))
		good = read_switch(value, value_length, &config.debug);
	else if (is_word(text, name, "deepbind"))
		good = read_switch(value, value_length, &config.deepbind);
	else if (is_word(text, name, "mode"))
		good = read_mode(value, value_length);
	else if (is_word(text, name, "hold"))
		good = read_number(value, value_length, 1000, &config.hold);
	else {
		say(VARIABLE ": unknown option \"%s\", ignored", word_from(text, name).text);
		return;
	}
	if (!good)
		say(VARIABLE ": bad value in \"%s\", ignored", word_from(text, length).text);
}

void config_read(const char *text) {
	while (text && *text) {
		size_t length = strcspn(text, ",");
		if (length)
			read_option(text, length);
		text += length + (text[length] == ',');
	}
}
