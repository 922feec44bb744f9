/* SPDX-License-Identifier: MIT
 *
 * Symbols are looked up in the GNU hash tables of the loaded objects, one symbol at its first
 * use. dlsym would do the same, but
 *  - it takes the loader's lock: a signal handler or another thread's slow dlopen would hold
 *    up a plain close();
 *  - it clears the state dlerror() reports, behind the program's back;
 *  - binding all symbols at once with it was measured at 190 µs for 700 of them (glibc 2.36),
 *    several times what mapping this library costs, in every process that starts.
 * Objects that are there when the program starts are never unloaded (ld.so keeps them), so the
 * walk needs no lock; which is the last of them is seen before there are threads that could be
 * loading more (real_begin).
 *
 * dlsym serves as the second way, for a loaded object without a GNU hash table.
 */
#include "process/real.h"

#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <link.h>
#include <stdbool.h>
#include <stddef.h>

void *ushim_real[SYM_COUNT] __attribute__((visibility("hidden")));

extern struct r_debug _r_debug __attribute__((weak));

struct object {
	ElfW(Addr) base;
	const ElfW(Sym) *symbols;
	const char *strings;
	const uint32_t *hash;
	const uint16_t *versions; /* null where the object has none */
	const char *soname;       /* the same */
};

enum {
	VERSION_HIDDEN = 0x8000, /* not the default version of its name (gABI, VERSYM_HIDDEN) */
};

static long real_missing(void)
{
	errno = ENOSYS;
	return -1;
}

/* ld.so relocates most of the dynamic section in place; the vDSO's is left as offsets. */
static const void *object_pointer(const struct link_map *map, ElfW(Addr) value)
{
	return (const void *)(value < map->l_addr ? map->l_addr + value : value);
}

static bool object_read(struct object *object, const struct link_map *map)
{
	uint64_t soname = 0;

	*object = (struct object){.base = map->l_addr};
	for (const ElfW(Dyn) *dyn = map->l_ld; dyn && dyn->d_tag != DT_NULL; dyn++) {
		const void *pointer = object_pointer(map, dyn->d_un.d_ptr);

		switch (dyn->d_tag) {
		case DT_SYMTAB: object->symbols = pointer; break;
		case DT_STRTAB: object->strings = pointer; break;
		case DT_GNU_HASH: object->hash = pointer; break;
		case DT_VERSYM: object->versions = pointer; break;
		case DT_SONAME: soname = dyn->d_un.d_val; break;
		default: break;
		}
	}
	if (soname && object->strings)
		object->soname = object->strings + soname;
	return object->symbols && object->strings && object->hash;
}

static uint32_t gnu_hash(const char *name)
{
	uint32_t hash = 5381;

	for (; *name; name++)
		hash = hash * 33 + (unsigned char)*name;
	return hash;
}

static bool name_equal(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

static bool symbol_usable(const ElfW(Sym) *symbol)
{
	unsigned type = ELF64_ST_TYPE(symbol->st_info);

	return symbol->st_shndx != SHN_UNDEF && symbol->st_value != 0 &&
	       (type == STT_FUNC || type == STT_NOTYPE || type == STT_GNU_IFUNC);
}

/*
 * The default version of NAME, or the last HIDDEN one. Layout of the table:
 * https://flapenguin.me/elf-dt-gnu-hash
 */
static const ElfW(Sym) *object_symbol(const struct object *object, const char *name, uint32_t hash,
				      bool hidden)
{
	uint32_t buckets = object->hash[0], first = object->hash[1], words = object->hash[2];
	uint32_t shift = object->hash[3];
	const ElfW(Addr) *bloom = (const ElfW(Addr) *)&object->hash[4];
	const uint32_t *bucket = (const uint32_t *)&bloom[words];
	const uint32_t *chain = &bucket[buckets];
	const ElfW(Sym) *found = NULL;
	ElfW(Addr) bits;

	if (!buckets || !words) /* nothing is defined there */
		return NULL;
	bits = bloom[(hash / 64) % words];
	if (!(bits >> (hash % 64) & bits >> ((hash >> shift) % 64) & 1))
		return NULL;
	for (uint32_t i = bucket[hash % buckets]; i >= first; i++) {
		const ElfW(Sym) *symbol = &object->symbols[i];

		if ((chain[i - first] | 1) == (hash | 1) && symbol_usable(symbol) &&
		    name_equal(object->strings + symbol->st_name, name)) {
			bool is_hidden = object->versions && object->versions[i] & VERSION_HIDDEN;

			if (is_hidden == hidden)
				found = symbol;
		}
		if (chain[i - first] & 1)
			break;
	}
	return found;
}

/* The last object there was at real_begin, or at the first symbol: later ones may come and go. */
static const struct link_map *map_last(void)
{
	static const struct link_map *last;
	const struct link_map *map = __atomic_load_n(&last, __ATOMIC_RELAXED);

	if (!map && &_r_debug) {
		for (map = _r_debug.r_map; map && map->l_next; map = map->l_next)
			;
		__atomic_store_n(&last, map, __ATOMIC_RELAXED);
	}
	return map;
}

void real_begin(void)
{
	map_last();
}

static const struct link_map *map_first(void)
{
	return &_r_debug ? _r_debug.r_map : NULL;
}

/* The objects searched after the one that holds this code; all, where it was loaded late. */
static const struct link_map *map_after_us(void)
{
	const struct link_map *map = map_first();

	while (map && map->l_ld != _DYNAMIC)
		map = map->l_next;
	return map ? map->l_next : map_first();
}

/* Null where there is none; *ODD when an object could not be searched. */
static void *real_search(enum sym sym, bool hidden, bool *odd)
{
	const char *name = table_sym_name(sym);
	uint32_t hash = gnu_hash(name);
	const struct link_map *last = map_last();

	for (const struct link_map *map = map_after_us(); map; map = map->l_next) {
		struct object object;
		const ElfW(Sym) *symbol;

		if (!object_read(&object, map)) {
			*odd = true;
			return NULL;
		}
		symbol = object_symbol(&object, name, hash, hidden);
		if (!symbol && map == last)
			break;
		if (!symbol)
			continue;
		*odd = ELF64_ST_TYPE(symbol->st_info) == STT_GNU_IFUNC;
		return *odd ? NULL : (void *)(object.base + symbol->st_value);
	}
	*odd = true; /* loaded by dlopen, behind libc */
	return NULL;
}

static bool name_begins(const char *name, const char *with)
{
	while (*with && *with == *name) {
		with++;
		name++;
	}
	return !*with;
}

/*
 * Parts of libc (before 2.34), and sanitizers' run-times, which look at what a call is given and pass it
 * on.
 */
static bool name_is_transparent(const char *name)
{
	return name_begins(name, "ld-") || name_begins(name, "libpthread.") ||
	       name_begins(name, "libdl.") || name_begins(name, "librt.") ||
	       name_begins(name, "libasan.") || name_begins(name, "libtsan.") ||
	       name_begins(name, "libubsan.");
}

static void object_interposes(const struct object *object, bool (*matters)(enum sym sym),
			      void (*found)(enum sym sym))
{
	for (enum sym sym = 0; sym < SYM_COUNT; sym++) {
		const char *name = matters(sym) ? table_sym_name(sym) : NULL;

		if (name && (!object->hash || object_symbol(object, name, gnu_hash(name), false)))
			found(sym);
	}
}

void real_interposed(bool (*matters)(enum sym sym), void (*found)(enum sym sym))
{
	const struct link_map *last = map_last();

	for (const struct link_map *map = map_after_us(); map; map = map->l_next) {
		struct object object;

		if (!object_read(&object, map))
			object.hash = NULL;
		if (object.soname && name_begins(object.soname, "libc."))
			break; /* whatever is behind it is nobody's next */
		if (map->l_ld != _DYNAMIC && !(object.soname && name_is_transparent(object.soname)))
			object_interposes(&object, matters, found);
		if (map == last)
			break;
	}
}

void *real_bind(enum sym sym)
{
	bool odd = false;
	/* Binaries from before glibc 2.33 ask for hidden versions. But what only others than libc
	 * hide (libattr's own getxattr) is no program's next one: dlsym does not find it either. */
	void *real = real_search(sym, false, &odd);

	if (!real)
		real = real_search(sym, true, &odd);
	if (!real && odd) {
		int saved = errno;

		real = dlsym(RTLD_NEXT, table_sym_name(sym));
		errno = saved;
	}
	if (!real)
		real = (void *)real_missing;
	__atomic_store_n(&ushim_real[sym], real, __ATOMIC_RELAXED);
	return real;
}
