/* See disclosed.h. */
#include "gatewayd/ctl/disclosed.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/encode.h"

static void open_one(const char *text, json_t *into)
{
	size_t n = strlen(text), got;
	char *bytes = malloc(n + 1);
	json_t *triple = NULL;

	if (bytes && base64url_decode(view_of(text), bytes, n, &got))
		triple = json_loadb(bytes, got, 0, NULL);
	if (json_array_size(triple) == 3 && json_is_string(json_array_get(triple, 1)) &&
	    !json_object_get(json_array_get(triple, 2), "_sd"))
		json_object_set(into, json_string_value(json_array_get(triple, 1)), json_array_get(triple, 2));
	json_decref(triple);
	free(bytes);
}

json_t *disclosed_open(const json_t *disclosures)
{
	json_t *opened = json_object(), *item;
	size_t i;

	json_array_foreach(disclosures, i, item) if (json_is_string(item)) open_one(json_string_value(item), opened);
	return opened;
}
