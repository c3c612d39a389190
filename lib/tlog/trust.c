/* C2SP tlog-policy. */
#include "lib/tlog/trust.h"

#define QUORUM_NONE  TRUST_NAMES_MAX
#define QUORUM_UNSET (TRUST_NAMES_MAX + 1)

/* A witness, or a group of names that were defined before it. */
struct member {
	struct view name;
	bool group;
	bool used;            /* already a member of a group */
	bool unknown;         /* witness: of an algorithm that is not known here: it has never cosigned */
	struct note_vkey key; /* witness */
	unsigned threshold;   /* group */
	unsigned n;
	uint8_t members[TRUST_NAMES_MAX];
};

struct trust {
	char *text; /* names look into it */
	struct note_vkey logs[TRUST_LOGS_MAX];
	struct view urls[TRUST_LOGS_MAX];
	size_t n_logs;
	struct member names[TRUST_NAMES_MAX];
	unsigned n_names;
	unsigned quorum;
};

/* The next word of a line; white space is blank and tab alone. */
static struct view word(struct view *line)
{
	size_t i = 0, start;

	while (i < line->n && (line->p[i] == ' ' || line->p[i] == '\t'))
		i++;
	start = i;
	while (i < line->n && line->p[i] != ' ' && line->p[i] != '\t')
		i++;
	struct view w = view_make(line->p + start, i - start);
	*line = view_from(*line, i);
	return w;
}

static unsigned find_name(const struct trust *t, struct view name)
{
	unsigned i = 0;

	while (i < t->n_names && !view_eq(t->names[i].name, name))
		i++;
	return i;
}

/* A URL may follow a key; nothing may follow the URL. */
static bool ends_with_url(struct view *line, struct view *url, struct error *e)
{
	*url = word(line);
	return word(line).n == 0 || error_set(e, REASON_CONFIG, "something follows the URL");
}

static bool add_log(struct trust *t, struct view *line, struct error *e)
{
	struct note_vkey *k = &t->logs[t->n_logs];

	if (t->n_logs == TRUST_LOGS_MAX)
		return error_set(e, REASON_CONFIG, "more than %d logs", TRUST_LOGS_MAX);
	if (!note_vkey_parse(word(line), k, NULL) || k->type != NOTE_ED25519)
		return error_set(e, REASON_CONFIG, "not a verifier key of a log");
	/* The logs of a node's epochs may have one key, under a name each. */
	for (size_t i = 0; i < t->n_logs; i++)
		if (strcmp(t->logs[i].name, k->name) == 0 && memcmp(t->logs[i].key, k->key, sizeof k->key) == 0)
			return error_set(e, REASON_CONFIG, "this log's key is listed already");
	t->n_logs++;
	return ends_with_url(line, &t->urls[t->n_logs - 1], e);
}

static struct member *add_name(struct trust *t, struct view name, struct error *e)
{
	if (name.n == 0 || view_is(name, "none")) {
		error_set(e, REASON_CONFIG, "a name is missing, or is the reserved one");
		return NULL;
	}
	if (find_name(t, name) < t->n_names) {
		error_set(e, REASON_CONFIG, "this name is defined already");
		return NULL;
	}
	if (t->n_names == TRUST_NAMES_MAX) {
		error_set(e, REASON_CONFIG, "more than %d witnesses and groups", TRUST_NAMES_MAX);
		return NULL;
	}
	t->names[t->n_names].name = name;
	return &t->names[t->n_names];
}

static bool add_witness(struct trust *t, struct view *line, struct error *e)
{
	struct member *m = add_name(t, word(line), e);

	if (!m)
		return false;
	struct error inner = { .reason = REASON_NONE };
	m->unknown = !note_vkey_parse(word(line), &m->key, &inner);
	if (m->unknown ? inner.reason != REASON_UNSUPPORTED : !note_type_cosigns(m->key.type))
		return error_set(e, REASON_CONFIG, "not a verifier key of a witness");
	for (unsigned i = 0; !m->unknown && i < t->n_names; i++)
		if (!t->names[i].group && !t->names[i].unknown &&
		    memcmp(t->names[i].key.key, m->key.key, sizeof m->key.key) == 0)
			return error_set(e, REASON_CONFIG, "this witness's key is listed already");
	t->n_names++;
	struct view url;
	return ends_with_url(line, &url, e);
}

static bool add_group(struct trust *t, struct view *line, struct error *e)
{
	struct member *m = add_name(t, word(line), e);
	unsigned long long number = 0;

	if (!m)
		return false;
	struct view threshold = word(line), name;
	while ((name = word(line)).n > 0) {
		unsigned i = find_name(t, name);

		if (i == t->n_names)
			return error_set(e, REASON_CONFIG, "a member is not defined on a line before");
		if (t->names[i].used)
			return error_set(e, REASON_CONFIG, "a member is in a group already");
		t->names[i].used = true;
		m->members[m->n++] = (uint8_t)i;
	}
	if (m->n == 0)
		return error_set(e, REASON_CONFIG, "a group needs a member");
	if (view_is(threshold, "any"))
		number = 1;
	else if (view_is(threshold, "all"))
		number = m->n;
	else if (!view_to_u64(threshold, m->n, &number) || number == 0)
		return error_set(e, REASON_CONFIG, "a threshold is any, all, or from 1 to the number of members");
	m->group = true;
	m->threshold = (unsigned)number;
	t->n_names++;
	return true;
}

static bool set_quorum(struct trust *t, struct view *line, struct error *e)
{
	struct view name = word(line);

	if (t->quorum != QUORUM_UNSET)
		return error_set(e, REASON_CONFIG, "a second quorum");
	t->quorum = view_is(name, "none") ? QUORUM_NONE : find_name(t, name);
	if (t->quorum == t->n_names)
		return error_set(e, REASON_CONFIG, "the quorum's name is not defined on a line before");
	return word(line).n == 0 || error_set(e, REASON_CONFIG, "the quorum is one name");
}

static bool parse_line(struct trust *t, struct view line, struct error *e)
{
	for (size_t i = 0; i < line.n; i++) {
		unsigned char c = (unsigned char)line.p[i];

		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return error_set(e, REASON_CONFIG, "a control character");
	}
	struct view keyword = word(&line);
	if (keyword.n == 0 || keyword.p[0] == '#')
		return true;
	if (view_is(keyword, "log"))
		return add_log(t, &line, e);
	if (view_is(keyword, "witness"))
		return add_witness(t, &line, e);
	if (view_is(keyword, "group"))
		return add_group(t, &line, e);
	if (view_is(keyword, "quorum"))
		return set_quorum(t, &line, e);
	return error_set(e, REASON_CONFIG, "a line starts with log, witness, group or quorum");
}

static bool parse(struct trust *t, struct view rest, struct error *e)
{
	if (rest.n == 0 || rest.p[rest.n - 1] != '\n')
		return error_set(e, REASON_CONFIG, "the policy does not end with a newline");
	rest.n--;
	for (uint32_t number = 1; rest.p; number++) {
		struct error inner = { 0 };

		if (!parse_line(t, view_cut(&rest, '\n'), &inner))
			return error_at(e, REASON_CONFIG, "policy", number, 0, "%s", inner.text);
	}
	return t->quorum != QUORUM_UNSET || error_set(e, REASON_CONFIG, "the policy has no quorum line");
}

struct trust *trust_parse(struct view text, struct error *e)
{
	struct trust *t = calloc(1, sizeof *t);

	if (t && (t->text = malloc(text.n + 1))) {
		memcpy(t->text, text.p ? text.p : "", text.n);
		t->quorum = QUORUM_UNSET;
		if (parse(t, view_make(t->text, text.n), e))
			return t;
	} else {
		error_set(e, REASON_NO_MEMORY, "no memory for a policy");
	}
	trust_free(t);
	return NULL;
}

void trust_free(struct trust *t)
{
	if (!t)
		return;
	free(t->text);
	free(t);
}

const struct note_vkey *trust_log(const struct trust *t, size_t i)
{
	return i < t->n_logs ? &t->logs[i] : NULL;
}

struct view trust_log_url(const struct trust *t, size_t i)
{
	return i < t->n_logs ? t->urls[i] : VIEW("");
}

/* --- judging --- */

static struct view host_of(const char *name)
{
	struct view rest = view_of(name);

	return view_cut(&rest, '/');
}

bool trust_is_gateway(const char *name)
{
	struct view rest = view_of(name);

	view_cut(&rest, '/');
	return view_starts(rest, VIEW("witness/"));
}

static bool independent(const struct trust *t, const struct note_vkey *witness)
{
	struct view host = host_of(witness->name);

	if (trust_is_gateway(witness->name))
		return false;
	for (size_t i = 0; i < t->n_logs; i++)
		if (view_eq(host, host_of(t->logs[i].name)))
			return false;
	return true;
}

/* When a name had witnessed: a group when so many of its members had as it asks for. 0: it has not. */
static uint64_t group_time(const struct member *m, const uint64_t time[TRUST_NAMES_MAX])
{
	uint64_t best = 0;

	for (unsigned k = 0; k < m->n; k++) {
		uint64_t t = time[m->members[k]];
		unsigned n = 0;

		for (unsigned i = 0; i < m->n; i++)
			n += time[m->members[i]] >= t;
		if (n >= m->threshold && t > best)
			best = t;
	}
	return best;
}

/* Groups come after their members. Times are kept one larger, so that 0 is none. */
bool trust_weigh(const struct trust *t, struct view text, struct view signatures, struct trust_witnessed *out,
                 struct error *e)
{
	struct trust_witnessed w = { .cosigned = 0 };
	uint64_t time[TRUST_NAMES_MAX] = { 0 };

	for (unsigned i = 0; i < t->n_names; i++) {
		const struct member *m = &t->names[i];

		if (m->group) {
			time[i] = group_time(m, time);
			continue;
		}
		if (m->unknown) {
			w.unknown++;
			continue;
		}
		bool counts = independent(t, &m->key);
		w.of_independent += counts;
		switch (note_find(&m->key, text, signatures, &time[i])) {
		case NOTE_INVALID:
			return error_set(e, REASON_TAMPERED, "the cosignature of %s does not verify", m->key.name);
		case NOTE_VALID:
			time[i]++;
			w.cosigned++;
			w.independent += counts;
			break;
		case NOTE_ABSENT: time[i] = 0; break;
		}
	}
	w.quorum = t->quorum == QUORUM_NONE || time[t->quorum] > 0;
	w.time_s = t->quorum != QUORUM_NONE && w.quorum ? time[t->quorum] - 1 : 0;
	*out = w;
	return true;
}

static const struct note_vkey *signing_log(const struct trust *t, struct view origin, struct view text,
                                           struct view signatures, struct error *e)
{
	const struct note_vkey *found = NULL;

	for (size_t i = 0; i < t->n_logs; i++) {
		const struct note_vkey *k = &t->logs[i];

		if (!view_is(origin, k->name))
			continue;
		switch (note_find(k, text, signatures, NULL)) {
		case NOTE_INVALID:
			error_set(e, REASON_TAMPERED, "the signature of %s+%08x does not verify", k->name, k->id);
			return NULL;
		case NOTE_VALID: found = k; break;
		case NOTE_ABSENT: break;
		}
	}
	if (!found)
		error_set(e, REASON_TAMPERED, "the checkpoint is signed by no log of the policy");
	return found;
}

bool trust_check(const struct trust *t, struct view note, struct checkpoint *out, const struct note_vkey **log,
                 struct trust_witnessed *witnessed, struct error *e)
{
	struct trust_witnessed w;
	struct view text, signatures;
	struct checkpoint c;

	if (!note_split(note, &text, &signatures, e) || !checkpoint_parse(text, &c, e))
		return false;
	const struct note_vkey *k = signing_log(t, c.origin, text, signatures, e);
	if (!k || !trust_weigh(t, text, signatures, &w, e))
		return false;
	*out = c;
	if (log)
		*log = k;
	if (witnessed)
		*witnessed = w;
	return w.quorum || error_set(e, REASON_NOT_COSIGNED,
	                             "not cosigned yet: %u witnesses of the policy cosigned the checkpoint of %llu "
	                             "entries, which is not the policy's quorum",
	                             w.cosigned, (unsigned long long)c.size);
}
