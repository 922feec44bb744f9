/* SPDX-License-Identifier: MIT
 *
 * Proofs of calls that set an extended attribute of a private directory, or take its default list
 * away. What a file system, its server or a security module makes of an attribute depends on its name
 * and on its value, so an equal one has to have been set on that mount by a plain call.
 *
 *   EOPNOTSUPP, EINVAL, ERANGE, E2BIG, EROFS   name and value were taken before
 *   EPERM, EACCES      the directory is ours, and we may write in it
 *   EEXIST, ENODATA    asked for neither, and of a default list neither libacl nor a kernel's own file
 *                      system says that there was none; where a daemon does, it is gone, as asked
 *   ENOSPC, EDQUOT     the file system has room, and a directory took as many bytes of them before
 */
#include "behind/private.h"

#include <string.h>

#include "over/over.h"

enum {
	OWNER_WRITES = 0200,
	BYTES_MOST = 65536, /* of one attribute (xattr(7)); */
	BYTES_UNKNOWN = 1 << 30,
};

static bool name_read(struct xattr *xattr, const char *from)
{
	char name[PATH_MAX];

	if (!path_read(from, name) || strlen(name) >= XATTR_NAME)
		return false;
	memcpy(xattr->name, name, strlen(name) + 1);
	return true;
}

static bool value_read(struct xattr *xattr, const long *arg)
{
	if (arg[4] || arg[3] < 0 || arg[3] > XATTR_VALUE)
		return false;
	xattr->size = (uint32_t)arg[3];
	return !xattr->size || program_read((const void *)arg[2], xattr->value, xattr->size);
}

/* Other names are of modules and daemons, which may do anything with them. */
static bool name_common(const struct xattr *xattr)
{
	if (xattr->removes)
		return !strcmp(xattr->name, "system.posix_acl_default");
	return !strcmp(xattr->name, "system.posix_acl_access") || !strncmp(xattr->name, "user.", 5);
}

bool xattr_read(struct xattr *xattr, enum op op, const long *arg)
{
	enum attribute_sets sets = attribute_call_of(op)->sets;

	xattr->removes = sets == SETS_NO_XATTR;
	xattr->size = 0;
	return (sets == SETS_XATTR || xattr->removes) && PATH(arg[1]) && name_read(xattr, PATH(arg[1])) &&
	       name_common(xattr) && (xattr->removes || value_read(xattr, arg));
}

/* ---- how many bytes a directory has of them ---- */

static size_t xattr_size(const struct xattr *xattr)
{
	return strlen(xattr->name) + xattr->size;
}

void xattr_count(struct dir *dir, const struct xattr *xattr)
{
	dir->xattr_bytes = xattr ? dir->xattr_bytes + xattr_size(xattr) : BYTES_UNKNOWN;
}

/* ---- what is proven ---- */

static bool xattr_named(const struct xattr_proof *proof, uint64_t mount, const struct xattr *xattr)
{
	return (proof->proven || proof->refused) && proof->mount == mount &&
	       proof->xattr.removes == xattr->removes && !strcmp(proof->xattr.name, xattr->name);
}

static bool xattr_equals(const struct xattr_proof *proof, const struct xattr *xattr)
{
	return proof->xattr.size == xattr->size &&
	       !memcmp(proof->xattr.value, xattr->value, xattr->size);
}

/* The proof of an equal one; null too where one of that name was refused. */
static struct xattr_proof *proof_find(struct behind *behind, uint64_t mount,
				      const struct xattr *xattr)
{
	struct xattr_proof *found = NULL;

	for (int i = 0; i < BEHIND_XATTRS; i++) {
		struct xattr_proof *proof = &behind->xattrs[i];

		if (!xattr_named(proof, mount, xattr))
			continue;
		if (proof->refused)
			return NULL;
		if (xattr_equals(proof, xattr))
			found = proof;
	}
	return found;
}

struct xattr_proof *xattr_proven(struct behind *behind, const struct dir *dir,
				 const struct xattr *xattr, const struct statx *statx)
{
	struct mount *mount;

	if (behind->failed || behind->xattrs_full || statx->stx_uid != behind->uid ||
	    !(statx->stx_mode & OWNER_WRITES) || !wanted_reaches(dir))
		return NULL;
	mount = mount_of(behind, dir);
	if (mount->by_file)
		return NULL;
	if (!xattr->removes && (dir->xattr_bytes + xattr_size(xattr) > mount->xattr_bytes ||
				!space_left(behind, dir, mount)))
		return NULL;
	return proof_find(behind, dir->mount, xattr);
}

/* A place for another one, or null: refusals are not forgotten, and what is read stays. */
static struct xattr_proof *proof_room(struct behind *behind)
{
	for (int i = 0; i < BEHIND_XATTRS; i++) {
		struct xattr_proof *proof = &behind->xattrs[behind->xattrs_next++ % BEHIND_XATTRS];

		if (!proof->held && !proof->refused)
			return proof;
	}
	return NULL;
}

void xattr_learn(struct behind *behind, const struct dir *dir, uint64_t mount_id,
		 const struct xattr *xattr, bool success)
{
	struct mount *mount = mount_find(behind, mount_id);
	struct xattr_proof *proof;

	if (success && dir && mount && dir->xattr_bytes > mount->xattr_bytes &&
	    dir->xattr_bytes <= BYTES_MOST)
		mount->xattr_bytes = dir->xattr_bytes;
	if (success && proof_find(behind, mount_id, xattr))
		return;
	proof = proof_room(behind);
	if (!proof) {
		behind->xattrs_full |= !success;
		return;
	}
	proof->xattr = *xattr;
	proof->mount = mount_id;
	proof->proven = success;
	proof->refused = !success;
}
