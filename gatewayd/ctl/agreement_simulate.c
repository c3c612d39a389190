/* gatewayctl simulate and agreement explain: the whole decision on one envelope, with nothing stored, nothing
 * logged and nothing sent. */
#include "gatewayd/ctl/agreement_facts.h"
#include "gatewayd/ctl/agreement_sides.h"
#include "lib/base/encode.h"
#include "lib/json/canonical.h"
#include "lib/policy/beside.h"
#include "lib/policy/shape.h"
#include "lib/schema/document.h"

/* A table of surrogates that ends with the command. */
struct drawn {
	struct surrogate_key key;
	uint8_t value[SURROGATE_BYTES];
};

struct simulation {
	struct agreement_setup setup;
	struct given_facts given;
	struct agreement *agreement;
	struct text_file text;
	struct schema *envelope_schema;
	struct schema_run *run;
	struct tape_parser *in, *out;
	struct transform_run *transform;
	struct tape tape;
	struct envelope envelope;
	struct decision decision;
	struct buf scratch, record, beside;
	struct member_order order;
	bool ran;             /* the record went through its rules */
	struct view build;    /* that the decision is to name */
	const json_t *before; /* the decision that is repeated, or NULL */
	struct drawn *drawn;
	size_t n_drawn;
};

static void simulation_free(struct simulation *s)
{
	agreement_unref(s->agreement);
	schema_unref(s->envelope_schema);
	schema_run_free(s->run);
	tape_parser_free(s->in);
	tape_parser_free(s->out);
	transform_run_free(s->transform);
	buf_wipe(&s->record);
	buf_wipe(&s->beside);
	member_order_free(&s->order);
	buf_free(&s->scratch);
	free(s->text.p);
	facts_free(&s->given);
	free(s->drawn);
	agreement_setup_free(&s->setup);
}

struct sink {
	struct decision *d;
	enum reason reason;
};

static bool add_fault(void *arg, const struct schema_fault *f)
{
	struct sink *s = arg;
	char clause[96], pointer[200];

	snprintf(clause, sizeof clause, "%.*s", VIEW_ARG(f->keyword));
	snprintf(pointer, sizeof pointer, "%.*s", VIEW_ARG(f->pointer));
	/* A name that was cut within a character is no text. */
	pointer[utf8_valid(view_of(pointer))] = '\0';
	decision_fail(s->d, s->reason, clause, pointer);
	return s->d->n_failed < DECISION_REASONS;
}

static bool fits(struct simulation *s, const struct schema *schema, const struct tape *t, uint32_t node,
                 enum reason reason)
{
	struct sink sink = { &s->decision, reason };

	switch (schema_check(schema, s->run, t, node)) {
	case SCHEMA_VALID: return true;
	case SCHEMA_INVALID: schema_explain(schema, s->run, t, node, add_fault, &sink); break;
	case SCHEMA_LIMIT: reason = REASON_LIMIT; break;
	}
	if (s->decision.n_failed == 0)
		decision_fail(&s->decision, reason, "", "");
	return false;
}

/* Does it fit the standard schema? From a gateway: is it what the agreement lets through? */
static bool fits_coming_in(struct simulation *s)
{
	const struct ruling *ruling = s->decision.ruling;
	struct error e = { .reason = REASON_NONE };

	if (!s->envelope.from_gateway)
		return fits(s, ruling->input, &s->tape, s->envelope.record, REASON_SCHEMA_VIOLATION);
	if (!fits(s, ruling->output, &s->tape, s->envelope.record, REASON_OUTPUT_VIOLATION))
		return false;
	if (!program_check_output(ruling->shared, &s->tape, s->envelope.record, &e)) {
		decision_fail(&s->decision, REASON_OUTPUT_VIOLATION, e.text, e.where);
		return false;
	}
	return true;
}

static bool find_surrogate(void *arg, const struct surrogate_key *key, uint8_t out[SURROGATE_BYTES], struct error *e)
{
	struct simulation *s = arg;
	size_t i = 0;

	while (i < s->n_drawn && !digest_eq(&s->drawn[i].key.digest, &key->digest))
		i++;
	if (i == s->n_drawn) {
		struct drawn *larger = realloc(s->drawn, (s->n_drawn + 1) * sizeof *larger);
		if (!larger)
			return error_set(e, REASON_NO_MEMORY, "memory ran out");
		s->drawn = larger;
		larger[i].key = *key;
		if (!random_bytes(larger[i].value, SURROGATE_BYTES))
			return error_set(e, REASON_CRYPTO, "no random bytes");
		s->n_drawn++;
	}
	memcpy(out, s->drawn[i].value, SURROGATE_BYTES);
	return true;
}

/* The guards that withheld fields, as the decision says that is repeated: beside its shape, or by its lines. */
static void suppress(const struct simulation *s, const struct program_guard *guards, size_t n,
                     struct transform_input *in)
{
	const struct program *p = s->decision.ruling->program;
	const json_t *named = json_object_get(s->before, "suppressed"), *lines = json_object_get(s->before, "dropped");
	json_t *o;
	size_t i;

	for (size_t g = 0; g < n; g++) {
		const char *id = program_rule_id(p, guards[g].rule);
		bool suppressed = false;
		json_array_foreach(named, i, o) suppressed |= strcmp(json_string_value(o), id) == 0;
		json_array_foreach(lines, i, o)
		{
			const char *rule = json_string_value(json_object_get(o, "rule"));
			suppressed |= rule && strcmp(rule, id) == 0;
		}
		if (suppressed)
			in->suppressed |= (uint8_t)(1u << g);
	}
}

/* Which fields the other records of its batch cost the record, and whether they refused it, stands in the decision
 * that is repeated and in no document. Without one the record comes alone. False: it was refused. */
static bool repeat_batch(struct simulation *s, struct transform_input *in)
{
	struct program_guard guards[GUARDS_MAX];
	const struct program *p = s->decision.ruling->program;
	size_t n = program_guards(p, guards), i;
	json_t *o;

	in->batch = s->before != NULL;
	json_array_foreach(json_object_get(s->before, "failed"), i, o)
	{
		struct view reason = view_of(json_string_value(json_object_get(o, "reason")));
		const char *clause = json_string_value(json_object_get(o, "clause"));
		if (view_is(reason, reason_slug(REASON_GROUP_TOO_SMALL))) {
			decision_fail(&s->decision, REASON_GROUP_TOO_SMALL, clause, "");
			return false;
		}
		/* It came alone: a rule refused it, and no clause. */
		if (view_is(reason, reason_slug(REASON_BATCH_REQUIRED)) && clause && clause[0] != '/')
			in->batch = false;
	}
	suppress(s, guards, n, in);
	return true;
}

/* As the entry says that came with it; nobody verifies it here. */
static unsigned checked_by_sender(struct simulation *s)
{
	struct error e = { .reason = REASON_NONE };
	struct tape entry;

	return s->envelope.from_gateway && tape_parse(s->out, s->envelope.origin.entry, &entry, &e)
	               ? checked_of_entry(&entry)
	               : 0;
}

static bool take_beside(struct simulation *s)
{
	const struct beside_tools tools = {
		.parser = s->out, .run = s->run, .transform = s->transform, .order = &s->order, .text = &s->beside
	};
	struct beside leaves;

	return beside_take(&s->decision, &s->envelope, &s->tape, &tools, &leaves);
}

/* The same steps, in the same order, as an exchange of the daemon. */
static bool decide(struct simulation *s)
{
	struct decision *d = &s->decision;
	struct error e = { .reason = REASON_NONE };
	struct tape out;

	*d = (struct decision){ .outcome = OUTCOME_REFUSED,
		                .agreement = s->agreement,
		                .now_ms = s->setup.now_ms,
		                .tier = TIER_COUNT,
		                .category = SUBJECT_COUNT };
	if (!envelope_read(s->envelope_schema, s->run, &s->tape, &s->scratch, &s->envelope, &e)) {
		d->agreement = NULL; /* the daemon has not looked for one yet */
		decision_fail(d, e.reason, e.text, e.where);
		return false;
	}
	if (s->envelope.from_gateway && !canonical_check(&s->tape, s->envelope.record, &e)) {
		decision_fail(d, e.reason, e.text, "/record");
		return false;
	}
	struct facts facts = facts_of(&s->given, &s->setup, s->agreement, &s->envelope);
	facts.build = s->build;
	facts.checked = checked_by_sender(s);
	if (!decision_authorise(d, s->agreement, &facts, &s->envelope, &s->tape) || !fits_coming_in(s) ||
	    !take_beside(s))
		return false;
	const struct surrogate_table surrogates = { s, find_surrogate };
	struct transform_input in = { .tape = &s->tape,
		                      .record = s->envelope.record,
		                      .subject = s->envelope.reference,
		                      .surrogates = &surrogates };
	if (!repeat_batch(s, &in))
		return false;
	if (!random_bytes(in.random, sizeof in.random) ||
	    !program_run(d->ruling->program, s->transform, &in, &s->record, &e)) {
		decision_fail(d, e.reason ? e.reason : REASON_CRYPTO, e.text, e.where);
		return false;
	}
	s->ran = true;
	if (!decision_conclude(d, &s->envelope, &s->tape, s->transform))
		return false;
	if (!tape_parse(s->out, buf_view(&s->record), &out, &e)) {
		decision_fail(d, e.reason == REASON_LIMIT ? REASON_LIMIT : REASON_INTERNAL,
		              e.reason == REASON_LIMIT ? e.text : "the output is not JSON", "");
		return false;
	}
	if (!s->envelope.from_gateway && !fits(s, d->ruling->output, &out, 0, REASON_OUTPUT_VIOLATION))
		return false;
	if (s->given.approved && d->outcome == OUTCOME_HELD && d->lacking == 0) {
		d->n_failed = 0;
		d->outcome = d->transformed || d->dropped ? OUTCOME_TRANSFORMED : OUTCOME_RELEASED;
	}
	return true;
}

/* The provider, where none was named: the party whose records go to the recipient that the decision names. */
static const char *provider_of(const struct agreement *a, struct view recipient)
{
	const char *first = NULL;

	for (size_t k = 0; agreement_party(a, k).n; k++)
		if (recipient.n && view_eq(agreement_recipient(a, agreement_party(a, k)), recipient) && !first)
			first = agreement_party(a, k).p;
	return first ? first : agreement_first_party(a);
}

/* What a replay takes from the decision that it repeats: instant and build. */
static bool take_decision(struct simulation *s, const char *path, struct text_file *text, json_t **doc, struct error *e)
{
	struct error_list errors = { .max = 1 };
	struct schema *schema = document_schema(VIEW("decision"), e);

	if (!schema || !ctl_read_file(path, AGREEMENT_FILE_MAX, &text->p, &text->n, e)) {
		schema_unref(schema);
		return false;
	}
	*doc = document_read(schema, path, view_make(text->p, text->n), &errors);
	if (!*doc && errors.n)
		*e = errors.items[0];
	schema_unref(schema);
	error_list_free(&errors);
	if (!*doc)
		return false;
	s->before = *doc;
	s->build = view_of(json_string_value(json_object_get(*doc, "build")));
	return time_parse(view_of(json_string_value(json_object_get(*doc, "time"))), &s->setup.now_ms) ||
	       error_at(e, REASON_CONFIG, path, 0, 0, "/time: is not an instant");
}

/* Options, agreement, envelope; then the decision. CTL_OK when there is one, whatever it says. With
 * `before` the third argument is a decision, whose text and document are handed out. */
static int simulate(struct simulation *s, int argc, char **argv, struct text_file *before, json_t **doc)
{
	static const struct option options[] = { AGREEMENT_OPTIONS, FACTS_OPTIONS, { NULL, 0, NULL, 0 } };
	struct error e = { .reason = REASON_NONE };
	int option, status;

	agreement_setup_init(&s->setup);
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		status = facts_take(option) ? facts_option(&s->given, option, optarg)
		                            : agreement_setup_option(&s->setup, option, optarg);
		if (status != CTL_OK)
			return status;
	}
	if (argc - optind != (before ? 3 : 2))
		return ctl_usage();
	if (before && !take_decision(s, argv[optind + 2], before, doc, &e))
		return ctl_fail(CTL_FAILED, &e);
	if (!s->setup.secret.n) {
		s->setup.secret.n = 32;
		if (!random_bytes(s->setup.secret.b, s->setup.secret.n)) {
			error_set(&e, REASON_CRYPTO, "no random bytes");
			return ctl_fail(CTL_FAILED, &e);
		}
		if (!before) /* a decision has no pseudonyms in it */
			fprintf(stderr,
			        "gatewayctl: no --secret: pseudonyms and tokens are made with a throw-away secret and mean nothing\n");
	}
	s->agreement = agreement_setup_load(&s->setup, argv[optind], NULL);
	if (!s->agreement)
		return CTL_FAILED;
	if (!s->setup.self)
		s->setup.self =
		        provider_of(s->agreement,
		                    before ? view_of(json_string_value(json_object_get(*doc, "recipient"))) : VIEW(""));
	s->envelope_schema = document_schema(VIEW("envelope"), &e);
	s->run = schema_run_new();
	s->in = tape_parser_new(NULL);
	s->out = tape_parser_new(NULL);
	s->transform = transform_run_new();
	s->scratch = s->record = s->beside = BUF_INIT(16u << 20);
	if (!s->envelope_schema || !s->run || !s->in || !s->out || !s->transform)
		error_set(&e, REASON_NO_MEMORY, "memory ran out");
	if (e.reason || !ctl_read_file(argv[optind + 1], AGREEMENT_FILE_MAX, &s->text.p, &s->text.n, &e) ||
	    !tape_parse(s->in, view_make(s->text.p, s->text.n), &s->tape, &e))
		return ctl_fail(CTL_FAILED, &e);
	if (!decide(s))
		s->decision.outcome = OUTCOME_REFUSED;
	return CTL_OK;
}

static bool leaves(const struct simulation *s)
{
	return s->decision.outcome == OUTCOME_RELEASED || s->decision.outcome == OUTCOME_TRANSFORMED;
}

/* As the one that is repeated names its leaves. */
static bool names_shape(const struct simulation *s)
{
	return s->ran && leaves(s) && json_object_get(s->before, "shape");
}

static void print_shaped(const struct simulation *s, struct buf *out)
{
	struct shapes *shapes = shapes_new(16);
	struct shape_use use;

	if (shapes &&
	    shapes_find(shapes, s->agreement, s->decision.ruling, &s->tape, s->envelope.record, s->transform, &use))
		decision_json_shaped(&s->decision, s->transform, &use, out);
	else
		out->failed = true;
	shapes_free(shapes);
}

/* The decision as the daemon writes it: leaves are listed where something leaves. */
static void print_decision(const struct simulation *s, bool every_leaf, struct buf *out)
{
	if (names_shape(s)) {
		print_shaped(s, out);
		return;
	}
	decision_json(&s->decision, &s->tape, s->envelope.record,
	              s->ran && (leaves(s) || every_leaf) ? s->transform : NULL, out);
}

int agreement_simulate(const struct ctl *c, int argc, char **argv)
{
	struct simulation s = { .ran = false };
	struct buf json = BUF_INIT(16u << 20);
	int status = simulate(&s, argc, argv, NULL, NULL);

	(void)c;
	if (status == CTL_OK) {
		print_decision(&s, false, &json);
		fprintf(stderr, "%.*s\n", VIEW_ARG(buf_view(&json)));
		if (leaves(&s))
			printf("%.*s\n", VIEW_ARG(buf_view(&s.record)));
		status = leaves(&s) ? CTL_OK : CTL_CHECK_FAILED;
	}
	buf_free(&json);
	simulation_free(&s);
	return status;
}

#define SHOWN 60 /* bytes of a value */

/* At most so many bytes, cut between characters. */
static int shown(struct view v)
{
	size_t n = v.n > SHOWN ? SHOWN : v.n;

	while (n < v.n && n > 0 && ((unsigned char)v.p[n] & 0xc0) == 0x80)
		n--;
	return (int)n;
}

/* What became of a leaf, where it is another than it was. */
static void explain_value(const struct sides *sides, const char *pointer)
{
	struct view before = side_before(sides, pointer), after = side_after(sides, pointer);

	if (before.n == 0 || after.n == 0 || view_eq(before, after))
		return;
	printf("      %.*s%s -> %.*s%s\n", shown(before), before.p, before.n > SHOWN ? "..." : "", shown(after),
	       after.p, after.n > SHOWN ? "..." : "");
}

static void explain_leaves(const json_t *leaves_of, const struct sides *sides, const char *none)
{
	size_t i;
	json_t *o;

	json_array_foreach(leaves_of, i, o)
	{
		const char *pointer = json_string_value(json_object_get(o, "pointer"));
		const char *rule = json_string_value(json_object_get(o, "rule"));
		printf("  %-13s %-44s %s\n", json_string_value(json_object_get(o, "action")),
		       pointer[0] ? pointer : "(record)", rule ? rule : none);
		if (sides)
			explain_value(sides, pointer);
	}
}

static void explain_sides(struct simulation *s, const json_t *doc)
{
	struct error e = { .reason = REASON_NONE };
	struct sides sides = { .before = &s->tape,
		               .record = s->envelope.record,
		               .released = json_object_get(doc, "released") };

	if (leaves(s) && !tape_parse(s->out, buf_view(&s->record), &sides.after, &e))
		sides.after.n = 0;
	printf("Leaves that pass, the rule that won, and what it makes of them:\n");
	explain_leaves(sides.released, &sides, "-");
	printf("Leaves that do not pass:\n");
	explain_leaves(json_object_get(doc, "dropped"), NULL, "no rule names it");
}

int agreement_explain(const struct ctl *c, int argc, char **argv)
{
	struct simulation s = { .ran = false };
	struct buf json = BUF_INIT(16u << 20);
	int status = simulate(&s, argc, argv, NULL, NULL);

	if (status == CTL_OK) {
		print_decision(&s, true, &json);
		json_t *doc = json_loadb(json.p, json.n, 0, NULL);
		if (c->json) {
			printf("%.*s\n", VIEW_ARG(buf_view(&json)));
		} else {
			printf("Outcome: %s\n", outcome_name(s.decision.outcome));
			for (size_t i = 0; i < s.decision.n_failed; i++) {
				const struct failed *f = &s.decision.failed[i];
				printf("  %s: %s\n    clause %s  at %s\n", reason_slug(f->reason),
				       reason_text(f->reason), f->clause[0] ? f->clause : "-",
				       f->pointer[0] ? f->pointer : "-");
			}
			explain_sides(&s, doc);
		}
		json_decref(doc);
		status = leaves(&s) ? CTL_OK : CTL_CHECK_FAILED;
	}
	buf_free(&json);
	simulation_free(&s);
	return status;
}

/* A file may end with a newline, a decision does not. */
static struct view without_newline(struct view v)
{
	while (v.n && (v.p[v.n - 1] == '\n' || v.p[v.n - 1] == '\r'))
		v.n--;
	return v;
}

/* Names the members that differ, for the bytes alone say nothing. */
static void print_difference(const json_t *was, const json_t *is)
{
	const char *name;
	const json_t *value;

	for (void *it = json_object_iter((json_t *)(uintptr_t)was); it;
	     it = json_object_iter_next((json_t *)(uintptr_t)was, it)) {
		name = json_object_iter_key(it);
		value = json_object_get(is, name);
		char *a = json_dumps(json_object_iter_value(it), JSON_ENCODE_ANY | JSON_SORT_KEYS);
		char *b = value ? json_dumps(value, JSON_ENCODE_ANY | JSON_SORT_KEYS) : NULL;
		if (!a || !b || strcmp(a, b) != 0)
			fprintf(stderr, "  /%s: was %s, is %s\n", name, a ? a : "-", b ? b : "-");
		free(a);
		free(b);
	}
}

int decision_replay(const struct ctl *c, int argc, char **argv)
{
	struct simulation s = { .ran = false };
	struct text_file before = { NULL, 0 };
	struct buf json = BUF_INIT(16u << 20);
	json_t *doc = NULL;
	int status = simulate(&s, argc, argv, &before, &doc);

	(void)c;
	if (status == CTL_OK) {
		print_decision(&s, false, &json);
		if (view_eq(without_newline(view_make(before.p, before.n)), buf_view(&json))) {
			printf("the same decision, byte for byte\n");
		} else {
			json_t *now = json_loadb(json.p, json.n, 0, NULL);
			fprintf(stderr, "gatewayctl: another decision comes out\n");
			print_difference(doc, now);
			json_decref(now);
			status = CTL_CHECK_FAILED;
		}
	}
	json_decref(doc);
	free(before.p);
	buf_free(&json);
	simulation_free(&s);
	return status;
}
