/* SPDX-License-Identifier: MIT
 *
 * treesum [-s] [-n SECONDS] DIRECTORY: describes a tree so that two of them can be compared byte for byte.
 *
 * One line for each name, sorted: type, mode, owner, link count, size, device number, mtime in
 * nanoseconds, which names share an inode, holes, a hash of the contents, symlink target, extended
 * attributes. Left out is what two equal trees may differ in: inode and device numbers, atime,
 * ctime, blocks, the size of directories. With -n an mtime of SECONDS or later is printed as "new":
 * the time of the run itself. With -s neither size nor contents of files are: others write to them.
 *
 * Linked statically: no preload can touch it.
 */
// LDLIBS: -static
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

struct node {
	char *path;
	char *name; /* the last part of path */
	struct stat stat;
};

static struct node *first_names; /* one for each inode with several links, the first path met */
static size_t first_names_used;
static long new_since = -1;
static bool sizeless;

static void die(const char *what, const char *path)
{
	fprintf(stderr, "treesum: %s %s: %s\n", what, path, strerror(errno));
	exit(2);
}

static void *grow(void *memory, size_t bytes)
{
	memory = realloc(memory, bytes);
	if (!memory)
		die("memory", "");
	return memory;
}

static char *join(const char *directory, const char *name)
{
	char *path = grow(NULL, strlen(directory) + strlen(name) + 2);

	sprintf(path, "%s/%s", directory, name);
	return path;
}

static void print_bytes(const char *bytes, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		unsigned char c = (unsigned char)bytes[i];

		if (c > ' ' && c < 127 && c != '\\' && c != '=')
			putchar(c);
		else
			printf("\\x%02x", c);
	}
}

static void print_text(const char *text)
{
	print_bytes(text, strlen(text));
}

static uint64_t hash_more(uint64_t hash, const unsigned char *bytes, size_t count)
{
	for (size_t i = 0; i < count; i++)
		hash = (hash ^ bytes[i]) * 0x100000001b3; /* FNV-1a */
	return hash;
}

static void print_contents(int parent, const struct node *node)
{
	static unsigned char buffer[1 << 16];
	uint64_t hash = 0xcbf29ce484222325;
	ssize_t got;
	int fd = openat(parent, node->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	off_t hole;

	if (fd < 0)
		die("open", node->path);
	while ((got = read(fd, buffer, sizeof(buffer))) > 0)
		hash = hash_more(hash, buffer, (size_t)got);
	if (got < 0)
		die("read", node->path);
	hole = node->stat.st_size ? lseek(fd, 0, SEEK_HOLE) : 0;
	printf(" hash=%016" PRIx64 "%s", hash, hole < node->stat.st_size ? " holes" : "");
	close(fd);
}

static void print_target(int parent, const struct node *node)
{
	char target[4097];
	ssize_t length = readlinkat(parent, node->name, target, sizeof(target));

	if (length < 0)
		die("readlink", node->path);
	printf(" target=");
	print_bytes(target, (size_t)length);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void print_xattr(const char *path, const char *name)
{
	static char value[1 << 16];
	ssize_t length = lgetxattr(path, name, value, sizeof(value));

	if (length < 0)
		die("getxattr", path);
	printf(" ");
	print_text(name);
	printf("=");
	print_bytes(value, (size_t)length);
}

/* There is no llistxattrat before Linux 6.13: by way of the parent's descriptor. */
static void print_xattrs(int parent, const struct node *node)
{
	static char list[1 << 16];
	char *names[1024];
	size_t used = 0;
	char *path = join("/proc/self/fd", "");
	ssize_t length;

	path = grow(path, strlen(node->name) + 64);
	sprintf(path, "/proc/self/fd/%d/%s", parent, node->name);
	length = llistxattr(path, list, sizeof(list));
	if (length < 0 && errno != ENOTSUP)
		die("listxattr", node->path);
	for (char *at = list; at < list + length && used < 1024; at += strlen(at) + 1)
		names[used++] = at;
	qsort(names, used, sizeof(*names), by_text);
	for (size_t i = 0; i < used; i++)
		print_xattr(path, names[i]);
	free(path);
}

static void print_shared(const struct node *node)
{
	if (S_ISDIR(node->stat.st_mode) || node->stat.st_nlink < 2)
		return;
	for (size_t i = 0; i < first_names_used; i++) {
		struct node *first = &first_names[i];

		if (first->stat.st_ino != node->stat.st_ino || first->stat.st_dev != node->stat.st_dev)
			continue;
		printf(" same-as=");
		print_text(first->path);
		return;
	}
	first_names = grow(first_names, (first_names_used + 1) * sizeof(*first_names));
	first_names[first_names_used] = *node;
	first_names[first_names_used++].path = strdup(node->path);
}

static char type_letter(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG: return 'f';
	case S_IFDIR: return 'd';
	case S_IFLNK: return 'l';
	case S_IFIFO: return 'p';
	case S_IFSOCK: return 's';
	case S_IFCHR: return 'c';
	case S_IFBLK: return 'b';
	default: return '?';
	}
}

static void print_time(const struct stat *stat)
{
	if (new_since >= 0 && stat->st_mtim.tv_sec >= new_since)
		printf(" new");
	else
		printf(" %ld.%09ld", (long)stat->st_mtim.tv_sec, stat->st_mtim.tv_nsec);
}

static void print_node(int parent, const struct node *node)
{
	const struct stat *stat = &node->stat;

	print_text(node->path);
	printf(" %c %04o %u:%u links=%lu", type_letter(stat->st_mode), stat->st_mode & 07777, stat->st_uid,
	       stat->st_gid, (unsigned long)stat->st_nlink);
	if (!S_ISDIR(stat->st_mode) && !(sizeless && S_ISREG(stat->st_mode)))
		printf(" size=%lld", (long long)stat->st_size);
	if (S_ISCHR(stat->st_mode) || S_ISBLK(stat->st_mode))
		printf(" rdev=%u,%u", major(stat->st_rdev), minor(stat->st_rdev));
	print_time(stat);
	print_shared(node);
	if (S_ISREG(stat->st_mode) && !sizeless)
		print_contents(parent, node);
	if (S_ISLNK(stat->st_mode))
		print_target(parent, node);
	print_xattrs(parent, node);
	printf("\n");
}

static size_t list(DIR *stream, const char *directory, char ***names)
{
	struct dirent *entry;
	size_t used = 0;

	*names = NULL;
	for (errno = 0; (entry = readdir(stream)); errno = 0) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		*names = grow(*names, (used + 1) * sizeof(**names));
		(*names)[used++] = strdup(entry->d_name);
	}
	if (errno)
		die("readdir", directory);
	if (used)
		qsort(*names, used, sizeof(**names), by_text);
	return used;
}

static void walk(int parent, char *name, char *path)
{
	struct node node = {.path = path, .name = name};
	char **names;
	size_t used;
	DIR *stream;
	int fd;

	if (fstatat(parent, name, &node.stat, AT_SYMLINK_NOFOLLOW))
		die("stat", path);
	print_node(parent, &node);
	if (!S_ISDIR(node.stat.st_mode))
		return;
	fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	stream = fd < 0 ? NULL : fdopendir(fd);
	if (!stream)
		die("open", path);
	used = list(stream, path, &names);
	for (size_t i = 0; i < used; i++) {
		char *below = join(path, names[i]);

		walk(fd, names[i], below);
		free(below);
		free(names[i]);
	}
	free(names);
	closedir(stream);
}

int main(int argc, char **argv)
{
	int option, fd;

	while ((option = getopt(argc, argv, "n:s")) != -1 && option != '?') {
		if (option == 's')
			sizeless = true;
		else
			new_since = atol(optarg);
	}
	if (option != -1 || optind + 1 != argc) {
		fprintf(stderr, "usage: treesum [-s] [-n SECONDS] DIRECTORY\n");
		return 2;
	}
	fd = open(argv[optind], O_RDONLY | O_DIRECTORY);
	if (fd < 0)
		die("open", argv[optind]);
	walk(fd, ".", ".");
	if (fflush(stdout) || ferror(stdout))
		die("write", "stdout");
	return 0;
}
