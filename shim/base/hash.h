/* SPDX-License-Identifier: MIT
 *
 * hash: the FNV-1a hash of 64 bits, byte after byte
 * (http://www.isthe.com/chongo/tech/comp/fnv/). It keeps names apart that come by accident, not those
 * that somebody has chosen to collide.
 */
#ifndef USHIM_HASH_H
#define USHIM_HASH_H

#include <stdint.h>

#define HASH_BEGIN UINT64_C(14695981039346656037)

static inline uint64_t hash_byte(uint64_t hash, unsigned char byte)
{
	return (hash ^ byte) * UINT64_C(1099511628211);
}

#endif
