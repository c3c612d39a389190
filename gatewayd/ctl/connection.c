/* See connection.h. */
#include "gatewayd/ctl/connection.h"

#include <jansson.h>

#include "gatewayd/os/files.h"

#define FILE_MAX 65536

/* What a connection is made of: the option, the variable, the member, and whether it is a path. */
static const struct part {
	int option;
	const char *variable, *member;
	bool path;
	size_t at;
} parts[] = {
	{ CONNECTION_URL, "GATEWAY_URL", "url", false, offsetof(struct https_options, url) },
	{ CONNECTION_CERTIFICATE, "GATEWAY_CERTIFICATE", "certificate", true,
	  offsetof(struct https_options, certificate) },
	{ CONNECTION_KEY, "GATEWAY_KEY", "key", true, offsetof(struct https_options, key) },
	{ CONNECTION_AUTHORITY, "GATEWAY_AUTHORITY", "authority", true, offsetof(struct https_options, authority) },
	{ CONNECTION_RESOLVE, "GATEWAY_RESOLVE", "resolve", false, offsetof(struct https_options, resolve) },
};
#define PARTS (sizeof parts / sizeof *parts)

static const char **part_of(struct connection *c, const struct part *p)
{
	return (const char **)(void *)((char *)&c->https + p->at);
}

bool connection_option(struct connection *c, int option, const char *argument)
{
	if (option == CONNECTION_FILE) {
		c->file = argument;
		return true;
	}
	for (size_t i = 0; i < PARTS; i++)
		if (parts[i].option == option) {
			*part_of(c, &parts[i]) = argument;
			return true;
		}
	return false;
}

static bool take_member(struct connection *c, const char *name, const json_t *value, struct error *e)
{
	for (size_t i = 0; i < PARTS; i++) {
		const char **to = part_of(c, &parts[i]);
		if (strcmp(parts[i].member, name) != 0)
			continue;
		if (!json_is_string(value))
			break;
		if (!*to) {
			char *text = arena_str(&c->mem, view_of(json_string_value(value)));
			*to = text && parts[i].path ? file_beside(&c->mem, file_folder(&c->mem, c->file), text) : text;
		}
		return *to || error_set(e, REASON_NO_MEMORY, "memory ran out");
	}
	return error_at(e, REASON_CONFIG, c->file, 0, 0, "has a member that is none of a connection's, or no text");
}

static bool read_connection_file(struct connection *c, struct error *e)
{
	struct buf text = BUF_INIT(FILE_MAX + 1);
	json_error_t at;
	json_t *doc = NULL, *value;
	const char *name;
	bool ok = file_read(c->file, FILE_MAX, &text, e);

	if (ok) {
		doc = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, &at);
		ok = json_is_object(doc) || error_at(e, REASON_CONFIG, c->file, 0, 0, "is not a JSON object");
	}
	json_object_foreach(doc, name, value) ok = ok && take_member(c, name, value, e);
	json_decref(doc);
	buf_free(&text);
	return ok;
}

bool connection_fill(struct connection *c, struct error *e)
{
	for (size_t i = 0; i < PARTS; i++)
		if (!*part_of(c, &parts[i]))
			*part_of(c, &parts[i]) = getenv(parts[i].variable);
	if (!c->file)
		c->file = getenv("GATEWAY_CONNECTION");
	return !c->file || read_connection_file(c, e);
}

struct https *connection_open(struct connection *c, struct error *e)
{
	return connection_fill(c, e) ? https_open(&c->https, e) : NULL;
}

void connection_free(struct connection *c)
{
	arena_free(&c->mem);
}
