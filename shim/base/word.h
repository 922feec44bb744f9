/* SPDX-License-Identifier: MIT
 *
 * word: a number of 32 bits that several threads of one process see at once. All agree on the order in which
 * words changed (sequential consistency).
 */
#ifndef USHIM_WORD_H
#define USHIM_WORD_H

#include <stdbool.h>
#include <stdint.h>

#define WORD_INLINE static inline __attribute__((always_inline))

WORD_INLINE uint32_t word_load(const uint32_t *word)
{
	return __atomic_load_n(word, __ATOMIC_SEQ_CST);
}

WORD_INLINE void word_store(uint32_t *word, uint32_t value)
{
	__atomic_store_n(word, value, __ATOMIC_SEQ_CST);
}

/* The sum. */
WORD_INLINE uint32_t word_add(uint32_t *word, int by)
{
	return __atomic_add_fetch(word, (uint32_t)by, __ATOMIC_SEQ_CST);
}

/* What was there. */
WORD_INLINE uint32_t word_exchange(uint32_t *word, uint32_t value)
{
	return __atomic_exchange_n(word, value, __ATOMIC_SEQ_CST);
}

/* Makes it TO if it is *FROM; else *FROM is what it is. */
WORD_INLINE bool word_swap(uint32_t *word, uint32_t *from, uint32_t to)
{
	return __atomic_compare_exchange_n(word, from, to, false, __ATOMIC_SEQ_CST,
					   __ATOMIC_SEQ_CST);
}

#endif
