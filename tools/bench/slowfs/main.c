/* SPDX-License-Identifier: MIT
 *
 * slowfs: a pass-through FUSE file system that makes its callers wait, as a network file
 * system would, and can be told to fail or hang at a chosen request. For tests and benches.
 *
 *   main.c     options, start and end
 *   wire.c     gets the kernel to look up the names of one directory in parallel
 *   call.c     each request's delay, faults and log line
 *   refusals.c requests that are refused for the name they are about
 *   node.c     which backing file a node id stands for
 *   silly.c    names removed while their files are open
 *   ops_*.c    each request carried out on the backing directory
 *   kinds.def  the kinds of request
 *
 * One thread serves one request and sleeps through its delay, so as many requests overlap
 * as there are threads (--threads, 512); libfuse starts them when they are needed.
 */
#include "slowfs.h"

#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <linux/securebits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define THREADS_DEFAULT 512
#define THREADS_MAX 8192
#define BACKGROUND_LEAST 64 /* or what the kernel asks in the background (RELEASE) is overtaken */
#define TABLE_MOST 65536 /* descriptors room is made for at once: 512 KiB */

/* A listing batch or an xattr value (64 KiB) and a log line, with room; 8 MiB times 512 is rude. */
#define THREAD_STACK "524288"

struct settings settings = {.entry_timeout = 1, .attr_timeout = 1, .threads = THREADS_DEFAULT};

static struct {
	const char *backing;
	char *mountpoint;
	const char *log;
	const char *mount_options;
	bool foreground;
} args;

/* Where the waiting parent learns that the mount is usable; -1: nobody waits. */
static int ready_fd = -1;

static const char usage_text[] =
	"usage: slowfs [options] BACKING MOUNTPOINT\n"
	"\n"
	"  --delay=[KIND:]TIME,...     every request (of the kind) takes TIME longer; from left\n"
	"                              to right, so 1ms,flush:0 is all but flush\n"
	"  --fail=KIND:N[+]:ERRNO      the Nth request of the kind (and all after it) fails\n"
	"  --hang=KIND:N[+]:TIME       it is answered TIME late\n"
	"  --refuse=KIND:GLOB:ERRNO    it fails whenever it is about such a name. KIND \"name\" is\n"
	"                              all that would make it, \"target\" a symlink that says it;\n"
	"                              with any other the mount's type is fuse.slowpool, as of\n"
	"                              storage that decides by file\n"
	"  --name-max=N[:M]            no name is longer than N bytes; statfs says so, or M\n"
	"  --log=FILE                  append a line per request: start-ns end-ns kind ino name\n"
	"                              ino2 name2 errno thread-id ('-' none, '0' no error)\n"
	"  --entry-timeout=SEC         how long the kernel may believe a name (1)\n"
	"  --attr-timeout=SEC          ... attributes (1)\n"
	"  --negative-timeout=SEC      ... that a name does not exist (0)\n"
	"  --xattr                     extended attributes work\n"
	"  --acl                       ... and ACLs, inherited and obeyed\n"
	"  --changing=mtime|size       regular files are changed by others whenever somebody asks\n"
	"                              about them: touched, or made a byte longer\n"
	"  --readdirplus               listings bring attributes along\n"
	"  --writeback                 the kernel caches writes\n"
	"  --serial-dirops             one LOOKUP or READDIR of a directory at a time\n"
	"  --silly                     names of open files are renamed where they are removed\n"
	"  --keep-cache                an open does not throw away what the kernel has of the file\n"
	"  --fold-case                 names that differ in the case of ASCII letters are equal\n"
	"  --listing=ODDITY,...        high-cookies, negative-cookies, scrambled-cookies: positions\n"
	"                              are any 64 bits; no-seek: a listing only goes on or starts\n"
	"                              anew; no-types: all are DT_UNKNOWN; twice: each entry is\n"
	"                              listed twice; ghosts: beside each is one that is not there;\n"
	"                              no-numbers: d_ino is no file's\n"
	"  --inodes=zero|siblings      inode numbers are 0, or one for all directories beside each\n"
	"                              other\n"
	"  --threads=N                 requests that can be under way at once (512)\n"
	"  --node-fds=N                descriptors to keep for known files (half the limit)\n"
	"  -o OPTIONS                  mount options (allow_other,default_permissions are set)\n"
	"  -f, --foreground            stay; the default is to return 0 when the mount works\n"
	"\n"
	"TIME is a number with us, ms or s. KIND is one of\n"
#define KIND(id, name) " " name
#include "kinds.def"
#undef KIND
	"\n(forget is only logged). Unmount with umount or fusermount3 -u.\n";

/* ---- options ----------------------------------------------------------------------- */

enum option_id {
	OPT_DELAY = 256,
	OPT_FAIL,
	OPT_HANG,
	OPT_REFUSE,
	OPT_NAME_MAX,
	OPT_LOG,
	OPT_ENTRY,
	OPT_ATTR,
	OPT_NEGATIVE,
	OPT_XATTR,
	OPT_ACL,
	OPT_CHANGING,
	OPT_READDIRPLUS,
	OPT_WRITEBACK,
	OPT_SERIAL,
	OPT_FOLD,
	OPT_SILLY,
	OPT_KEEP,
	OPT_LISTING,
	OPT_INODES,
	OPT_THREADS,
	OPT_NODE_FDS,
};

static const struct option long_options[] = {
	{"delay", required_argument, NULL, OPT_DELAY},
	{"fail", required_argument, NULL, OPT_FAIL},
	{"hang", required_argument, NULL, OPT_HANG},
	{"refuse", required_argument, NULL, OPT_REFUSE},
	{"name-max", required_argument, NULL, OPT_NAME_MAX},
	{"log", required_argument, NULL, OPT_LOG},
	{"entry-timeout", required_argument, NULL, OPT_ENTRY},
	{"attr-timeout", required_argument, NULL, OPT_ATTR},
	{"negative-timeout", required_argument, NULL, OPT_NEGATIVE},
	{"xattr", no_argument, NULL, OPT_XATTR},
	{"acl", no_argument, NULL, OPT_ACL},
	{"changing", required_argument, NULL, OPT_CHANGING},
	{"readdirplus", no_argument, NULL, OPT_READDIRPLUS},
	{"writeback", no_argument, NULL, OPT_WRITEBACK},
	{"serial-dirops", no_argument, NULL, OPT_SERIAL},
	{"fold-case", no_argument, NULL, OPT_FOLD},
	{"silly", no_argument, NULL, OPT_SILLY},
	{"keep-cache", no_argument, NULL, OPT_KEEP},
	{"listing", required_argument, NULL, OPT_LISTING},
	{"inodes", required_argument, NULL, OPT_INODES},
	{"threads", required_argument, NULL, OPT_THREADS},
	{"node-fds", required_argument, NULL, OPT_NODE_FDS},
	{"foreground", no_argument, NULL, 'f'},
	{"help", no_argument, NULL, 'h'},
	{0},
};

static bool parse_seconds(const char *text, double *seconds)
{
	char *end;

	*seconds = strtod(text, &end);
	return end != text && !*end && *seconds >= 0 && *seconds < 1e9;
}

static bool parse_count(const char *text, unsigned long most, unsigned long *count)
{
	char *end;

	*count = strtoul(text, &end, 10);
	return end != text && !*end && *count <= most;
}

static bool parse_threads(const char *text)
{
	unsigned long count;

	if (!parse_count(text, THREADS_MAX, &count) || !count)
		return false;
	settings.threads = (unsigned)count;
	return true;
}

static bool parse_numbers(const char *text)
{
	settings.numbers = !strcmp(text, "zero")       ? NUMBERS_ZERO
			   : !strcmp(text, "siblings") ? NUMBERS_SIBLINGS
						       : NUMBERS_BACKING;
	return settings.numbers != NUMBERS_BACKING;
}

static bool parse_changing(const char *text)
{
	settings.changing_sizes = !strcmp(text, "size");
	settings.changing_times = settings.changing_sizes || !strcmp(text, "mtime");
	return settings.changing_times;
}

static bool take_option(int option, const char *value)
{
	switch (option) {
	case OPT_DELAY: return call_parse_delay(value);
	case OPT_FAIL: return call_parse_fail(value);
	case OPT_HANG: return call_parse_hang(value);
	case OPT_REFUSE: return refusal_parse(value);
	case OPT_NAME_MAX: return refusal_parse_name_max(value);
	case OPT_LOG: return args.log = value, true;
	case OPT_ENTRY: return parse_seconds(value, &settings.entry_timeout);
	case OPT_ATTR: return parse_seconds(value, &settings.attr_timeout);
	case OPT_NEGATIVE: return parse_seconds(value, &settings.negative_timeout);
	case OPT_XATTR: return settings.xattr = true;
	case OPT_ACL: return settings.acl = settings.xattr = true;
	case OPT_CHANGING: return parse_changing(value);
	case OPT_READDIRPLUS: return settings.readdirplus = true;
	case OPT_WRITEBACK: return settings.writeback = true;
	case OPT_SERIAL: return settings.serial_dirops = true;
	case OPT_FOLD: return settings.fold_case = true;
	case OPT_SILLY: return settings.silly = true;
	case OPT_KEEP: return settings.keep_cache = true;
	case OPT_LISTING: return dir_parse_listing(value);
	case OPT_INODES: return parse_numbers(value);
	case OPT_THREADS: return parse_threads(value);
	case OPT_NODE_FDS: return parse_count(value, ULONG_MAX, &settings.node_fds);
	case 'o': return args.mount_options = value, true;
	case 'f': return args.foreground = true;
	}
	return false;
}

static void take_arguments(int argc, char **argv)
{
	int option;

	while ((option = getopt_long(argc, argv, "fho:", long_options, NULL)) != -1) {
		if (option == 'h') {
			fputs(usage_text, stdout);
			exit(0);
		}
		if (take_option(option, optarg))
			continue;
		if (option != '?')
			fprintf(stderr, "slowfs: bad argument: %s\n", optarg);
		exit(2);
	}
	if (argc - optind != 2) {
		fputs("usage: slowfs [options] BACKING MOUNTPOINT (--help tells more)\n", stderr);
		exit(2);
	}
	args.backing = argv[optind];
	args.mountpoint = argv[optind + 1];
}

/* ---- what the process needs -------------------------------------------------------- */

static void check(int err, const char *what)
{
	if (!err)
		return;
	fprintf(stderr, "slowfs: %s: %s\n", what, strerror(err));
	exit(1);
}

/*
 * Once and now, while this is the only thread: a table that threads share grows only after an
 * RCU grace period, 10 to 20 ms for whoever needs the next descriptor (expand_fdtable, Linux
 * 6.18), which a measurement of requests of 1 ms would see at 256, 512, 1024, ... files.
 */
static void grow_descriptor_table(rlim_t limit)
{
	int last = (int)(limit < TABLE_MOST ? limit : TABLE_MOST) - 1;
	int fd = open("/", O_PATH | O_CLOEXEC);

	close(fcntl(fd, F_DUPFD_CLOEXEC, last));
	close(fd);
}

static void raise_descriptor_limit(void)
{
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	if (!settings.node_fds)
		settings.node_fds = limit.rlim_cur / 2;
	grow_descriptor_table(limit.rlim_cur);
}

/*
 * Inodes are created with the caller's file system ids. That normally drops the capabilities
 * that root needs to get into the caller's directory at all: ask for them to stay.
 */
static void keep_capabilities(void)
{
	if (geteuid() == 0)
		check(prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP) == -1 ? errno : 0,
		      "PR_SET_SECUREBITS");
}

static void prepare(void)
{
	umask(0);				  /* the kernel has applied the caller's */
	signal(SIGXFSZ, SIG_IGN);		  /* EFBIG is the caller's to see */
	prctl(PR_SET_TIMERSLACK, 1UL, 0, 0, 0);	  /* 50 us by default, a tenth of a short delay */
	setenv("FUSE_THREAD_STACK", THREAD_STACK, 1); /* libfuse offers no other way */
	raise_descriptor_limit();
	keep_capabilities();
}

/* Absolute, because the background process unmounts it from another directory. */
static void resolve_mountpoint(void)
{
	args.mountpoint = realpath(args.mountpoint, NULL);
	check(args.mountpoint ? 0 : errno, "mount point");
}

/* ---- the background ---------------------------------------------------------------- */

/*
 * The parent waits until the child says that the mount works, or ends. The child inherits
 * no descriptors but that pipe: a caller that waits for one of its own to close must not
 * wait for the file system.
 */
static void into_background(void)
{
	int pipe_fds[2], status;
	char byte;
	pid_t child;

	check(pipe(pipe_fds) == -1 ? errno : 0, "pipe");
	child = fork();
	check(child == -1 ? errno : 0, "fork");
	if (!child) {
		setsid();
		ready_fd = dup2(pipe_fds[1], 3);
		close_range(4, ~0U, 0);
		fcntl(ready_fd, F_SETFD, FD_CLOEXEC);
		return;
	}
	close(pipe_fds[1]);
	if (read(pipe_fds[0], &byte, 1) == 1)
		_exit(0);
	waitpid(child, &status, 0);
	_exit(WIFEXITED(status) && WEXITSTATUS(status) ? WEXITSTATUS(status) : 1);
}

/* Called in the thread that told the kernel. Errors went to the caller's stderr until now. */
static void mount_ready(void)
{
	int null;

	if (ready_fd == -1)
		return;
	null = open("/dev/null", O_RDWR);
	for (int fd = 0; fd < 3; fd++)
		dup2(null, fd);
	close(null);
	if (chdir("/") == -1 || write(ready_fd, "", 1) != 1)
		_exit(1);
	close(ready_fd);
	ready_fd = -1;
}

/* ---- the session ------------------------------------------------------------------- */

static void want(struct fuse_conn_info *conn, unsigned bits, bool wanted)
{
	conn->want &= ~bits;
	if (wanted)
		conn->want |= bits & conn->capable;
}

/* Every listing with attributes or none: FUSE_CAP_READDIRPLUS_AUTO makes it depend on usage. */
static void op_init(void *userdata, struct fuse_conn_info *conn)
{
	unsigned most = settings.threads > BACKGROUND_LEAST ? settings.threads : BACKGROUND_LEAST;

	(void)userdata;
	conn->max_background = most;
	conn->congestion_threshold = most;
	want(conn, FUSE_CAP_READDIRPLUS_AUTO, false);
	want(conn, FUSE_CAP_READDIRPLUS, settings.readdirplus);
	want(conn, FUSE_CAP_POSIX_ACL, settings.acl);
	want(conn, FUSE_CAP_DONT_MASK, settings.acl); /* a default ACL decides instead */
	want(conn, FUSE_CAP_WRITEBACK_CACHE, settings.writeback);
}

static struct fuse_session *session_new(void)
{
	struct fuse_args fuse_args = FUSE_ARGS_INIT(0, NULL);
	struct fuse_lowlevel_ops ops = {.init = op_init};
	struct fuse_session *session;

	fuse_opt_add_arg(&fuse_args, "slowfs");
	fuse_opt_add_arg(&fuse_args, "-odefault_permissions,fsname=slowfs");
	fuse_opt_add_arg(&fuse_args, refusals_by_file() ? "-osubtype=slowpool" : "-osubtype=slowfs");
	if (geteuid() == 0)
		fuse_opt_add_arg(&fuse_args, "-oallow_other");
	if (args.mount_options) {
		fuse_opt_add_arg(&fuse_args, "-o");
		fuse_opt_add_arg(&fuse_args, args.mount_options);
	}
	ops_names(&ops);
	ops_inode(&ops);
	ops_file(&ops);
	ops_dir(&ops);
	session = fuse_session_new(&fuse_args, &ops, sizeof(ops), NULL);
	fuse_opt_free_args(&fuse_args);
	return session;
}

/* One descriptor of /dev/fuse for all threads: a clone each would cost 512 and gain nothing. */
static int session_loop(struct fuse_session *session)
{
	struct fuse_loop_config *config = fuse_loop_cfg_create();
	int err;

	fuse_loop_cfg_set_max_threads(config, settings.threads);
	err = fuse_session_loop_mt(session, config);
	fuse_loop_cfg_destroy(config);
	return err;
}

static int serve(void)
{
	struct fuse_session *session = session_new();
	int err;

	if (!session || fuse_set_signal_handlers(session))
		return 1;
	if (fuse_session_mount(session, args.mountpoint))
		return 1;
	err = wire_attach(session, mount_ready);
	if (!err)
		err = session_loop(session);
	fuse_remove_signal_handlers(session);
	fuse_session_unmount(session);
	fuse_session_destroy(session);
	return err < 0;
}

int main(int argc, char **argv)
{
	take_arguments(argc, argv);
	if (!args.foreground)
		into_background();
	prepare();
	resolve_mountpoint();
	check(node_open_root(args.backing), args.backing);
	if (args.log)
		check(call_open_log(args.log), args.log);
	return serve();
}
