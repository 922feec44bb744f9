/* SPDX-License-Identifier: MIT
 *
 * Sweeps: names added, found and walked in any order, beside a list of them.
 */
#include "fuzz.h"

#include <dirent.h>
#include <string.h>

#include "walk/sweep.h"

enum {
	NAMES_MOST = 400,
	NAME_MOST = 40,
};

static char names[NAMES_MOST][NAME_MOST + 1];
static uint32_t count;
static struct sweep sweep, other;
static size_t total;

static uint32_t model_find(const char *name)
{
	for (uint32_t i = 0; i < count; i++)
		if (!strcmp(names[i], name))
			return i;
	return SWEEP_NONE;
}

static void name_add(struct input *input)
{
	size_t length;

	if (count == NAMES_MOST)
		return;
	length = input_text(input, names[count], NAME_MOST);
	if (!length || model_find(names[count]) != SWEEP_NONE)
		return;
	PROMISE(sweep_add(&sweep, names[count], length, input_byte(input) % 16, DT_REG));
	count++;
	PROMISE(sweep.count == count);
}

static void name_find(struct input *input)
{
	char name[NAME_MOST + 1];
	size_t length = input_text(input, name, NAME_MOST);

	PROMISE(sweep_find(&sweep, name, length) == model_find(name));
}

/* Places and entries are each other's inverse, whatever the order in force. */
static void order_promises(void)
{
	for (uint32_t place = 0; place < count; place++) {
		uint32_t entry = sweep_at(&sweep, place);

		PROMISE(entry < count && sweep_place(&sweep, entry) == place);
	}
}

static void walk_step(struct input *input)
{
	uint32_t entry, last = sweep.last, at;
	bool follows;

	if (!count)
		return;
	entry = input_byte(input) * UINT32_C(7) % count;
	at = sweep_follow(&sweep, entry, last, &follows);
	PROMISE(at < count && sweep_at(&sweep, at) == entry);
	if (follows && last != SWEEP_NONE)
		PROMISE(at > 0);
	sweep.last = at;
	order_promises();
}

/* A second directory, with some of the names, whose order the first one takes. */
static void pair(struct input *input)
{
	sweep_begin(&other, &total);
	for (uint32_t i = 0; i < count; i++) {
		uint32_t chosen = input_byte(input) % count;

		if (sweep_find(&other, names[chosen], strlen(names[chosen])) == SWEEP_NONE)
			PROMISE(sweep_add(&other, names[chosen], strlen(names[chosen]), 0, DT_REG));
	}
	sweep_pair(&sweep, &other);
	order_promises();
	sweep_end(&other);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, size};

	count = 0;
	sweep_begin(&sweep, &total);
	while (input.size)
		switch (input_byte(&input) % 8) {
		case 0:
		case 1:
		case 2:
		case 3:
			name_add(&input);
			break;
		case 4:
			name_find(&input);
			break;
		case 5:
		case 6:
			walk_step(&input);
			break;
		case 7:
			if (count)
				pair(&input);
			break;
		}
	for (uint32_t i = 0; i < count; i++)
		PROMISE(!strcmp(sweep_name(&sweep, i), names[i]));
	sweep_end(&sweep);
	PROMISE(!total);
	return 0;
}
