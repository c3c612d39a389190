/* libFuzzer target: any bytes as what core sends the edge to be; and as the limits, the names and the certificates of one that is
 * otherwise right. What is taken has contexts, and its views lie in its own bytes. */
#include "gatewayd/edge/settings.h"
#include "lib/base/wire.h"
#include "test/fuzz/certificates.h"
#include "test/fuzz/target.h"

#define LIMITS VIEW("1000\n10\n10\n10\n5\n6\n7\n8\n9\n4\n100\n1\n2\n3\n4\n5\n")
#define PARTS  9

static bool inside(struct view part, const struct buf *whole)
{
	return part.n == 0 || (part.p >= whole->p && part.p + part.n <= whole->p + whole->n);
}

/* Every key is found, for one of the partners; every prefix has its own address. */
static void check_lists(const struct settings *s)
{
	for (size_t i = 0; i < s->n_partners; i++) {
		struct digest partner, again;
		must(settings_partner(s, &s->partners[i].key, &partner) && settings_partner(s, &partner, &again));
	}
	for (size_t i = 0; i < s->n_reserved; i++)
		must(s->reserved[i].bits <= 128 && settings_lists(s, &s->reserved[i].address));
}

/* Takes the bytes. */
static bool check(struct buf *bytes)
{
	struct error e = { .reason = REASON_NONE };
	struct settings *s = settings_new(bytes, &e);
	bool good = s != NULL;

	must(good == (e.reason == REASON_NONE) && bytes->n == 0);
	if (good) {
		must(s->tls && inside(s->hosts, &s->bytes) && inside(s->nameservers, &s->bytes));
		must(settings_ref(s) == s);
		check_lists(s);
		settings_unref(s);
	} else {
		must(e.text[0] && !memmem(e.text, sizeof e.text, "PRIVATE KEY", 11));
	}
	settings_unref(s);
	return good;
}

static void put(struct buf *b, const char *name, struct view value)
{
	put_view16(b, view_of(name));
	put_view32(b, value);
}

/* All parts are right but one, which is the input. */
static void check_part(struct view in, unsigned part)
{
	static const char *const names[] = { "tls.cert",    "tls.key", "tls.ca",   "names",   "hosts",
		                             "nameservers", "limits",  "partners", "reserved" };
	struct view values[] = { VIEW(ANNA_PEM), VIEW(ANNA_KEY), VIEW(CA_PEM), VIEW("north.example\n"),
		                 VIEW(""),       VIEW(""),       LIMITS,       VIEW(""),
		                 VIEW("") };
	struct buf b = BUF_INIT(SETTINGS_MAX);

	values[part] = in;
	for (unsigned i = 0; i < PARTS; i++)
		put(&b, names[i], values[i]);
	bool good = check(&b);
	/* Texts that are read later, line by line. */
	must(good || (part != 4 && part != 5));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view in = view_make(data, size);
	uint8_t part = first_byte(&in);
	struct buf b = BUF_INIT(SETTINGS_MAX);

	if (part < PARTS) {
		check_part(in, part);
		return 0;
	}
	buf_add(&b, in);
	(void)check(&b);
	return 0;
}
