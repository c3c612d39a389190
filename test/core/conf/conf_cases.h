/* For tests of the configuration: what its files hold, that it loads, or which fault is told. */
#ifndef TEST_CORE_CONF_CASES_H
#define TEST_CORE_CONF_CASES_H

#include "gatewayd/core/conf/conf.h"
#include "test/core/conf_files.h"
#include "test/core/core_fixture.h"

static struct core_fixture dates; /* for core_preset() */
static struct error_list errors;
static struct conf *conf;

/* agreements/<name>.json with the signatures of these. */
static inline void write_agreement(const char *name, const json_t *doc, bool by_north, bool by_south)
{
	static const char *const who[] = { "north", "south" };
	char *text = json_dumps(doc, JSON_INDENT(1)), file[80];
	struct buf one = BUF_INIT(65536), all = BUF_INIT(65536);

	snprintf(file, sizeof file, "agreements/%s.json", name);
	scratch_write(scratch_file(&dir, file), view_of(text));
	for (size_t i = 0; i < 2; i++) {
		char cert[20], key[20];
		if (!(i ? by_south : by_north))
			continue;
		snprintf(cert, sizeof cert, "%s.pem", who[i]);
		snprintf(key, sizeof key, "%s.key", who[i]);
		struct view c = scratch_read(scratch_file(&dir, cert)), k = scratch_read(scratch_file(&dir, key));
		buf_reset(&one);
		buf_add(&one, buf_view(&all));
		buf_reset(&all);
		OK(cms_sign(buf_view(&one), view_of(text), c, k, &all, e));
		scratch_free(c);
		scratch_free(k);
	}
	snprintf(file, sizeof file, "agreements/%s.json.p7s", name);
	if (all.n)
		scratch_write(scratch_file(&dir, file), buf_view(&all));
	buf_free(&one);
	buf_free(&all);
	free(text);
}

static inline void set_up(void)
{
	conf_files_make();
	dates.now_ms = instant_now_ms();
	errors = (struct error_list){ .max = 50 };
	conf = NULL;
}

static inline void tear_down(void)
{
	conf_unref(conf);
	error_list_free(&errors);
	conf_files_drop();
}

static inline struct conf *load(void)
{
	static const struct secret secret = { .b = "a secret for tests, 32 bytes long", .n = 32 };

	conf_files_write();
	error_list_free(&errors);
	errors = (struct error_list){ .max = 50 };
	conf_unref(conf);
	return conf = conf_load(scratch_file(&dir, "node.json"), &secret, instant_now_ms(), &errors);
}

static inline void loads(void)
{
	if (!load())
		print_errors(&errors);
	ck_assert_ptr_nonnull(conf);
	ck_assert_uint_eq(errors.n, 0);
}

/* It does not, and one of the errors names this file and says this. */
static inline void lacks(const char *file, const char *what)
{
	char line[800];
	bool told = false;

	ck_assert_ptr_null(load());
	for (size_t i = 0; i < errors.n; i++) {
		error_print(&errors.items[i], line, sizeof line);
		told = told || (strstr(line, file) && strstr(line, what));
	}
	if (!told)
		print_errors(&errors);
	ck_assert_msg(told, "%s: %s", file, what);
}

static inline void add_pnr(void)
{
	json_t *doc = core_preset(&dates, "pnr");

	write_agreement("pnr", doc, true, true);
	json_decref(doc);
}

#endif
