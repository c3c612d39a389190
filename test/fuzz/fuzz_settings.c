/* libFuzzer target: any bytes as what core sends the edge to be; and as each of its texts, where all else is right. What is taken has
 * its views in its own bytes. Contexts of TLS, which take a thousand times as long to make, are stood in for: certificates and keys
 * are the target of material. */
#include "gatewayd/edge/gate.h"
#include "gatewayd/edge/settings.h"
#include "lib/base/wire.h"
#include "test/fuzz/target.h"

#define LIMITS VIEW("1000\n10\n10\n10\n5\n6\n7\n8\n9\n4\n100\n1\n2\n3\n4\n5\n")
#define PARTS  10
#define SECRET "made-up private key"

static unsigned contexts; /* that are there */

struct tls_contexts *tls_contexts_new(const struct tls_material *m, struct error *err)
{
	if (m->cert.n == 0 || m->key.n == 0 || m->ca.n == 0) {
		error_set(err, REASON_CONFIG, "no certificate");
		return NULL;
	}
	contexts++;
	return (struct tls_contexts *)&contexts;
}

void tls_contexts_unref(struct tls_contexts *c)
{
	must(!c || contexts-- > 0);
}

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
	for (size_t i = 0; i < s->n_known; i++)
		must(s->known[i].left_ms <= GATE_KNOWN_MS);
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
		must(inside(s->names, &s->bytes) && settings_answers_to(s, VIEW("north.example")) <= (s->names.n > 0));
		must(settings_ref(s) == s);
		check_lists(s);
		settings_unref(s);
	} else {
		must(e.text[0] && !memmem(e.text, sizeof e.text, SECRET, sizeof SECRET - 1));
	}
	settings_unref(s);
	must(contexts == 0);
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
	static const char *const names[] = { "tls.cert",    "tls.key", "tls.ca",   "names",    "hosts",
		                             "nameservers", "limits",  "partners", "reserved", "known" };
	struct view values[PARTS] = { VIEW("c"), VIEW(SECRET), VIEW("a"), VIEW("north.example\n"), [6] = LIMITS };
	struct buf b = BUF_INIT(SETTINGS_MAX);

	values[part] = in;
	for (unsigned i = 0; i < PARTS; i++)
		put(&b, names[i], values[i]);
	bool good = check(&b);
	/* Texts that are read later, line by line. */
	must(good || (part != 3 && part != 4 && part != 5));
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
