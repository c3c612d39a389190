/* What the analysers cannot see from one file: that setting an error is always false, and that a hash table forgets what is
 * deleted from it. For test/rules/analyze_one.sh alone. */
#ifndef TEST_RULES_ANALYZE_H
#define TEST_RULES_ANALYZE_H

#include <uthash.h>

#include "lib/base/error.h"

#define error_set(...)       (error_set(__VA_ARGS__), false)
#define error_at(...)        (error_at(__VA_ARGS__), false)
#define error_list_add(...)  (error_list_add(__VA_ARGS__), false)
#define error_list_addf(...) (error_list_addf(__VA_ARGS__), false)

void analyzed_delete(void *head, const void *item);
#undef HASH_DELETE
#define HASH_DELETE(hh, head, item) analyzed_delete(&(head), item)

#endif
