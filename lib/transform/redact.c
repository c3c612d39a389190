/* See redact.h. The text goes by once, in a window of signs that is filled ahead of the place that is looked at; at
 * each place the recognisers try in the order of their enum, and the first that finds something takes it. A find has
 * fewer signs than LOOKAHEAD, so that time grows with the text's length alone. */
#include "lib/transform/redact.h"

#include "lib/base/ids.h"
#include "lib/transform/points.h"
#include "lib/transform/recognise.h"

#define WINDOW   (2 * LOOKAHEAD)
#define FIND_MAX (LOOKAHEAD / 2) /* signs of a find that takes others along */

const char *recogniser_name(enum recogniser r)
{
	static const char *const names[] = {
		[RECOGNISER_MRZ] = "mrz",     [RECOGNISER_IBAN] = "iban",   [RECOGNISER_CARD] = "card",
		[RECOGNISER_EMAIL] = "email", [RECOGNISER_PHONE] = "phone", [RECOGNISER_WORD] = "word",
	};

	return (unsigned)r < RECOGNISER_COUNT ? names[r] : "";
}

enum recogniser recogniser_find(struct view name)
{
	for (int r = 0; r < RECOGNISER_COUNT; r++)
		if (view_is(name, recogniser_name((enum recogniser)r)))
			return (enum recogniser)r;
	return RECOGNISER_COUNT;
}

struct window {
	struct reading reading;
	struct sign signs[WINDOW];
	size_t at, n, used; /* the place, signs that were read, and the most that there were */
	size_t fresh;       /* behind the last find */
	size_t address;     /* the next sign that may be an address's @; before `at`: to be looked for */
	bool ended;
	int32_t before, before2;
};

/* Moves what is still ahead, and a little of what is behind, to the front and reads on, when less than the recognisers
 * may look at is left. */
static void fill(struct window *w)
{
	size_t from = w->at > LOOKBACK ? w->at - LOOKBACK : 0;

	if (w->ended || w->n - w->at >= LOOKAHEAD)
		return;
	memmove(w->signs, w->signs + from, (w->n - from) * sizeof w->signs[0]);
	w->n -= from;
	w->at -= from;
	w->fresh -= w->fresh < from ? w->fresh : from;
	/* What was the window's end may be a word's midst. */
	w->address = 0;
	w->n += reading_fill(&w->reading, w->signs + w->n, WINDOW - w->n);
	w->ended = w->n < WINDOW;
	w->used = w->n > w->used ? w->n : w->used;
}

static size_t find(enum recogniser r, const struct dictionary *words, const struct place *p)
{
	switch (r) {
	case RECOGNISER_MRZ: return find_mrz(p);
	case RECOGNISER_IBAN: return find_iban(p);
	case RECOGNISER_CARD: return find_card(p);
	case RECOGNISER_EMAIL: return find_email(p);
	case RECOGNISER_PHONE: return find_phone(p);
	case RECOGNISER_WORD: return words ? find_word(words, p) : 0;
	case RECOGNISER_COUNT: break;
	}
	return 0;
}

#define BIT(name) (1u << RECOGNISER_##name)

/* Which recognisers may begin here. Most places are within a word or a number, where only an account's letters that
 * are glued to a word can be. */
static unsigned possible(const struct place *p)
{
	const unsigned words = BIT(MRZ) | BIT(EMAIL) | BIT(WORD);
	int32_t c = sign_at(p, 0);

	if (sign_is_digit(c)) {
		unsigned numbers = words | BIT(CARD) | (c == '0' ? BIT(PHONE) : 0);
		return sign_is_digit(p->before) ? 0 : numbers;
	}
	if (sign_is_letter(c)) {
		bool third = sign_is_letter(sign_at(p, 1)) && sign_is_letter(sign_at(p, 2));
		unsigned account = third ? 0 : BIT(IBAN);
		return sign_is_letter(p->before) ? account : account | words | (c == 'p' ? BIT(PHONE) : 0);
	}
	if (c >= 0x80)
		return (1u << RECOGNISER_COUNT) - 1;
	return c == '<'                             ? BIT(MRZ)
	       : c == '+'                           ? BIT(PHONE) | BIT(EMAIL)
	       : sign_is(c, SIGN_LOCAL) || c == '"' ? BIT(EMAIL)
	                                            : 0;
}

/* The first that finds something at the place, and the signs of it. */
static size_t find_any(unsigned set, const struct dictionary *words, const struct place *p, enum recogniser *which)
{
	size_t n = 0;

	for (unsigned may = set & possible(p); may && n == 0; may &= may - 1) {
		*which = (enum recogniser)__builtin_ctz(may);
		n = find(*which, words, p);
	}
	return n;
}

/* Letter or digit of ASCII, or neither. */
static inline unsigned kind_of(int32_t c)
{
	return c < 0x80 ? sign_classes[c] & (SIGN_LETTER | SIGN_DIGIT) : 0;
}

/* Whether anything may begin at the sign, behind which three others stand: as possible() says, but that an account within
 * a word has two digits behind its letters. */
static inline bool may_begin(const struct sign *s, unsigned before)
{
	unsigned kind = kind_of(s->point);

	if (s->point >= 0x80 || (kind && kind != before))
		return true;
	if (!kind)
		return sign_is(s->point, SIGN_LOCAL | SIGN_OPENS) || s->point == '"';
	return kind == SIGN_LETTER && sign_is_digit(s[2].point) && sign_is_digit(s[3].point);
}

/* A find that another one overlaps takes it along, so that of neither a part is left. */
static size_t extend(unsigned set, const struct dictionary *words, const struct place *p, size_t n)
{
	enum recogniser ignored;

	for (size_t i = 1; i < n && n < FIND_MAX; i++) {
		if (i + 3 < p->n && !may_begin(p->s + i, kind_of(p->s[i - 1].point)))
			continue;
		const struct place inner = { .s = p->s + i,
			                     .n = p->n - i,
			                     .back = p->back + i,
			                     .before = p->s[i - 1].point,
			                     .before2 = i > 1 ? p->s[i - 2].point : p->before };
		size_t more = find_any(set, words, &inner, &ignored);

		n = i + more > n ? i + more : n;
	}
	return n;
}

static void put_placeholder(struct buf *out, enum recogniser which)
{
	buf_addc(out, '[');
	buf_adds(out, recogniser_name(which));
	buf_addc(out, ']');
}

/* What an earlier redaction left: "[iban]". Its signs. */
static size_t placeholder(const struct place *p)
{
	for (int r = 0; sign_at(p, 0) == '[' && r < RECOGNISER_COUNT; r++) {
		const char *name = recogniser_name((enum recogniser)r);
		size_t n = 0;

		while (name[n] && sign_at(p, 1 + n) == name[n])
			n++;
		if (!name[n] && sign_at(p, 1 + n) == ']')
			return n + 2;
	}
	return 0;
}

static void pass(struct window *w, size_t n)
{
	for (; n > 0; n--) {
		w->before2 = w->before;
		w->before = w->signs[w->at++].point;
	}
}

/* Goes on to the next sign at which anything may begin. */
static void skip(struct window *w)
{
	const struct sign *from = w->signs + w->at, *s = from, *last = w->signs + (w->n > 3 ? w->n - 3 : 0);
	unsigned before = kind_of(w->before);

	for (; s < last && !may_begin(s, before); s++)
		before = kind_of(s->point);
	if (s == from)
		return;
	w->before2 = s - from > 1 ? s[-2].point : w->before;
	w->before = s[-1].point;
	w->at += (size_t)(s - from);
}

/* Whether no address can begin within `reach` signs. */
static bool no_address(struct window *w, size_t reach)
{
	if (w->address < w->at) {
		const struct place p = {
			.s = w->signs + w->at, .n = w->n - w->at, .before = w->before, .before2 = w->before2
		};
		size_t i = find_at(&p, w->ended);
		w->address = i == p.n && w->ended ? SIZE_MAX : w->at + i;
	}
	return w->address - w->at >= reach + ADDRESS_REACH;
}

size_t redact(unsigned set, const struct dictionary *words, struct view text, struct buf *out,
              uint32_t counts[RECOGNISER_COUNT])
{
	struct window w;
	size_t copied = 0, finds = 0;

	if (text.n > REDACT_TEXT_MAX)
		return REDACT_REFUSED;
	reading_start(&w.reading, text);
	w.at = w.n = w.used = w.fresh = w.address = 0;
	w.ended = false;
	w.before = w.before2 = 0;
	for (fill(&w); w.at < w.n; fill(&w)) {
		skip(&w);
		fill(&w);
		const struct place p = { .s = w.signs + w.at,
			                 .n = w.n - w.at,
			                 .back = w.at - w.fresh,
			                 .before = w.before,
			                 .before2 = w.before2 };
		size_t n = placeholder(&p), from = p.s[0].from;
		enum recogniser which;

		if (n == 0) {
			n = find_any(no_address(&w, 0) ? set & ~BIT(EMAIL) : set, words, &p, &which);
			if (n == 0) {
				pass(&w, 1);
				continue;
			}
			n = extend(no_address(&w, FIND_MAX) ? set & ~BIT(EMAIL) : set, words, &p, n);
			finds++;
			if (counts)
				counts[which]++;
			/* A character that became several signs may have gone with the find before. */
			if (out && from > copied)
				buf_add(out, view_make(text.p + copied, from - copied));
			if (out)
				put_placeholder(out, which);
			copied = p.s[n - 1].to;
		}
		pass(&w, n);
		w.before = w.before2 = 0;
		w.fresh = w.at;
	}
	if (out)
		buf_add(out, view_from(text, copied));
	wipe(w.signs, w.used * sizeof w.signs[0]);
	return finds;
}
