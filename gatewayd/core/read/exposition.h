/* Metrics as text, in either of two forms: OpenMetrics 1.0 (the specification's ABNF), and the classic text format 0.0.4 of
 * Prometheus. One family after another, each whole before the next. No label may tell of a person, a case, or a value of a
 * record: what stands in one is this list's, or a name of the configuration. Any thread, each with its own. */
#ifndef GATEWAYD_CORE_READ_EXPOSITION_H
#define GATEWAYD_CORE_READ_EXPOSITION_H

#include "gatewayd/os/latency.h"
#include "lib/base/buf.h"

enum family_type { FAMILY_COUNTER, FAMILY_GAUGE, FAMILY_HISTOGRAM, FAMILY_INFO };

struct exposition {
	struct buf *out;
	bool openmetrics;
	/* The family under way. */
	enum family_type type;
	const char *name;
};

/* Whether a request's Accept asks for OpenMetrics, and for nothing else more (RFC 9110 section 12.5.1). */
bool exposition_is_openmetrics(struct view accept);
struct view exposition_media_type(bool openmetrics);

/* Begins a family, gatewayd_<name> without the suffix of its type. A name that ends with seconds or bytes has that unit. `help`
 * is a sentence. `name` stays until the next begins. */
void exposition_family(struct exposition *x, enum family_type type, const char *name, const char *help);
/* One sample of it; `labels` is what exposition_label() wrote, or empty. */
void exposition_sample(struct exposition *x, struct view labels, uint64_t value);
/* The same of a histogram: buckets, their count, and the sum. */
void exposition_histogram(struct exposition *x, struct view labels, const struct latency_sum *sum);
/* Adds name="value" to `labels`, with a comma where there is one already. */
void exposition_label(struct buf *labels, const char *name, struct view value);
void exposition_end(struct exposition *x);

#endif
