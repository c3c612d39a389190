/* See https.h. */
#include "gatewayd/ctl/https.h"

#include <curl/curl.h>

#include "gatewayd/os/files.h"
#include "lib/base/ids.h"

#define TIMEOUT_MS  60000u
#define TRIES       4u
#define PEM_MAX     (1u << 20)
#define URL_MAX     4096
#define HEADERS_MAX 65536 /* bytes of an answer's header section */

struct https {
	CURL *curl;
	struct curl_slist *resolve;
	char base[URL_MAX];
	char why[CURL_ERROR_SIZE];
	struct buf *answer;                /* of the request under way */
	const struct https_stream *stream; /* that is under way; NULL: a request of known length */
	bool paused;                       /* its body waits for more of the answer */
	size_t header_bytes;
	bool complete; /* the header section has ended, */
	bool framed;   /* and said how its body ends: a connection's end may be anyone's doing */
	unsigned timeout_ms, tries, patience_ms;
};

/* curl hands over what it received; less than `size * n` in return ends the transfer. */
static size_t take_body(char *p, size_t size, size_t n, void *arg)
{
	struct https *h = arg;

	buf_add(h->answer, view_make(p, size * n));
	return h->answer->failed ? 0 : size * n;
}

static size_t take_header(char *p, size_t size, size_t n, void *arg)
{
	struct https *h = arg;

	struct view line = view_make(p, size * n), name = view_cut(&line, ':');

	h->complete = view_is(name, "\r\n");
	h->framed = h->framed || view_eq_nocase(name, VIEW("content-length")) ||
	            view_eq_nocase(name, VIEW("transfer-encoding"));
	h->header_bytes += size * n;
	return h->header_bytes > HEADERS_MAX ? 0 : size * n;
}

static long status_of(struct https *h)
{
	long code = 0;

	return curl_easy_getinfo(h->curl, CURLINFO_RESPONSE_CODE, &code) == CURLE_OK ? code : 0;
}

static size_t take_stream(char *p, size_t size, size_t n, void *arg)
{
	struct https *h = arg;

	if (status_of(h) != 200)
		return take_body(p, size, n, arg);
	if (!h->stream->answer(h->stream->arg, view_make(p, size * n)))
		return 0;
	if (h->paused) {
		h->paused = false;
		curl_easy_pause(h->curl, CURLPAUSE_CONT);
	}
	return size * n;
}

static size_t give_body(char *to, size_t size, size_t n, void *arg)
{
	struct https *h = arg;
	size_t got = 0;

	switch (h->stream->body(h->stream->arg, to, size * n, &got)) {
	case HTTPS_BYTES: return got;
	case HTTPS_WAIT: h->paused = true; return CURL_READFUNC_PAUSE;
	case HTTPS_END: return 0;
	}
	return CURL_READFUNC_ABORT;
}

#define SET(option, value) (curl_easy_setopt(h->curl, option, value) == CURLE_OK)

static bool set_transport(struct https *h, bool published)
{
	return SET(CURLOPT_PROTOCOLS_STR, published ? "http,https" : "https") &&
	       (!published || SET(CURLOPT_ACCEPT_ENCODING, "gzip")) && SET(CURLOPT_FOLLOWLOCATION, 0L) &&
	       SET(CURLOPT_PROXY, "") && SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED) &&
	       SET(CURLOPT_DISALLOW_USERNAME_IN_URL, 1L) && SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) &&
	       SET(CURLOPT_PATH_AS_IS, 1L) && SET(CURLOPT_TIMEOUT_MS, (long)h->timeout_ms) &&
	       SET(CURLOPT_CONNECTTIMEOUT_MS, (long)h->timeout_ms) && SET(CURLOPT_ERRORBUFFER, h->why) &&
	       SET(CURLOPT_WRITEFUNCTION, take_body) && SET(CURLOPT_WRITEDATA, h) &&
	       SET(CURLOPT_HEADERFUNCTION, take_header) && SET(CURLOPT_HEADERDATA, h) &&
	       (!h->resolve || SET(CURLOPT_RESOLVE, h->resolve));
}

static bool set_blob(struct https *h, CURLoption option, const struct buf *bytes)
{
	struct curl_blob blob = { .data = bytes->p, .len = bytes->n, .flags = CURL_BLOB_COPY };

	return SET(option, &blob);
}

/* Whom a web server's certificate must come from; what it serves proves itself. */
static bool set_published(struct https *h, const struct https_options *o, struct error *e)
{
	struct buf authority = BUF_INIT(PEM_MAX);
	bool ok = !o->authority || file_read(o->authority, PEM_MAX, &authority, e);

	if (ok)
		ok = (SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) && SET(CURLOPT_SSL_VERIFYPEER, 1L) &&
		      SET(CURLOPT_SSL_VERIFYHOST, 2L) &&
		      (!o->authority || (SET(CURLOPT_CAPATH, NULL) && set_blob(h, CURLOPT_CAINFO_BLOB, &authority)))) ||
		     error_set(e, REASON_NO_MEMORY, "TLS could not be set up");
	buf_free(&authority);
	return ok;
}

/* The files are read here, so that one that is missing or open to others is named. */
static bool set_trust(struct https *h, const struct https_options *o, struct error *e)
{
	struct buf authority = BUF_INIT(PEM_MAX), key = BUF_INIT(PEM_MAX), certificate = BUF_INIT(PEM_MAX);
	bool ok = file_read(o->authority, PEM_MAX, &authority, e) &&
	          file_read(o->certificate, PEM_MAX, &certificate, e) && file_read_private(o->key, PEM_MAX, &key, e);

	if (ok)
		ok = (SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_3) && SET(CURLOPT_SSL_VERIFYPEER, 1L) &&
		      SET(CURLOPT_SSL_VERIFYHOST, 2L) && SET(CURLOPT_CAPATH, NULL) &&
		      set_blob(h, CURLOPT_CAINFO_BLOB, &authority) && set_blob(h, CURLOPT_SSLCERT_BLOB, &certificate) &&
		      set_blob(h, CURLOPT_SSLKEY_BLOB, &key)) ||
		     error_set(e, REASON_NO_MEMORY, "TLS could not be set up");
	buf_free(&authority);
	buf_free(&certificate);
	buf_wipe(&key);
	return ok;
}

static bool take_url(struct https *h, const char *url, bool published, struct error *e)
{
	struct view v = view_of(url), prefix = VIEW("https://");

	if (published && view_starts(v, VIEW("http://")))
		prefix = VIEW("http://");
	while (v.n > prefix.n && v.p[v.n - 1] == '/')
		v.n--;
	if (!view_starts(v, prefix) || v.n == prefix.n || strcspn(v.p, "?#@\\ ") < v.n)
		return error_set(e, REASON_CONFIG, "the address is not of the form https://HOST[:PORT]");
	if (v.n >= sizeof h->base)
		return error_set(e, REASON_CONFIG, "the address is too long");
	snprintf(h->base, sizeof h->base, "%.*s", VIEW_ARG(v));
	return true;
}

struct https *https_open(const struct https_options *o, struct error *e)
{
	struct https *h = calloc(1, sizeof *h);

	if (!h) {
		error_set(e, REASON_NO_MEMORY, "memory ran out");
		return NULL;
	}
	h->timeout_ms = o->timeout_ms ? o->timeout_ms : TIMEOUT_MS;
	h->tries = o->tries ? o->tries : TRIES;
	h->patience_ms = o->patience_ms ? o->patience_ms : TIMEOUT_MS;
	if (o->published ? !o->url || o->certificate || o->key
	                 : !o->url || !o->certificate || !o->key || !o->authority) {
		error_set(e, REASON_CONFIG,
		          o->published ? "where files are published no certificate is shown"
		                       : "address, certificate, key and authority are all needed");
		goto failed;
	}
	if (!take_url(h, o->url, o->published, e))
		goto failed;
	/* libcurl writes the keys of its connections to the file that this names. */
	if (unsetenv("SSLKEYLOGFILE") != 0 || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		error_set(e, REASON_NO_MEMORY, "libcurl does not start");
		goto failed;
	}
	h->curl = curl_easy_init();
	if (o->resolve)
		h->resolve = curl_slist_append(NULL, o->resolve);
	if (!h->curl || (o->resolve && !h->resolve) || !set_transport(h, o->published)) {
		error_set(e, REASON_NO_MEMORY, "libcurl could not be set up");
		goto failed;
	}
	if (o->published ? set_published(h, o, e) : set_trust(h, o, e))
		return h;
failed:
	https_close(h);
	return NULL;
}

/* --- one request --- */

static bool set_request(struct https *h, const char *method, const char *path, struct view body,
                        const struct curl_slist *fields)
{
	char url[URL_MAX * 2];

	if (snprintf(url, sizeof url, "%s%s", h->base, path) >= (int)sizeof url || !SET(CURLOPT_URL, url) ||
	    !SET(CURLOPT_HTTPHEADER, fields))
		return false;
	if (strcmp(method, "GET") == 0)
		return SET(CURLOPT_HTTPGET, 1L);
	return SET(CURLOPT_POST, 1L) && SET(CURLOPT_POSTFIELDS, body.n ? body.p : "") &&
	       SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.n);
}

/* curl would send Accept, Expect and a form's Content-Type of its own. */
static struct curl_slist *make_fields(const char *content_type, bool chunked)
{
	char type[200];
	const char *const fields[] = { "Accept:", "Expect:", type, chunked ? "Transfer-Encoding: chunked" : "Expect:" };
	struct curl_slist *list = NULL;

	if (snprintf(type, sizeof type, "Content-Type:%s%s", content_type ? " " : "",
	             content_type ? content_type : "") >= (int)sizeof type)
		return NULL;
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
		struct curl_slist *longer = curl_slist_append(list, fields[i]);
		if (!longer) {
			curl_slist_free_all(list);
			return NULL;
		}
		list = longer;
	}
	return list;
}

static bool try_once(struct https *h, int *status, curl_off_t *wait_s, struct error *e)
{
	long code = 0;

	buf_reset(h->answer);
	h->header_bytes = 0;
	h->complete = h->framed = false;
	h->why[0] = 0;
	CURLcode result = curl_easy_perform(h->curl);
	if (h->answer->failed || h->header_bytes > HEADERS_MAX)
		return error_set(e, REASON_TOO_LARGE, "the answer is larger than is taken here");
	if (result != CURLE_OK)
		return error_at(e, REASON_UNAVAILABLE, h->base, 0, 0, "%s",
		                h->why[0] ? h->why : curl_easy_strerror(result));
	if (!h->complete || !h->framed || curl_easy_getinfo(h->curl, CURLINFO_RESPONSE_CODE, &code) != CURLE_OK ||
	    curl_easy_getinfo(h->curl, CURLINFO_RETRY_AFTER, wait_s) != CURLE_OK)
		return error_at(e, REASON_UNAVAILABLE, h->base, 0, 0, "the answer was cut off");
	*status = (int)code;
	return true;
}

static void wait_seconds(curl_off_t seconds)
{
	struct timespec left = { .tv_sec = (time_t)seconds };

	while (nanosleep(&left, &left) != 0)
		continue;
}

bool https_request(struct https *h, const char *method, const char *path, struct view body, const char *content_type,
                   struct buf *answer, int *status, struct error *e)
{
	bool ok, get = strcmp(method, "GET") == 0;
	struct curl_slist *fields;

	if ((!get && strcmp(method, "POST") != 0) || path[0] != '/' || (get && body.n > 0))
		return error_set(e, REASON_BAD_REQUEST, "only GET, and POST with a body, of a path");
	fields = make_fields(content_type, false);
	if (!fields)
		return error_set(e, REASON_NO_MEMORY, "memory ran out");
	ok = set_request(h, method, path, body, fields) || error_set(e, REASON_BAD_REQUEST, "the path is not sent");
	h->answer = answer;
	for (unsigned try = 1; ok; try++) {
		curl_off_t wait_s = 0;
		ok = try_once(h, status, &wait_s, e);
		if (!ok || (*status != 429 && *status != 503) || wait_s <= 0 || try >= h->tries ||
		    wait_s > (curl_off_t)h->patience_ms / 1000)
			break;
		wait_seconds(wait_s);
	}
	h->answer = NULL;
	curl_easy_setopt(h->curl, CURLOPT_HTTPHEADER, NULL);
	curl_slist_free_all(fields);
	return ok;
}

/* Whatever was set for a stream, and for what follows it. */
static bool set_stream(struct https *h, bool streams)
{
	long timeout_s = (long)(h->timeout_ms + 999) / 1000;

	h->paused = false;
	return SET(CURLOPT_WRITEFUNCTION, streams ? take_stream : take_body) &&
	       SET(CURLOPT_READFUNCTION, streams ? give_body : NULL) && SET(CURLOPT_READDATA, h) &&
	       SET(CURLOPT_TIMEOUT_MS, streams ? 0L : (long)h->timeout_ms) &&
	       SET(CURLOPT_LOW_SPEED_LIMIT, streams ? 1L : 0L) && SET(CURLOPT_LOW_SPEED_TIME, streams ? timeout_s : 0L);
}

bool https_stream(struct https *h, const struct https_stream *s, struct buf *problem, int *status,
                  unsigned *retry_after_s, struct error *e)
{
	struct curl_slist *fields = make_fields(s->content_type, true);
	char url[URL_MAX * 2];
	curl_off_t wait_s = 0;
	bool ok = fields != NULL || error_set(e, REASON_NO_MEMORY, "memory ran out");

	h->stream = s;
	h->answer = problem;
	ok = ok && ((snprintf(url, sizeof url, "%s%s", h->base, s->path) < (int)sizeof url && set_stream(h, true) &&
	             SET(CURLOPT_URL, url) && SET(CURLOPT_HTTPHEADER, fields) && SET(CURLOPT_POST, 1L) &&
	             SET(CURLOPT_POSTFIELDS, NULL) && SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)-1)) ||
	            error_set(e, REASON_BAD_REQUEST, "the path is not sent"));
	ok = ok && try_once(h, status, &wait_s, e);
	*retry_after_s = ok && wait_s > 0 ? (unsigned)(wait_s < 86400 ? wait_s : 86400) : 0;
	h->stream = NULL;
	h->answer = NULL;
	curl_easy_setopt(h->curl, CURLOPT_HTTPHEADER, NULL);
	curl_slist_free_all(fields);
	return (set_stream(h, false) || error_set(e, REASON_NO_MEMORY, "libcurl could not be set up")) && ok;
}

void https_close(struct https *h)
{
	if (!h)
		return;
	if (h->curl)
		curl_easy_cleanup(h->curl);
	curl_slist_free_all(h->resolve);
	free(h);
}
