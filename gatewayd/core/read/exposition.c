/* See exposition.h. */
#include "gatewayd/core/read/exposition.h"

/* --- which form --- */

static struct view trimmed(struct view v)
{
	while (v.n && (v.p[0] == ' ' || v.p[0] == '\t'))
		v = view_from(v, 1);
	while (v.n && (v.p[v.n - 1] == ' ' || v.p[v.n - 1] == '\t'))
		v.n--;
	return v;
}

/* "0.75" in thousandths; what is no weight counts as 0: it is asked for by nobody. */
static unsigned weight_of(struct view text)
{
	unsigned q = 0, unit = 1000;

	if (text.n == 0 || text.n > 5 || (text.p[0] != '0' && text.p[0] != '1') || (text.n > 1 && text.p[1] != '.'))
		return 0;
	for (size_t i = 0; i < text.n; i++) {
		if (i == 1)
			continue;
		if (text.p[i] < '0' || text.p[i] > '9')
			return 0;
		q += unit * (unsigned)(text.p[i] - '0');
		unit /= 10;
	}
	return q > 1000 ? 1000 : q;
}

/* The weight of a media range; 0 where it names another version than there is here. */
static unsigned range_weight(struct view parameters, const char *version)
{
	unsigned q = 1000;

	while (parameters.n) {
		struct view value = view_cut(&parameters, ';'), name = trimmed(view_cut(&value, '='));
		value = trimmed(value);
		if (view_eq_nocase(name, VIEW("q")))
			q = weight_of(value);
		else if (view_eq_nocase(name, VIEW("version")) && !view_is(value, version))
			return 0;
	}
	return q;
}

bool exposition_is_openmetrics(struct view accept)
{
	unsigned open = 0, classic = 0;

	while (accept.n) {
		struct view range = view_cut(&accept, ','), type = trimmed(view_cut(&range, ';'));
		unsigned q;
		if (view_eq_nocase(type, VIEW("application/openmetrics-text"))) {
			q = range_weight(range, "1.0.0");
			open = q > open ? q : open;
		} else if (view_eq_nocase(type, VIEW("text/plain"))) {
			q = range_weight(range, "0.0.4");
			classic = q > classic ? q : classic;
		}
	}
	return open > 0 && open >= classic;
}

struct view exposition_media_type(bool openmetrics)
{
	return openmetrics ? VIEW("application/openmetrics-text; version=1.0.0; charset=utf-8")
	                   : VIEW("text/plain; version=0.0.4; charset=utf-8");
}

/* --- what stands in it --- */

/* Text of a label or a help, in whose form a line feed, a backslash, and in a label a quotation mark are escaped. */
static void add_escaped(struct buf *b, struct view text)
{
	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];
		if (c == '\n') {
			buf_adds(b, "\\n");
			continue;
		}
		if (c == '\\' || c == '"')
			buf_addc(b, '\\');
		buf_addc(b, c);
	}
}

static const char *unit_of(const char *name)
{
	static const char *const units[] = { "seconds", "bytes" };

	for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
		size_t n = strlen(name), m = strlen(units[i]);
		if (n > m && name[n - m - 1] == '_' && strcmp(name + n - m, units[i]) == 0)
			return units[i];
	}
	return NULL;
}

/* Classic text names a counter by its only sample, and has neither units nor infos. */
void exposition_family(struct exposition *x, enum family_type type, const char *name, const char *help)
{
	static const char *const names[] = { "counter", "gauge", "histogram", "info" };
	static const char *const suffixes[] = { "_total", "", "", "_info" };
	const char *suffix = x->openmetrics ? "" : suffixes[type];
	const char *unit = x->openmetrics ? unit_of(name) : NULL;

	x->type = type;
	x->name = name;
	buf_addf(x->out, "# TYPE gatewayd_%s%s %s\n", name, suffix,
	         type == FAMILY_INFO && !x->openmetrics ? "gauge" : names[type]);
	if (unit)
		buf_addf(x->out, "# UNIT gatewayd_%s %s\n", name, unit);
	buf_addf(x->out, "# HELP gatewayd_%s%s %s\n", name, suffix, help);
}

static void add_name(struct exposition *x, const char *suffix, struct view labels)
{
	buf_addf(x->out, "gatewayd_%s%s", x->name, suffix);
	if (labels.n)
		buf_addf(x->out, "{%.*s}", VIEW_ARG(labels));
}

void exposition_sample(struct exposition *x, struct view labels, uint64_t value)
{
	static const char *const suffixes[] = { "_total", "", "", "_info" };

	add_name(x, suffixes[x->type], labels);
	buf_addf(x->out, " %llu\n", (unsigned long long)value);
}

/* A float: OpenMetrics wants one of every bound, and both forms the same of one bound. */
static void add_seconds(struct buf *b, uint64_t us)
{
	buf_addf(b, "%llu.%06llu", (unsigned long long)(us / 1000000), (unsigned long long)(us % 1000000));
}

void exposition_histogram(struct exposition *x, struct view labels, const struct latency_sum *sum)
{
	uint64_t n = 0;

	for (size_t i = 0; i <= LATENCY_BUCKETS; i++) {
		n += sum->n[i];
		buf_addf(x->out, "gatewayd_%s_bucket{%.*s%sle=\"", x->name, VIEW_ARG(labels), labels.n ? "," : "");
		if (i < LATENCY_BUCKETS)
			add_seconds(x->out, latency_bound_us(i));
		else
			buf_adds(x->out, "+Inf");
		buf_addf(x->out, "\"} %llu\n", (unsigned long long)n);
	}
	add_name(x, "_count", labels);
	buf_addf(x->out, " %llu\n", (unsigned long long)n);
	add_name(x, "_sum", labels);
	buf_addc(x->out, ' ');
	add_seconds(x->out, sum->sum_us);
	buf_addc(x->out, '\n');
}

void exposition_label(struct buf *labels, const char *name, struct view value)
{
	buf_addf(labels, "%s%s=\"", labels->n ? "," : "", name);
	add_escaped(labels, value);
	buf_addc(labels, '"');
}

void exposition_end(struct exposition *x)
{
	if (x->openmetrics)
		buf_adds(x->out, "# EOF\n");
}
