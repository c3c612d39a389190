/* gatewayctl schema validate and test: what they print and how they exit. */
#include <check.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gatewayd/ctl/ctl.h"

TCase *make_schema_cli_case(void);

static char folder[64], out[1 << 20], err[16384];

static void enter_folder(void)
{
	snprintf(folder, sizeof folder, "/tmp/check_schema_cli.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert_int_eq(chdir(folder), 0);
}

static void leave_folder(void)
{
	static const char *const names[] = {
		"schema.json", "other.json",          "a.json",       "b.json",  "lines.ndjson", "suite.json", "out",
		"err",         "remotes/deep/r.json", "remotes/deep", "remotes",
	};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		(void)remove(names[i]);
	ck_assert_int_eq(chdir("/"), 0);
	ck_assert_int_eq(rmdir(folder), 0);
}

static void put(const char *name, const char *text)
{
	FILE *f = fopen(name, "w");

	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(fputs(text, f) >= 0, 1);
	ck_assert_int_eq(fclose(f), 0);
}

static void get(const char *name, char *text, size_t size)
{
	FILE *f = fopen(name, "r");

	ck_assert_ptr_nonnull(f);
	size_t n = fread(text, 1, size - 1, f);
	text[n] = 0;
	fclose(f);
}

static int redirect(int fd, const char *name)
{
	int kept = dup(fd), file = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	ck_assert(kept >= 0 && file >= 0 && dup2(file, fd) >= 0);
	close(file);
	return kept;
}

static void restore(int fd, int kept)
{
	ck_assert_int_ge(dup2(kept, fd), 0);
	close(kept);
}

/* Runs a command as main would; arguments end with NULL. Fills `out` and `err`. */
static int run(bool json, const char *name, ...)
{
	struct ctl c = { .json = json };
	char *argv[160] = { NULL };
	int argc = 0, status = -1;
	va_list ap;

	argv[argc++] = strdup(name);
	va_start(ap, name);
	for (const char *a; (a = va_arg(ap, const char *));) {
		ck_assert_int_lt(argc, 159);
		argv[argc++] = strdup(a);
	}
	va_end(ap);
	fflush(NULL);
	int kept_out = redirect(STDOUT_FILENO, "out"), kept_err = redirect(STDERR_FILENO, "err");
	optind = 0;
	for (const struct ctl_command *command = ctl_schema_commands; command->group; command++)
		if (strcmp(command->name, name) == 0)
			status = command->run(&c, argc, argv);
	fflush(NULL);
	restore(STDOUT_FILENO, kept_out);
	restore(STDERR_FILENO, kept_err);
	while (argc > 0)
		free(argv[--argc]);
	get("out", out, sizeof out);
	get("err", err, sizeof err);
	return status;
}

#define PERSON \
	"{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",\"type\":\"object\"," \
	"\"properties\":{\"name\":{\"type\":\"string\",\"pattern\":\"^[A-Z]\"},\"born\":{\"format\":\"date\"}}," \
	"\"required\":[\"name\"],\"additionalProperties\":false,\"$defs\":{\"age\":{\"minimum\":0}}}"

START_TEST(a_verdict_a_file_with_all_errors)
{
	put("schema.json", PERSON);
	put("a.json", "{\"name\":\"Ada\"}");
	put("b.json", "{\n  \"name\": 7,\n  \"secret\": \"s\"\n}");
	ck_assert_int_eq(run(false, "validate", "schema.json", "a.json", NULL), CTL_OK);
	ck_assert_str_eq(out, "a.json: valid\n");
	ck_assert_int_eq(run(false, "validate", "schema.json", "a.json", "b.json", NULL), CTL_CHECK_FAILED);
	ck_assert_ptr_nonnull(strstr(out, "a.json: valid\n"));
	ck_assert_ptr_nonnull(strstr(out, "b.json:2:11: /name: "));
	ck_assert_ptr_nonnull(strstr(out, "b.json:3:13: /*: "));
	ck_assert_ptr_nonnull(strstr(out, "b.json: invalid\n1 valid, 1 invalid\n"));
	ck_assert_ptr_null(strstr(out, "secret"));
}
END_TEST

START_TEST(a_verdict_a_line)
{
	put("schema.json", PERSON);
	put("lines.ndjson", "{\"name\":\"Ada\"}\r\n\n  \n{\"name\":\"ada\"}\n{\"name\":\n{\"name\":\"Eve\"}");
	ck_assert_int_eq(run(false, "validate", "schema.json", "lines.ndjson", NULL), CTL_CHECK_FAILED);
	ck_assert_ptr_nonnull(strstr(out, "lines.ndjson:1: valid\n"));
	ck_assert_ptr_nonnull(strstr(out, "lines.ndjson:4:9: /name: "));
	ck_assert_ptr_nonnull(strstr(out, "lines.ndjson:4: invalid\n"));
	ck_assert_ptr_nonnull(strstr(out, "lines.ndjson:5:9: "));
	ck_assert_ptr_nonnull(strstr(out, "lines.ndjson:5: invalid\n"));
	ck_assert_ptr_nonnull(strstr(out, "lines.ndjson:6: valid\n2 valid, 2 invalid\n"));
}
END_TEST

/* Lines longer than the piece that is read at once. */
START_TEST(long_lines_are_one_instance)
{
	FILE *f = fopen("lines.ndjson", "w");

	ck_assert_ptr_nonnull(f);
	for (int line = 0; line < 3; line++) {
		fputs("{\"name\":\"A", f);
		for (int i = 0; i < 150000; i++)
			fputc('a' + line, f);
		fputs(line == 1 ? "\",\"x\":1}\n" : "\"}\n", f);
	}
	ck_assert_int_eq(fclose(f), 0);
	put("schema.json", PERSON);
	ck_assert_int_eq(run(false, "validate", "schema.json", "lines.ndjson", NULL), CTL_CHECK_FAILED);
	ck_assert_ptr_nonnull(strstr(out, "lines.ndjson:2:150017: /*: "));
	ck_assert_ptr_nonnull(strstr(out, "2 valid, 1 invalid\n"));
}
END_TEST

START_TEST(formats_fragments_and_drafts)
{
	put("schema.json", PERSON);
	put("a.json", "{\"name\":\"Ada\",\"born\":\"soon\"}");
	ck_assert_int_eq(run(false, "validate", "schema.json", "a.json", NULL), CTL_OK);
	ck_assert_int_eq(run(false, "validate", "--format", "schema.json", "a.json", NULL), CTL_CHECK_FAILED);
	put("b.json", "-1");
	ck_assert_int_eq(run(false, "validate", "schema.json#/$defs/age", "b.json", NULL), CTL_CHECK_FAILED);
	ck_assert_int_eq(run(false, "validate", "schema.json#/$defs/none", "b.json", NULL), CTL_FAILED);
	/* items as an array is a list of schemas up to 2019-09, and no schema at all in 2020-12 */
	put("schema.json", "{\"items\":[{\"type\":\"string\"}]}");
	put("a.json", "[1]");
	ck_assert_int_eq(run(false, "validate", "--draft", "7", "schema.json", "a.json", NULL), CTL_CHECK_FAILED);
	ck_assert_int_eq(run(false, "validate", "--draft", "draft2019-09", "schema.json", "a.json", NULL),
	                 CTL_CHECK_FAILED);
	ck_assert_int_eq(run(false, "validate", "schema.json", "a.json", NULL), CTL_FAILED);
}
END_TEST

START_TEST(strict_refuses_unknown_keywords)
{
	put("schema.json", "{\"discriminator\":{},\"x-note\":1,\"type\":\"array\"}");
	put("a.json", "[]");
	ck_assert_int_eq(run(false, "validate", "schema.json", "a.json", NULL), CTL_OK);
	ck_assert_int_eq(run(false, "validate", "--strict", "schema.json", "a.json", NULL), CTL_FAILED);
	ck_assert_ptr_nonnull(strstr(err, "discriminator"));
	ck_assert_int_eq(run(false, "validate", "--strict", "--ignore", "discriminator", "schema.json", "a.json", NULL),
	                 CTL_OK);
}
END_TEST

START_TEST(references_reach_given_files_only)
{
	put("schema.json", "{\"$ref\":\"other.json#/$defs/n\"}");
	put("other.json", "{\"$defs\":{\"n\":{\"type\":\"number\"}}}");
	put("a.json", "\"x\"");
	ck_assert_int_eq(run(false, "validate", "schema.json", "a.json", NULL), CTL_FAILED);
	ck_assert_int_eq(run(false, "validate", "--ref", "other.json", "schema.json", "a.json", NULL),
	                 CTL_CHECK_FAILED);
	/* the schema itself may be among the files */
	ck_assert_int_eq(
	        run(false, "validate", "--ref", "schema.json", "--ref", "other.json", "schema.json", "a.json", NULL),
	        CTL_CHECK_FAILED);
	ck_assert_int_eq(mkdir("remotes", 0700) | mkdir("remotes/deep", 0700), 0);
	put("remotes/deep/r.json", "{\"type\":\"number\"}");
	put("schema.json", "{\"$ref\":\"http://localhost:1234/deep/r.json\"}");
	ck_assert_int_eq(run(false, "validate", "--remotes", "remotes", "schema.json", "a.json", NULL),
	                 CTL_CHECK_FAILED);
	ck_assert_int_eq(run(false, "validate", "--remotes", "none", "schema.json", "a.json", NULL), CTL_FAILED);
}
END_TEST

START_TEST(answers_as_json)
{
	put("schema.json", PERSON);
	put("a.json", "{\"name\":\"ada\"}");
	put("b.json", "{");
	ck_assert_int_eq(run(true, "validate", "schema.json", "a.json", NULL), CTL_CHECK_FAILED);
	ck_assert_ptr_eq(strstr(out, "{\"file\":\"a.json\",\"valid\":false,\"errors\":[{\"line\":1,\"column\":9,"
	                             "\"pointer\":\"/name\",\"keyword\":\"pattern\",\"location\":\"file:///"),
	                 out);
	ck_assert_int_eq(run(true, "validate", "schema.json", "b.json", NULL), CTL_CHECK_FAILED);
	ck_assert_ptr_nonnull(strstr(out, "\"errors\":[{\"line\":1,\"column\":2,\"pointer\":\"\",\"message\":"));
	ck_assert_int_eq(run(false, "validate", "--output", "basic", "schema.json", "a.json", "b.json", NULL),
	                 CTL_CHECK_FAILED);
	ck_assert_ptr_eq(strstr(out, "{\"valid\":false,\"errors\":[{\"keywordLocation\":\"/properties/name/pattern\""),
	                 out);
	ck_assert_ptr_nonnull(
	        strstr(out, "\n{\"valid\":false,\"errors\":[{\"keywordLocation\":\"\",\"instanceLocation\":\"\","
	                    "\"error\":\""));
	ck_assert_int_eq(run(false, "validate", "--output", "list", "schema.json", "a.json", "b.json", NULL),
	                 CTL_CHECK_FAILED);
	ck_assert_ptr_eq(strstr(out, "{\"valid\":false,\"details\":["), out);
	ck_assert_ptr_nonnull(strstr(out, "\"errors\":{\"\":\""));
}
END_TEST

START_TEST(bad_usage_and_missing_files)
{
	put("schema.json", PERSON);
	put("a.json", "{\"name\":\"Ada\"}");
	ck_assert_int_eq(run(false, "validate", "schema.json", NULL), CTL_USAGE);
	ck_assert_int_eq(run(false, "validate", "--draft", "5", "schema.json", "a.json", NULL), CTL_USAGE);
	ck_assert_int_eq(run(false, "validate", "--output", "flag", "schema.json", "a.json", NULL), CTL_USAGE);
	ck_assert_int_eq(run(false, "validate", "--none", "schema.json", "a.json", NULL), CTL_USAGE);
	ck_assert_int_eq(run(false, "test", NULL), CTL_USAGE);
	ck_assert_int_eq(run(false, "test", "--strict", "a.json", NULL), CTL_USAGE);
	ck_assert_int_eq(run(false, "validate", "none.json", "a.json", NULL), CTL_FAILED);
	ck_assert_int_eq(run(false, "validate", "--ref", "none.json", "schema.json", "a.json", NULL), CTL_FAILED);
	/* the other files are still checked */
	ck_assert_int_eq(run(false, "validate", "schema.json", "none.json", "a.json", NULL), CTL_FAILED);
	ck_assert_str_eq(out, "a.json: valid\n");
	ck_assert_ptr_nonnull(strstr(err, "none.json"));
	put("schema.json", "{\"type\":\"strin\"}");
	ck_assert_int_eq(run(false, "validate", "schema.json", "a.json", NULL), CTL_FAILED);
	ck_assert_ptr_nonnull(strstr(err, "/type"));
}
END_TEST

/* A pattern that uses up its budget must refuse, not pass. */
START_TEST(a_limit_refuses)
{
	FILE *f = fopen("a.json", "w");

	ck_assert_ptr_nonnull(f);
	fputc('"', f);
	for (int i = 0; i < 100000; i++)
		fputc('a', f);
	fputs("\"\n", f);
	ck_assert_int_eq(fclose(f), 0);
	put("schema.json", "{\"not\":{\"pattern\":\"^(a*)*\\\\1b\"}}");
	ck_assert_int_eq(run(false, "validate", "schema.json", "a.json", NULL), CTL_CHECK_FAILED);
	ck_assert_ptr_nonnull(strstr(out, "a limit"));
}
END_TEST

START_TEST(suite_files)
{
	put("suite.json", "[{\"description\":\"numbers\",\"schema\":{\"multipleOf\":0.01},\"tests\":["
	                  "{\"description\":\"exact\",\"data\":19.99,\"valid\":true},"
	                  "{\"description\":\"wrong on purpose\",\"data\":0.001,\"valid\":true}]},"
	                  "{\"description\":\"broken\",\"schema\":{\"type\":7},\"tests\":["
	                  "{\"description\":\"never\",\"data\":1,\"valid\":false}]}]");
	ck_assert_int_eq(run(false, "test", "suite.json", NULL), CTL_CHECK_FAILED);
	ck_assert_ptr_nonnull(strstr(out, "suite.json: numbers: wrong on purpose: invalid, but must be valid\n"));
	ck_assert_ptr_nonnull(strstr(out, "suite.json: broken: never: "));
	ck_assert_ptr_nonnull(strstr(out, "1 passed, 2 failed\n"));
	ck_assert_int_eq(run(true, "test", "suite.json", NULL), CTL_CHECK_FAILED);
	ck_assert_ptr_eq(
	        strstr(out, "{\"passed\":1,\"failed\":2,\"failures\":[{\"file\":\"suite.json\",\"group\":\"numbers\","),
	        out);
	put("a.json", "{\"no\":\"suite\"}");
	ck_assert_int_eq(run(false, "test", "a.json", NULL), CTL_FAILED);
	put("a.json", "[{\"schema\":true}]");
	ck_assert_int_eq(run(false, "test", "a.json", NULL), CTL_FAILED);
	put("a.json", "[");
	ck_assert_int_eq(run(false, "test", "a.json", NULL), CTL_FAILED);
	ck_assert_ptr_nonnull(strstr(err, "a.json:1:2"));
}
END_TEST

/* The commands of the manual on real data; the figures are asserted. */
START_TEST(real_data)
{
	const char *data = getenv("GATEWAY_TEST_DATA");
	char schema[1024], records[1024], remotes[1024], ref[1024];
	struct stat st;

	snprintf(schema, sizeof schema, "%s/fhir/fhir.schema.json#/definitions/Patient", data ? data : "");
	snprintf(records, sizeof records, "%s/fhir/patients.ndjson", data ? data : "");
	snprintf(remotes, sizeof remotes, "%s/json-schema-test-suite/remotes", data ? data : "");
	snprintf(ref, sizeof ref, "%s/json-schema-test-suite/tests/draft2020-12/ref.json", data ? data : "");
	if (!data || stat(records, &st) != 0) {
		printf("SKIP gatewayctl schema on real data: GATEWAY_TEST_DATA not found\n");
		return;
	}
	ck_assert_int_eq(run(false, "validate", schema, records, NULL), CTL_OK);
	ck_assert_ptr_nonnull(strstr(out, "615 valid, 0 invalid\n"));
	ck_assert_int_eq(run(false, "test", "--remotes", remotes, ref, NULL), CTL_OK);
	ck_assert_ptr_nonnull(strstr(out, " passed, 0 failed\n"));
}
END_TEST

TCase *make_schema_cli_case(void)
{
	TCase *c = tcase_create("schema_cli");

	tcase_add_checked_fixture(c, enter_folder, leave_folder);
	tcase_set_timeout(c, 30);
	tcase_add_test(c, a_verdict_a_file_with_all_errors);
	tcase_add_test(c, a_verdict_a_line);
	tcase_add_test(c, long_lines_are_one_instance);
	tcase_add_test(c, formats_fragments_and_drafts);
	tcase_add_test(c, strict_refuses_unknown_keywords);
	tcase_add_test(c, references_reach_given_files_only);
	tcase_add_test(c, answers_as_json);
	tcase_add_test(c, bad_usage_and_missing_files);
	tcase_add_test(c, a_limit_refuses);
	tcase_add_test(c, suite_files);
	tcase_add_test(c, real_data);
	return c;
}
