/* Signed documents go forward only: from what is in force, from what the store remembers, and from both when the store
 * does not know yet what the last reload brought. */
#include "gatewayd/core/audit/governing.h"

#include "gatewayd/core/store/rest.h"
#include "lib/policy/consents.h"
#include "test/policy/document_fixture.h" /* before the one that has a global `s` */
#include "test/core/store_fixture.h"

TCase *make_governing_case(void);

/* A configuration of north with at most one document, and the agreement that it is about. */
struct made {
	struct conf conf;
	struct signed_document *document;
	struct agreement *agreement;
};

static struct schema_files files;

static void set_up(void)
{
	setup();
	schema_files_read(&files);
}

static void tear_down(void)
{
	schema_files_free(&files);
	teardown();
}

static struct agreement *held(const char *id)
{
	struct agreement_sources from = draft_sources(&files);
	struct error_list errors = { .max = 20 };
	json_t *doc = preset(id);
	if (strcmp(id, "humanitarian") == 0)
		put(doc, "/consent/given", "\"north\"");
	struct agreement *a = load_doc(doc, &from, &errors);

	ck_assert(a != NULL);
	json_decref(doc);
	return a;
}

/* `number` 0: without the document; `agreement` NULL: without the agreement. */
static void make(struct made *m, enum document_kind kind, unsigned number, const char *agreement)
{
	struct error_list errors = { .max = 20 };
	json_t *doc = right_document(kind);

	*m = (struct made){ .conf = { .node = { .agency = "north" } } };
	json_object_set_new(doc, "number", json_integer(number));
	if (number) {
		m->document = load_document(doc, NOW, &errors);
		ck_assert(m->document != NULL);
		m->conf.documents = &m->document;
		m->conf.n_documents = 1;
	}
	if (agreement) {
		m->agreement = held(agreement);
		m->conf.agreements = &m->agreement;
		m->conf.n_agreements = 1;
	}
	json_decref(doc);
}

static void drop(struct made *m)
{
	signed_document_free(m->document);
	agreement_unref(m->agreement);
}

/* What governing_submit() writes of a document. */
static void remember(const char *name, enum document_kind kind)
{
	struct signed_document *d = loaded_document(kind);
	struct buf digest = BUF_INIT(65);

	digest_print(&digest, &d->digest);
	begin();
	OK(store_put_document(s, &d->digest, view_of(document_kind_name(kind)), d->text, NOW, e));
	OK(store_put_value(s, view_of(name), buf_view(&digest), e));
	commit();
	buf_free(&digest);
	signed_document_free(d);
}

static void permits(const struct conf *running, const struct made *fresh, const char *says)
{
	struct error_list errors = { .max = 20 };
	bool permitted = governing_permits(s, running, &fresh->conf, NOW, &errors);

	ck_assert_msg(permitted == (says == NULL), "%s", errors.n ? errors.items[0].text : "permitted");
	ck_assert(permitted == (errors.n == 0));
	if (says)
		ck_assert_msg(strstr(errors.items[0].text, says) != NULL, "%s", errors.items[0].text);
	error_list_free(&errors);
}

static const struct about {
	enum document_kind kind;
	const char *agreement, *name;
} all[] = {
	{ DOCUMENT_WITHDRAWALS, "humanitarian", "document/withdrawals/humanitarian/north" },
	{ DOCUMENT_CONSENTS, "humanitarian", "document/consents/humanitarian/north" },
	{ DOCUMENT_TRAINING, NULL, "document/training//north" },
	{ DOCUMENT_EPOCHS, "pnr", "document/epochs/pnr/north" },
};

START_TEST(from_what_is_in_force)
{
	const struct about *a = &all[_i];
	struct made running, fresh;

	make(&running, a->kind, 3, a->agreement);
	static const struct {
		unsigned number;
		const char *says;
	} cases[] = {
		{ 3, NULL },
		{ 4, NULL },
		{ 2, "a rollback: number 3" },
		{ 0, "was in force and is gone" },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		make(&fresh, a->kind, cases[i].number, a->agreement);
		permits(&running.conf, &fresh, cases[i].says);
		permits(NULL, &fresh, NULL); /* nothing is remembered */
		drop(&fresh);
	}
	drop(&running);
}
END_TEST

START_TEST(from_what_the_store_remembers)
{
	const struct about *a = &all[_i];
	struct made running, fresh;

	remember(a->name, a->kind);
	make(&running, a->kind, 4, a->agreement);
	permits(NULL, &running, NULL);
	/* Both count: what is in force may be newer than what is remembered. */
	make(&fresh, a->kind, 2, a->agreement);
	permits(NULL, &fresh, "a rollback: number 3");
	drop(&fresh);
	make(&fresh, a->kind, 3, a->agreement);
	permits(&running.conf, &fresh, "a rollback: number 4");
	drop(&fresh);
	make(&fresh, a->kind, 0, a->agreement);
	permits(NULL, &fresh, "was in force and is gone");
	drop(&fresh);
	drop(&running);
}
END_TEST

/* With its agreement a document goes, and when the agreement comes back the store still knows. */
START_TEST(a_document_goes_with_its_agreement)
{
	const struct about *a = &all[_i];
	struct made running, fresh;

	if (!a->agreement)
		return;
	remember(a->name, a->kind);
	make(&running, a->kind, 3, a->agreement);
	make(&fresh, a->kind, 0, NULL);
	permits(&running.conf, &fresh, NULL);
	drop(&running);
	make(&running, a->kind, 2, a->agreement);
	permits(&fresh.conf, &running, "a rollback: number 3");
	drop(&fresh);
	drop(&running);
}
END_TEST

/* Whoever issues them. */
START_TEST(lists_of_an_agreement_keep_their_salt)
{
	struct made fresh;
	uint8_t salt[16] = { 1 };

	for (unsigned k = 0; k < 2; k++) {
		make(&fresh, k ? DOCUMENT_CONSENTS : DOCUMENT_WITHDRAWALS, 3, "humanitarian");
		permits(NULL, &fresh, NULL);
		begin();
		OK(store_put_value(s, VIEW("consents/salt/humanitarian"), view_make(salt, sizeof salt), e));
		OK(store_put_value(s, VIEW("consents/salt/other"), VIEW("another one"), e));
		commit();
		permits(NULL, &fresh, "is not that of the lists that were in force for this agreement");
		begin();
		OK(store_put_value(s, VIEW("consents/salt/humanitarian"), consents_salt(fresh.document), e));
		commit();
		permits(NULL, &fresh, NULL);
		begin();
		OK(store_put_value(s, VIEW("consents/salt/humanitarian"), VIEW(""), e));
		commit();
		drop(&fresh);
	}
}
END_TEST

START_TEST(what_cannot_be_read_permits_nothing)
{
	struct made fresh;

	make(&fresh, DOCUMENT_TRAINING, 4, NULL);
	begin();
	OK(store_put_value(s, VIEW("document/training//north"), VIEW("no digest"), e));
	commit();
	permits(NULL, &fresh, "is not in the store");
	begin();
	OK(store_put_value(s, VIEW("document/training//north"), VIEW(OFFICER_A), e));
	commit();
	permits(NULL, &fresh, "is not in the store");
	drop(&fresh);
}
END_TEST

TCase *make_governing_case(void)
{
	TCase *c = tcase_create("governing");
	int n = sizeof all / sizeof *all;

	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_add_loop_test(c, from_what_is_in_force, 0, n);
	tcase_add_loop_test(c, from_what_the_store_remembers, 0, n);
	tcase_add_loop_test(c, a_document_goes_with_its_agreement, 0, n);
	tcase_add_test(c, lists_of_an_agreement_keep_their_salt);
	tcase_add_test(c, what_cannot_be_read_permits_nothing);
	return c;
}
