/* Runs a command of gatewayctl inside a test, with what it prints in `output`. One test at a time. */
#ifndef TEST_CTL_CAPTURE_H
#define TEST_CTL_CAPTURE_H

#include <check.h>
#include <getopt.h>

#include "gatewayd/ctl/ctl.h"
#include "test/core/scratch.h"

static struct scratch_dir dir;
static struct ctl ctl;
static char *output;

typedef int command(const struct ctl *c, int argc, char **argv);

/* Runs a command with its standard output in `output` and its errors out of sight; "$D/" at the start of an
 * argument is the folder. */
static int run(command *f, ...)
{
	char text[12][512], *argv[13];
	int argc = 0;
	va_list ap;

	va_start(ap, f);
	snprintf(text[argc++], sizeof text[0], "command");
	for (const char *a; argc < 12 && (a = va_arg(ap, const char *)); argc++) {
		if (strncmp(a, "$D/", 3) == 0)
			snprintf(text[argc], sizeof text[0], "%s/%s", dir.path, a + 3);
		else
			snprintf(text[argc], sizeof text[0], "%s", a);
	}
	va_end(ap);
	for (int i = 0; i < argc; i++)
		argv[i] = text[i];
	argv[argc] = NULL;
	optind = 0;
	fflush(stdout);
	int saved = dup(1), saved_errors = dup(2);
	int out = open(scratch_file(&dir, "stdout"), O_RDWR | O_CREAT | O_TRUNC, 0600);
	int errors = open(scratch_file(&dir, "stderr"), O_RDWR | O_CREAT | O_TRUNC, 0600);
	dup2(out, 1);
	dup2(errors, 2);
	close(out);
	close(errors);
	int status = f(&ctl, argc, argv);
	fflush(stdout);
	dup2(saved, 1);
	dup2(saved_errors, 2);
	close(saved);
	close(saved_errors);
	struct view v = scratch_read(scratch_file(&dir, "stdout"));
	free(output);
	output = strndup(v.p ? v.p : "", v.n);
	union {
		const char *in;
		char *out;
	} p = { v.p };
	free(p.out);
	return status;
}

static inline void expect(const char *text)
{
	ck_assert_msg(strstr(output, text) != NULL, "no \"%s\" in: %s", text, output);
}

/* Flips a bit of a file. */
static inline void flip(const char *name, size_t at)
{
	const char *path = scratch_file(&dir, name);
	int fd = open(path, O_RDWR);
	unsigned char c;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(pread(fd, &c, 1, (off_t)at), 1);
	c ^= 1;
	ck_assert_int_eq(pwrite(fd, &c, 1, (off_t)at), 1);
	close(fd);
}

static inline void expect_error(const char *text)
{
	struct view v = scratch_read(scratch_file(&dir, "stderr"));
	union {
		const char *in;
		char *out;
	} p = { v.p };

	ck_assert_msg(memmem(v.p ? v.p : "", v.n, text, strlen(text)) != NULL, "no \"%s\" in: %.*s", text, VIEW_ARG(v));
	free(p.out);
}

#endif
