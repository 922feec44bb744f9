/* SPDX-License-Identifier: MIT
 *
 * What is timed while nothing is asked ahead: the next questions, the next opens of files, and the
 * read behind one.
 */
#include "ahead/private.h"

#include "call/armed.h"
#include "call/filestream.h"

enum {
	READS_OTHER = 16, /* reads of something else after which one is awaited no more */
};

/* The read that is to be timed. */
static struct {
	int fd; /* -1: none */
	bool stream, fetched;
	unsigned others; /* reads of something else meanwhile */
	uint64_t open_ns;
} awaited = {.fd = -1};

static const enum op stat_ops[] = {OP_STAT,  OP_LSTAT,  OP_FSTATAT, OP_STATX,
				   OP_XSTAT, OP_LXSTAT, OP_FXSTATAT};
static const enum op open_ops[] = {OP_OPEN, OP_OPENAT, OP_OPEN_2, OP_OPENAT_2, OP_FOPEN};
static const enum op read_ops[] = {OP_READ,    OP_READ_CHK, OP_PREAD, OP_PREAD_CHK,
				   OP_COPY_FILE_RANGE};
static const enum op stream_ops[] = {OP_FREAD,   OP_FREAD_CHK, OP_FGETS,  OP_FGETS_CHK, OP_GETLINE,
				     OP_GETDELIM, OP_FGETC,    OP_FSCANF, OP_XSGETN, OP_FGETENT,
				     OP_UNDERFLOW, OP_SCANF,   OP_GETS,   OP_GETCHAR};

static void ops_sample(const enum op *ops, size_t count)
{
	for (size_t i = 0; i < count && !ahead_learned.in; i++)
		armed_sample(ops[i], WANTER_AHEAD);
}

void sample_stats(unsigned samples)
{
	ahead_learned.stat_samples = samples;
	if (samples)
		ops_sample(stat_ops, sizeof(stat_ops) / sizeof(*stat_ops));
}

void sample_opens(unsigned samples)
{
	ahead_learned.open_samples = samples;
	if (samples)
		ops_sample(open_ops, sizeof(open_ops) / sizeof(*open_ops));
}

void read_await(int fd, bool stream, bool fetched, uint64_t open_ns)
{
	awaited.fd = fd;
	awaited.stream = stream;
	awaited.fetched = fetched;
	awaited.open_ns = open_ns;
	awaited.others = 0;
	if (fd < 0)
		return;
	if (stream)
		ops_sample(stream_ops, sizeof(stream_ops) / sizeof(*stream_ops));
	else
		ops_sample(read_ops, sizeof(read_ops) / sizeof(*read_ops));
}

/* The descriptor PASSAGE reads from, itself or through a STREAM. */
static int read_from(const struct passage *passage, bool stream)
{
	return stream ? fileno(filestream_of(passage)) : (int)passage->regs->arg[0];
}

bool read_awaited(const struct passage *passage)
{
	bool stream = kind_of(passage->op) == KIND_STREAM_READ;
	bool is_it = awaited.fd >= 0 && stream == awaited.stream &&
		     read_from(passage, stream) == awaited.fd;

	if (is_it || ++awaited.others > READS_OTHER)
		read_await(-1, false, awaited.fetched, awaited.open_ns);
	return is_it;
}

bool read_fetched(void)
{
	return awaited.fetched;
}

uint64_t read_open_ns(void)
{
	return awaited.open_ns;
}

bool read_awaits(bool stream)
{
	return awaited.fd >= 0 && awaited.stream == stream;
}
