/* libFuzzer target: any bytes as each of the small texts that gateways send each other: ids, digests, base16 to base64, instants,
 * dates, durations, numbers. What is read prints the same again, or what prints reads as the same. */
#include "lib/base/datetime.h"
#include "lib/base/encode.h"
#include "lib/base/ids.h"
#include "lib/base/traceparent.h"
#include "test/fuzz/target.h"

static void check_ids(struct view in, struct buf *out)
{
	char text[UUID_TEXT + 1];
	struct uuid u;
	struct digest d;
	unsigned long long n;

	if (uuid_parse(in, &u)) {
		uuid_print(&u, text);
		must(view_is(in, text));
	}
	buf_reset(out);
	if (digest_parse(in, &d)) {
		digest_print(out, &d);
		must(view_eq(buf_view(out), in));
	}
	buf_reset(out);
	if (view_to_u64(in, UINT64_MAX, &n)) {
		buf_addu(out, n);
		must(view_eq(buf_view(out), in));
	}
}

static void check_encodings(struct view in, struct buf *out)
{
	static const struct {
		bool (*decode)(struct view in, void *out, size_t size, size_t *n);
		void (*encode)(struct buf *out, struct view in);
	} codes[] = { { hex_decode, hex_encode },
		      { base64_decode, base64_encode },
		      { base64url_decode, base64url_encode },
		      { base32_decode, base32_encode } };
	char *room = malloc(in.n + 1);
	size_t n, again;

	must(room != NULL);
	for (unsigned i = 0; i < 4; i++) {
		buf_reset(out);
		if (codes[i].decode(in, room, in.n + 1, &n)) {
			codes[i].encode(out, view_make(room, n));
			must(view_eq(buf_view(out), in));
			/* Room for what comes is enough, and one byte less is not. */
			must(codes[i].decode(in, room, n, &again) && again == n);
			must(n == 0 || !codes[i].decode(in, room, n - 1, &again));
		}
		buf_reset(out);
		codes[i].encode(out, in);
		must(codes[i].decode(buf_view(out), room, in.n, &n) && view_eq(view_make(room, n), in));
	}
	free(room);
}

static void check_times(struct view in, struct buf *out)
{
	char text[TIME_TEXT + 1];
	int64_t ms, again;
	struct date d;
	struct duration du, back;

	if (time_parse(in, &ms)) {
		time_print(ms, text);
		must(strlen(text) == TIME_TEXT && time_parse(view_of(text), &again) && again == ms);
	}
	if (date_parse(in, &d)) {
		struct date same = date_from_days(date_to_days(d));
		must(d.year == same.year && d.month == same.month && d.day == same.day);
	}
	buf_reset(out);
	if (duration_parse(in, &du)) {
		duration_print(out, &du);
		must(duration_parse(buf_view(out), &back) && memcmp(&du, &back, sizeof du) == 0);
		must(duration_at_most(&du, &back) && !duration_below(&du, &back));
		must(duration_add(0, &du) >= 0 || duration_add(0, &du) == TIME_NONE);
	}
}

/* What is printed of one reads as the same. */
static void check_trace(struct view in)
{
	char text[TRACEPARENT_TEXT + 1];
	struct traceparent t, again;

	if (!traceparent_parse(in, &t))
		return;
	traceparent_print(&t, text);
	must(strlen(text) == TRACEPARENT_TEXT && traceparent_parse(view_of(text), &again) &&
	     memcmp(&t, &again, sizeof t) == 0);
	must(in.n > TRACEPARENT_TEXT || in.p[0] != '0' || in.p[1] != '0' ||
	     memcmp(in.p, text, TRACEPARENT_TEXT - 2) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct buf out = { .max = 1u << 16 };
	struct view in = exact(view_make(data, size));

	must(utf8_valid(in) <= in.n);
	check_ids(in, &out);
	check_encodings(in, &out);
	check_times(in, &out);
	check_trace(in);
	exact_free(in);
	return 0;
}
