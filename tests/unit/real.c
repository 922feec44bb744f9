/* SPDX-License-Identifier: MIT
 *
 * real: the walk through the loaded objects finds what dlsym(RTLD_NEXT) finds.
 */
#include "process/real.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>

#include "check.h"

/* The default version; else the one that binaries of old are bound to. */
static void *next_of(const char *name)
{
	void *next = dlsym(RTLD_NEXT, name);

	return next ? next : dlvsym(RTLD_NEXT, name, "GLIBC_2.2.5");
}

static void agrees_with_dlsym(void)
{
	int only_old = 0;

	for (enum sym sym = 0; sym < SYM_COUNT; sym++) {
		const char *name = table_sym_name(sym);
		void *next = next_of(name);

		if (!next || real_bind(sym) != next)
			note("%s: %p, dlsym %p", name, real_bind(sym), next);
		CHECK(next != NULL);
		CHECK(real_bind(sym) == next);
		CHECK(real_of(sym) == next);
		only_old += !dlsym(RTLD_NEXT, name);
	}
	note("%d symbols only old binaries are bound to", only_old);
}

static void leaves_no_trace(void)
{
	const char *before;

	CHECK(dlsym(RTLD_DEFAULT, "there_is_no_such_symbol") == NULL);
	errno = 12345;
	for (enum sym sym = 0; sym < SYM_COUNT; sym++)
		real_bind(sym);
	CHECK_EQ(errno, 12345);
	before = dlerror();
	CHECK(before && strstr(before, "there_is_no_such_symbol"));
}

static void *bind_all(void *argument)
{
	for (enum sym sym = 0; sym < SYM_COUNT; sym++)
		CHECK(real_of(sym) != NULL);
	return argument;
}

/* Other objects come and go in the meantime. */
static void binds_beside_dlopen(void)
{
	pthread_t thread[4];

	real_begin();
	for (int i = 0; i < 4; i++)
		NEED(pthread_create(&thread[i], NULL, bind_all, NULL) == 0);
	for (int i = 0; i < 50; i++) {
		void *handle = dlopen("libm.so.6", RTLD_NOW | RTLD_LOCAL);

		if (handle)
			dlclose(handle);
	}
	for (int i = 0; i < 4; i++)
		pthread_join(thread[i], NULL);
}

int main(int argc, char **argv)
{
	tests_begin(argc, argv);
	test("C1: every symbol goes on to what dlsym(RTLD_NEXT) finds", agrees_with_dlsym);
	test("C8: binding leaves errno and dlerror() alone", leaves_no_trace);
	test("binding needs no lock against dlopen and other threads", binds_beside_dlopen);
	return tests_end();
}
