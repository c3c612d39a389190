/* See consignment_private.h. */
#include "gatewayd/core/serve/consignment_private.h"

#include <assert.h>

#include "gatewayd/core/serve/border_trace.h"
#include "gatewayd/core/serve/neighbour.h"
#include "gatewayd/os/instant.h"

#define DEADLINE_MS  30000
#define ANSWER_ONE   (192u * 1024)    /* bytes of the answer to one */
#define ANSWER_LINE  (16u * 1024)     /* and more for each further one */
#define ANSWER_USUAL 2560             /* bytes of a line, mostly: a receipt */
#define LINE_HEAD    (UUID_TEXT + 16) /* of a line before its parcel's text, at most */
#define BODY_MAX     (2 * CONSIGNMENT_BYTES)

static void ended(void *arg);

struct consignment *consignment_new(const struct courier_kind *kind, struct worker *w, struct neighbour *n,
                                    const char *target)
{
	struct consignment *c = calloc(1, sizeof *c);

	if (!c)
		return NULL;
	*c = (struct consignment){ .kind = kind,
		                   .worker = w,
		                   .neighbour = n,
		                   .end = &c->first,
		                   .most = neighbour_lines(n, kind->batch, instant_now_ms()),
		                   .body = BUF_INIT(BODY_MAX),
		                   .post = { .ended = ended, .arg = c } };
	snprintf(c->target, sizeof c->target, "%s", target);
	return c;
}

void consignment_free(struct consignment *c)
{
	post_drop(&c->post);
	buf_wipe(&c->body);
	free(c);
}

bool consignment_takes(const struct consignment *c, const char *target)
{
	return c->left < c->most && c->bytes < CONSIGNMENT_BYTES && strcmp(c->target, target) == 0;
}

void consignment_add(struct consignment *c, struct parcel *p)
{
	p->beside = NULL;
	*c->end = p;
	c->end = &p->beside;
	c->left++;
	c->bytes += p->body.n;
}

static struct parcel *take_first(struct consignment *c)
{
	struct parcel *p = c->first;

	c->first = p->beside;
	if (!c->first)
		c->end = &c->first;
	c->left--;
	c->bytes -= p->body.n;
	p->beside = NULL;
	return p;
}

/* --- sent --- */

/* Its text stands in a line as it is, behind the key. */
static bool fits_line(const struct parcel *p)
{
	return p->key[0] && p->body.n > 2 && p->body.p[0] == '{' && !memchr(p->body.p, '\n', p->body.n);
}

static void add_line(struct buf *b, const struct parcel *p)
{
	buf_addf(b, "{\"key\":\"%s\",", p->key);
	buf_add(b, view_from(buf_view(&p->body), 1));
	buf_addc(b, '\n');
}

/* Room for all lines of the next request at once: memory that grows by and by is copied, overwritten and mapped anew each time. */
static void reserve_lines(struct consignment *c)
{
	const struct parcel *p = c->first;
	size_t n = 0;

	for (unsigned i = 0; i < c->out; i++, p = p->beside)
		n += LINE_HEAD + p->body.n;
	buf_reset(&c->body);
	buf_reserve(&c->body, n);
}

/* How many of the first ones the next request has: one at least. */
static unsigned choose(const struct consignment *c)
{
	unsigned n = 1;
	size_t bytes = c->first->body.n;

	if (!fits_line(c->first))
		return 1;
	for (const struct parcel *p = c->first->beside; p && n < c->most && fits_line(p); p = p->beside) {
		bytes += p->body.n;
		if (bytes > CONSIGNMENT_BYTES)
			break;
		n++;
	}
	return n;
}

static void print_trace(const struct parcel *p, char out[TRACEPARENT_TEXT + 1])
{
	struct traceparent t;

	border_trace(&p->about, BORDER_SENDER, &t);
	traceparent_print(&t, out);
}

/* False: nothing goes out, and c->post says why. */
static bool send_first(struct consignment *c)
{
	char trace[TRACEPARENT_TEXT + 1];
	const struct parcel *p = c->first;
	struct post_head head = { .to = p->partner,
		                  .method = "POST",
		                  .target = c->target,
		                  .content_type = "application/json",
		                  .key = p->key[0] ? p->key : NULL,
		                  .deadline_ms = DEADLINE_MS };

	c->out = choose(c);
	c->post.body = buf_view(&p->body);
	if (c->out == 1) {
		print_trace(p, trace);
		head.traceparent = trace;
	} else {
		reserve_lines(c);
		for (unsigned i = 0; i < c->out; i++, p = p->beside)
			add_line(&c->body, p);
		if (c->body.failed) {
			snprintf(c->post.problem, sizeof c->post.problem, "memory ran out");
			return false;
		}
		c->post.body = buf_view(&c->body);
		head.content_type = "application/x-ndjson";
		head.key = NULL;
		head.repeatable = true;
	}
	buf_free(&c->post.answer);
	c->post.answer = BUF_INIT(ANSWER_ONE + (size_t)(c->out - 1) * ANSWER_LINE);
	buf_reserve(&c->post.answer, (size_t)c->out * ANSWER_USUAL);
	c->sent_us = instant_monotonic_us();
	return c->kind->send(c->worker, &c->post, &head);
}

/* --- answered --- */

/* Reads an answer and has it judged; `status` 0: the line says it. False: it is no result. */
static bool judge(struct consignment *c, struct parcel *p, struct view text, int status)
{
	struct error e = { .reason = REASON_NONE };
	unsigned long long said;
	struct tape t;
	bool parsed = tape_parse(c->worker->scratch.envelope, text, &t, &e);
	uint32_t member = parsed && status == 0 ? tape_member(&t, 0, VIEW("status")) : 0;

	if (status == 0) {
		if (!member || t.nodes[member].type != TAPE_NUMBER ||
		    !view_to_u64(tape_token(&t, member), 599, &said) || said < 100)
			return false;
		status = (int)said;
	}
	p->status = status;
	p->answer = parsed ? &t : NULL;
	c->judged(p);
	return true;
}

static unsigned count_lines(struct view text)
{
	unsigned n = 0;

	while (text.n)
		n += view_cut(&text, '\n').n > 0;
	return n;
}

static bool has_results(const struct consignment *c)
{
	return c->post.status == 200 && count_lines(buf_view(&c->post.answer)) == c->out;
}

/* One result a line. Those that have none stay the first of what is left; whether there are such. */
static bool judge_lines(struct consignment *c)
{
	struct view text = buf_view(&c->post.answer);
	struct parcel *without = NULL, **end = &without;
	unsigned n = c->out, found = 0;

	while (n > 0) {
		struct view line = view_cut(&text, '\n');
		if (line.n == 0)
			continue;
		struct parcel *p = take_first(c);
		n--;
		if (judge(c, p, line, 0))
			continue;
		*end = p;
		end = &p->beside;
		found++;
		c->left++;
		c->bytes += p->body.n;
	}
	if (!found)
		return false;
	*end = c->first;
	if (!c->first)
		c->end = end;
	c->first = without;
	return true;
}

/* All of them have this one answer, or none. */
static void judge_alike(struct consignment *c)
{
	for (unsigned n = c->out; n > 0; n--) {
		struct parcel *p = take_first(c);

		p->silence = c->post.problem;
		if (c->post.status == 0)
			c->judged(p);
		else
			(void)judge(c, p, buf_view(&c->post.answer), c->post.status);
	}
}

/* The recipient was silent: what did not leave is due as before; what may have is not to be forgotten. */
static void give_back(struct consignment *c)
{
	while (c->first) {
		struct parcel *p = take_first(c);

		p->status = 0;
		p->silence = "the partner was silent";
		if (p->left)
			c->judged(p);
		else
			c->back(p);
	}
}

/* How many to send at once in place of a request that was in vain; 0: it was not. */
static unsigned part_of(const struct consignment *c)
{
	if (c->out == 1)
		return 0;
	switch (c->post.status) {
	case 201:
	case 202: return 1; /* as if it had been one */
	case 200: return has_results(c) ? 0 : c->out / 2;
	case 0: return c->post.answer.failed ? c->out / 2 : 0;
	case 413: return c->out / 2;
	case 400: /* an older build, or another server: they ask for one key in the head, or do not know the form */
	case 404:
	case 405:
	case 406:
	case 415:
	case 501: return 1;
	default: return 0;
	}
}

static bool is_silence(int status)
{
	return status == 0 || status == 429 || status >= 500;
}

static void take_answer(struct consignment *c)
{
	unsigned part = part_of(c);
	int status = c->post.status;

	if (part > 0) {
		c->most = part;
		neighbour_in_vain(c->neighbour, part, status != 200 && status != 0 && status != 413, instant_now_ms());
	} else if (c->out > 1 && status == 200 && judge_lines(c)) {
		c->most = c->out / 2;
	} else {
		/* Without lines any more, which were judged, there is none that it is for. */
		if (c->out == 1 || status != 200)
			judge_alike(c);
		if (!is_silence(status)) {
			neighbour_took(c->neighbour, c->out, c->kind->batch);
			c->most = 2 * c->most;
		} else if (status == 0 || neighbour_shut(c->neighbour)) {
			give_back(c);
		}
	}
	unsigned may = neighbour_lines(c->neighbour, c->kind->batch, instant_now_ms());
	c->most = c->most < may ? c->most : may;
}

static void ended(void *arg)
{
	struct consignment *c = arg;
	struct parcel *p = c->first;

	for (unsigned i = 0; i < c->out; i++, p = p->beside)
		p->left |= c->post.sent > 0;
	wipe(c->body.p, c->body.n);
	if (c->post.status > 0)
		latency_note(&c->worker->took.delivery, instant_monotonic_us() - c->sent_us);
	/* An answer that was too long for many is one. */
	c->heard(c, c->out > 1 && c->post.answer.failed ? 200 : c->post.status);
	take_answer(c);
	c->settled(c);
	consignment_send(c);
}

/* What may not leave any more is judged as it is. */
static void shed(struct consignment *c)
{
	struct parcel *all = c->first;
	bool any = false;

	c->first = NULL;
	c->end = &c->first;
	c->left = 0;
	c->bytes = 0;
	while (all) {
		struct parcel *p = all;

		all = p->beside;
		if (!c->kind->stopped(p)) {
			consignment_add(c, p);
			continue;
		}
		any = true;
		p->beside = NULL;
		p->status = 0;
		c->judged(p);
	}
	if (any)
		c->settled(c);
}

void consignment_recheck(struct consignment *c)
{
	struct parcel *p = c->first;
	bool stopped = false;

	if (!c->kind->stopped || !c->post.worker)
		return;
	for (unsigned i = 0; i < c->out; i++, p = p->beside)
		stopped = c->kind->stopped(p) || stopped;
	if (!stopped)
		return;
	p = c->first;
	for (unsigned i = 0; i < c->out; i++, p = p->beside)
		p->left |= c->post.sent > 0;
	post_abort(&c->post);
	wipe(c->body.p, c->body.n);
	consignment_send(c);
}

void consignment_send(struct consignment *c)
{
	if (c->kind->stopped)
		shed(c);
	while (c->first && !send_first(c)) {
		c->post.status = 0;
		judge_alike(c);
		give_back(c);
	}
	if (!c->first)
		c->over(c);
}
