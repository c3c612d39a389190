/* A backup's folder: what is written, written again, and read. */
#include "gatewayd/core/backup/folder.h"

#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "test/core/scratch.h"

#define ORIGIN "gw.north.example/audit/gw1/1"
#define PIECES 3

static struct scratch_dir dir;
static struct note_signer signer;
static struct hmac_key *tags;
static struct envelope_recipient *to;
static struct envelope_opener *opener;
static char *source; /* PIECES of them, the last short */
static size_t source_n = (PIECES - 1) * (size_t)PIECE_BYTES + 1000;

static const char *box(void)
{
	return scratch_file(&dir, "box");
}

static void make_keeper(void)
{
	char command[1200];

	snprintf(
	        command, sizeof command,
	        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=keeper -keyout %s -out "
	        "%s 2>/dev/null",
	        scratch_file(&dir, "keeper.key"), scratch_file(&dir, "keeper.pem"));
	ck_assert_int_eq(system(command), 0);
	struct view cert = scratch_read(scratch_file(&dir, "keeper.pem")),
	            key = scratch_read(scratch_file(&dir, "keeper.key"));
	OK((to = envelope_recipient_new(cert, e)) != NULL);
	OK((opener = envelope_opener_new(cert, key, e)) != NULL);
	scratch_free(cert);
	scratch_free(key);
}

static void setup(void)
{
	static const uint8_t seed[32] = { 9 };
	uint8_t public_key[32];

	dir = scratch_new();
	signer.key = ed25519_from_seed(seed);
	ed25519_public(signer.key, public_key);
	ck_assert(note_vkey_make(VIEW(ORIGIN), NOTE_ED25519, public_key, &signer.vkey));
	tags = hmac_key_new(VIEW("a key for tags"));
	make_keeper();
	source = malloc(source_n);
	for (size_t i = 0; i < source_n; i++)
		source[i] = (char)(i * 31 + i / 4096);
}

static void teardown(void)
{
	ed25519_free(signer.key);
	hmac_key_free(tags);
	envelope_recipient_free(to);
	envelope_opener_free(opener);
	free(source);
	scratch_remove(&dir);
}

static bool try_write(const struct uuid *id, struct backup_written *out, struct error *e)
{
	scratch_write(scratch_file(&dir, "source"), view_make(source, source_n));
	struct backup_writing w = { .dir = box(),
		                    .source = open(scratch_file(&dir, "source"), O_RDONLY),
		                    .to = to,
		                    .tags = tags,
		                    .signer = &signer,
		                    .manifest = { .kind = BACKUP_STORE,
		                                  .origin = ORIGIN,
		                                  .id = *id,
		                                  .made_ms = 1,
		                                  .until_ms = 1000,
		                                  .bytes = source_n } };
	bool ok = backup_write(&w, out, e);

	close(w.source);
	return ok;
}

static const struct uuid id = { { 1 } };

static uint64_t written(void)
{
	struct backup_written done = { 0 };

	OK(try_write(&id, &done, e));
	ck_assert_uint_eq(done.pieces, PIECES);
	return done.written;
}

static bool try_read(struct error *e)
{
	struct manifest m;
	int fd = open(scratch_file(&dir, "target"), O_RDWR | O_CREAT | O_TRUNC, 0600);
	bool ok = backup_manifest(box(), &signer.vkey, &m, e) && backup_read(box(), &m, opener, fd, NULL, NULL, e);

	close(fd);
	return ok;
}

static void must_read(void)
{
	OK(try_read(e));
	struct view got = scratch_read(scratch_file(&dir, "target"));
	ck_assert(view_eq(got, view_make(source, source_n)));
	scratch_free(got);
}

static unsigned count_pieces(char last[PATH_MAX])
{
	DIR *d = opendir(scratch_file(&dir, "box/pieces"));
	struct dirent *entry;
	unsigned n = 0;

	while ((entry = readdir(d)))
		if (entry->d_name[0] != '.') {
			snprintf(last, PATH_MAX, "box/pieces/%.200s", entry->d_name);
			n++;
		}
	closedir(d);
	return n;
}

START_TEST(only_what_changed_is_written_again)
{
	char last[PATH_MAX];
	struct stat st;

	ck_assert_uint_eq(written(), PIECES);
	must_read();
	ck_assert_int_eq(stat(box(), &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0700);
	ck_assert_uint_eq(written(), 0);
	source[PIECE_BYTES + 5] ^= 1;
	ck_assert_uint_eq(written(), 1);
	ck_assert_uint_eq(count_pieces(last), PIECES);
	must_read();
	/* One that is lost or was altered is made anew. */
	ck_assert_int_eq(unlink(scratch_file(&dir, last)), 0);
	ck_assert_uint_eq(written(), 1);
	count_pieces(last);
	ck_assert_int_eq(truncate(scratch_file(&dir, last), 100), 0);
	ck_assert_uint_eq(written(), 1);
	must_read();
}
END_TEST

START_TEST(another_certificate_seals_all_of_it_anew)
{
	char last[PATH_MAX];

	written();
	struct envelope_opener *before = opener;
	envelope_recipient_free(to);
	make_keeper();
	ck_assert_uint_eq(written(), PIECES);
	ck_assert_uint_eq(count_pieces(last), PIECES);
	must_read();
	struct envelope_opener *now = opener;
	opener = before;
	REFUSED(REASON_CONFIG, try_read(e));
	opener = now;
	envelope_opener_free(before);
}
END_TEST

/* What somebody else signed, or nobody, is not taken over: its pieces might hold anything. */
START_TEST(nothing_is_taken_over_from_a_list_that_was_not_signed)
{
	written();
	struct view manifest = scratch_read(scratch_file(&dir, "box/manifest"));
	char *copy = strndup(manifest.p, manifest.n), *made = strstr(copy, "made 1970");

	made[strlen("made ")] = '2';
	scratch_write(scratch_file(&dir, "box/manifest"), view_of(copy));
	free(copy);
	scratch_free(manifest);
	REFUSED(REASON_TAMPERED, try_read(e));
	ck_assert_uint_eq(written(), PIECES);
	must_read();
}
END_TEST

START_TEST(anothers_folder_is_let_be)
{
	static const struct uuid other = { { 2 } };
	struct backup_written done;

	written();
	REFUSED(REASON_CONFIG, try_write(&other, &done, e));
	must_read();
	ck_assert_int_eq(unlink(scratch_file(&dir, "box/manifest")), 0);
	scratch_write(scratch_file(&dir, "box/letter"), VIEW("dear colleague"));
	REFUSED(REASON_CONFIG, try_write(&id, &done, e));
}
END_TEST

/* The one before stays whole until the manifest is renamed. */
START_TEST(an_interrupted_run_leaves_the_one_before)
{
	struct backup_written done;

	written();
	struct view before = view_make(strndup(source, 1), 1);
	source[0] ^= 1;
	/* Where the manifest cannot be written there is no switch. */
	ck_assert_int_eq(mkdir(scratch_file(&dir, "box/manifest.new"), 0700), 0);
	struct error why = { .reason = REASON_NONE };
	ck_assert(!try_write(&id, &done, &why));
	ck_assert_int_eq(why.reason, REASON_IO);
	OK(try_read(e));
	struct view got = scratch_read(scratch_file(&dir, "target"));
	ck_assert(got.p[0] == before.p[0]);
	scratch_free(got);
	free((void *)(uintptr_t)before.p);
	ck_assert_int_eq(rmdir(scratch_file(&dir, "box/manifest.new")), 0);
	written();
	must_read();
}
END_TEST

TCase *make_folder_case(void);
TCase *make_folder_case(void)
{
	TCase *tc = tcase_create("folder");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, only_what_changed_is_written_again);
	tcase_add_test(tc, another_certificate_seals_all_of_it_anew);
	tcase_add_test(tc, nothing_is_taken_over_from_a_list_that_was_not_signed);
	tcase_add_test(tc, anothers_folder_is_let_be);
	tcase_add_test(tc, an_interrupted_run_leaves_the_one_before);
	return tc;
}
