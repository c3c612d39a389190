/* See address.h. */
#include "gatewayd/edge/address.h"

#include <arpa/inet.h>

#define MAPPED_BITS 96 /* of an IPv4 address' prefix, ::ffff:0:0/96 */

static struct address mapped(const struct in_addr *v4)
{
	struct address a = { .b = { [10] = 0xff, [11] = 0xff } };

	memcpy(a.b + 12, v4, 4);
	return a;
}

static bool is_mapped(const struct address *a)
{
	static const uint8_t prefix[12] = { [10] = 0xff, [11] = 0xff };

	return memcmp(a->b, prefix, sizeof prefix) == 0;
}

struct address address_of(const struct sockaddr_storage *from)
{
	struct address a = { .b = { 0 } };
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	if (from->ss_family == AF_INET) {
		memcpy(&v4, from, sizeof v4);
		return mapped(&v4.sin_addr);
	}
	if (from->ss_family == AF_INET6) {
		memcpy(&v6, from, sizeof v6);
		memcpy(a.b, &v6.sin6_addr, sizeof a.b);
	}
	return a;
}

struct address address_source(const struct address *a)
{
	struct address source = *a;

	if (!is_mapped(a))
		memset(source.b + 8, 0, 8);
	return source;
}

uint64_t address_hash(const uint64_t key[ADDRESS_KEY], const struct address *a)
{
	uint32_t word[ADDRESS_KEY - 1];
	uint64_t h = key[ADDRESS_KEY - 1];

	memcpy(word, a->b, sizeof word);
	for (size_t i = 0; i < ADDRESS_KEY - 1; i++)
		h += key[i] * word[i];
	return h;
}

const char *address_print(const struct address *a, char out[ADDRESS_TEXT])
{
	bool v4 = is_mapped(a);

	if (!inet_ntop(v4 ? AF_INET : AF_INET6, v4 ? a->b + 12 : a->b, out, ADDRESS_TEXT))
		out[0] = '\0';
	return out;
}

bool prefix_parse(struct view text, struct prefix *out)
{
	struct view host = view_cut(&text, '/');
	char name[ADDRESS_TEXT];
	struct in_addr v4;
	unsigned long long bits;

	if (host.n == 0 || host.n >= sizeof name)
		return false;
	memcpy(name, host.p, host.n);
	name[host.n] = '\0';
	bool is_v4 = inet_pton(AF_INET, name, &v4) == 1;
	unsigned long long most = is_v4 ? 32 : 128;
	struct prefix p = { .bits = 128 };
	if (is_v4)
		p.address = mapped(&v4);
	else if (inet_pton(AF_INET6, name, p.address.b) != 1)
		return false;
	if (text.p) {
		if (!view_to_u64(text, most, &bits))
			return false;
		p.bits = (uint8_t)(is_v4 ? bits + MAPPED_BITS : bits);
	}
	*out = p;
	return true;
}

bool prefix_has(const struct prefix *p, const struct address *a)
{
	size_t whole = p->bits / 8;
	unsigned rest = p->bits % 8;
	uint8_t mask = (uint8_t)(0xff00 >> rest);

	return memcmp(p->address.b, a->b, whole) == 0 &&
	       (rest == 0 || ((p->address.b[whole] ^ a->b[whole]) & mask) == 0);
}

bool host_is_loopback(struct view text)
{
	static const struct prefix v4 = { .address.b = { [10] = 0xff, [11] = 0xff, [12] = 127 },
		                          .bits = MAPPED_BITS + 8 };
	static const struct address v6 = { .b = { [15] = 1 } };
	struct prefix p;

	if (view_eq_nocase(text, VIEW("localhost")))
		return true;
	return prefix_parse(text, &p) && p.bits == 128 &&
	       (prefix_has(&v4, &p.address) || memcmp(&p.address, &v6, sizeof v6) == 0);
}
