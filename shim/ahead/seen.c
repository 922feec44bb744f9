/* SPDX-License-Identifier: MIT
 *
 * What the program has seen of a file is never taken back: an answer from before its last look at the
 * same inode, by another path, another call or another answer, is not served. Others may have changed
 * the file in between, and a size that shrinks or a time that goes back is more than an old answer.
 */
#include "ahead/private.h"

void seen_note(struct ahead *ahead, uint64_t ino)
{
	struct seen *seen = &ahead->seen[ahead->seen_count++ % AHEAD_SEEN];

	seen->ino = ino;
	seen->ns = clock_ns();
}

bool seen_since(const struct ahead *ahead, uint64_t ino, uint64_t ns)
{
	uint64_t at = ahead->seen_count;
	uint64_t first = at > AHEAD_SEEN ? at - AHEAD_SEEN : 0;

	while (at-- > first) {
		const struct seen *seen = &ahead->seen[at % AHEAD_SEEN];

		if (seen->ns < ns)
			return false;
		if (seen->ino == ino)
			return true;
	}
	return first > 0; /* further back than is remembered */
}
