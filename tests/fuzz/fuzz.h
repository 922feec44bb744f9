/* SPDX-License-Identifier: MIT
 *
 * fuzz: what the fuzz targets share. Each target takes bytes, as libFuzzer's targets do
 * (https://llvm.org/docs/LibFuzzer.html), drives one module with them beside a simple model, and stops
 * the process where the two differ.
 */
#ifndef USHIM_FUZZ_H
#define USHIM_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Must hold for every input. */
#define PROMISE(condition)                                                                         \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "%s:%d: broken: %s\n", __FILE__, __LINE__, #condition);    \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

/* The input, read from its beginning; zeros behind its end. */
struct input {
	const uint8_t *data;
	size_t size;
};

static inline uint8_t input_byte(struct input *input)
{
	if (!input->size)
		return 0;
	input->size--;
	return *input->data++;
}

/* Takes up to MOST bytes as a string without a zero in it; TEXT has room for MOST + 1. */
static inline size_t input_text(struct input *input, char *text, size_t most)
{
	size_t length = input_byte(input) % (most + 1), used = 0;

	while (used < length && input->size) {
		uint8_t byte = input_byte(input);

		if (byte)
			text[used++] = (char)byte;
	}
	text[used] = '\0';
	return used;
}

#endif
