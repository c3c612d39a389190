/* A decision names its shape, which lies in the store once; an agreement that has as many as are kept lists each leaf. */
#include "gatewayd/core/store/log.h"
#include "gatewayd/core/store/shape.h"
#include "test/core/exchange/exchange_fixture.h"

TCase *make_exchange_shape_case(void);

static uint64_t shapes_stored(void)
{
	uint64_t n;

	OK(store_count_shapes(f.reader, VIEW("pnr"), &n, e));
	return n;
}

static bool names_one(const struct exchange *x, struct digest *out)
{
	return shape_named(buf_view(&x->written.sd.packed), out);
}

START_TEST(named_by_digest)
{
	struct submission s = submission_by(NORTH_SYSTEM, "pnr");
	struct exchange *x = sent(&s, released_text());
	struct digest first, second;
	struct view text;

	ck_assert(names_one(x, &first));
	ck_assert_uint_eq(shapes_stored(), 1);
	OK(store_find_shape(f.reader, x->found.index, &text, e));
	ck_assert(memmem(text.p, text.n, "/travellers/*/family", 20));
	ck_assert_ptr_null(x->reserved.shape);
	exchange_recycle(x);
	/* Another record of its kind names the same. */
	x = sent(&s, text_of(of_nation("XAB")));
	ck_assert(names_one(x, &second) && digest_eq(&first, &second));
	exchange_recycle(x);
	ck_assert_uint_eq(shapes_stored(), 1);
	/* One with a field more another. */
	json_t *doc = pnr("released");
	json_object_set_new(json_object_get(doc, "record"), "split_from", json_string("ABC123"));
	x = sent(&s, text_of(doc));
	ck_assert(names_one(x, &second) && !digest_eq(&first, &second));
	exchange_recycle(x);
	ck_assert_uint_eq(shapes_stored(), 2);
	ck_assert_uint_eq(atomic_load(&f.core.shapes_underway), 0);
	/* Nothing leaves: there is none. */
	x = sent(&s, text_of(pnr("refused-case-missing")));
	ck_assert(!names_one(x, &second));
	exchange_recycle(x);
	ck_assert_uint_eq(shapes_stored(), 2);
}
END_TEST

static bool put_many(void *arg, const struct act *a, struct error *e)
{
	struct store_shape shape = { .agreement = VIEW("pnr"), .text = VIEW("{\"dropped\":[],\"released\":[]}") };
	uint64_t index;

	for (unsigned i = 0; i < *(unsigned *)arg; i++) {
		memcpy(shape.digest.b, &i, sizeof i);
		if (!writer_append_shaped(a->writer, a->job, VIEW("{}"), VIEW("[\"x\"]"), &shape, &index, e))
			return false;
	}
	return true;
}

START_TEST(each_leaf_where_there_are_too_many)
{
	struct submission s = submission_by(NORTH_SYSTEM, "pnr");
	unsigned many = STORE_SHAPES_MAX - 1;
	struct core_job put_them = core_act(&f, put_many, &many);
	struct digest named;
	struct view text;

	ck_assert_msg(put_them.committed, "%s", put_them.error.text);
	/* The last place is taken by what is under way already: whoever is decided meanwhile has none. */
	struct exchange *x = decide(&s, released_text());
	ck_assert(exchange_prepare(x) && names_one(x, &named));
	json_t *doc = pnr("released");
	json_object_set_new(json_object_get(doc, "record"), "split_from", json_string("ABC123"));
	struct view other = text_of(doc);
	struct exchange *y = sent(&s, other);
	ck_assert(!names_one(y, &named));
	ck_assert(!store_find_shape(f.reader, y->found.index, &text, NULL));
	exchange_recycle(y);
	exchange_commit(x, true, note_commit, &commits);
	core_wait(&f, &commits, 2);
	exchange_recycle(x);
	ck_assert_uint_eq(shapes_stored(), STORE_SHAPES_MAX);
	ck_assert_uint_eq(atomic_load(&f.core.shapes_underway), 0);
	/* Full: what is known goes on, what is new does not come in. */
	x = sent(&s, released_text());
	ck_assert(names_one(x, &named));
	exchange_recycle(x);
	x = sent(&s, other);
	ck_assert(!names_one(x, &named));
	exchange_recycle(x);
	ck_assert_uint_eq(shapes_stored(), STORE_SHAPES_MAX);
}
END_TEST

/* What was prepared and is decided anew holds no place. */
START_TEST(a_place_is_given_back)
{
	struct submission s = submission_by(NORTH_SYSTEM, "pnr");
	struct exchange *x = decide(&s, released_text());

	ck_assert(exchange_prepare(x));
	ck_assert_uint_eq(atomic_load(&f.core.shapes_underway), 1);
	exchange_decide(&decider, &s, released_text(), x);
	ck_assert_uint_eq(atomic_load(&f.core.shapes_underway), 0);
	exchange_recycle(x);
	ck_assert_uint_eq(shapes_stored(), 0);
}
END_TEST

TCase *make_exchange_shape_case(void)
{
	TCase *c = tcase_create("exchange_shape");

	tcase_add_checked_fixture(c, exchange_open, exchange_close);
	tcase_add_test(c, named_by_digest);
	tcase_add_test(c, each_leaf_where_there_are_too_many);
	tcase_add_test(c, a_place_is_given_back);
	return c;
}
