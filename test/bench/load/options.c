/* See options.h. */
#include "test/bench/load/options.h"

#include <arpa/inet.h>
#include <getopt.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <openssl/ssl.h>

#include "lib/base/buf.h"

#define CONNECTIONS_MAX 4096
#define REQUESTS_MAX    20000000u
#define SECONDS_MAX     600
#define BATCH_MAX       10000
#define RATE_MAX        1000000
#define BODY_MAX        (16u << 20)
#define TARGETS_MAX     100000

static const char usage[] =
        "usage: load -a ADDRESS:PORT -u TARGET [options]\n"
        "  -a, --address A:P      where to; an address of loopback\n"
        "  -u, --target PATH      what to ask for; with --targets N %d in it becomes a number from 0 to N - 1, in turn\n"
        "      --targets N        at most 100,000\n"
        "      --server-name NAME SNI and Host (default: the address)\n"
        "      --ca F --cert F --private-key F   PEM files; without them plain HTTP\n"
        "  -m, --method M         default POST, or GET without a body\n"
        "  -b, --body TEXT        of each request; %d in it becomes the request's number\n"
        "  -B, --bodies FILE      a body a line, in turn, %d as above\n"
        "      --size N           bytes a body of --bodies, about: what stands between %[ and %] is repeated, with commas between, as often as\n"
        "                         there is room for, and at least once; at most 8 MiB\n"
        "      --batch N          N bodies a request, a line each, each with a number of its own (default 1, at most 10,000)\n"
        "      --type T           Content-Type (default application/json)\n"
        "  -k, --key              sends an Idempotency-Key, another one each time\n"
        "      --key-prefix P     of the keys (default: from the clock)\n"
        "      --first N          number of the first request (default 1)\n"
        "  -c, --connections N    default 64, at most 4096\n"
        "  -f, --fresh            a new connection, with a whole handshake, for each request\n"
        "  -t, --threads N        default 2, at most 16\n"
        "  -n, --requests N       ends after so many, at most 20,000,000\n"
        "  -s, --seconds S        ends after so long (default 10, at most 600)\n"
        "  -r, --rate R           open loop: R requests a second in all, due at even distances whether or not others were\n"
        "                         answered; a wait counts from when the request was due. At most 1,000,000\n"
        "  -w, --warmup S         seconds before counting begins (default 0)\n"
        "  -p, --pids P,P         processes whose CPU, with that of their children, is divided by the requests\n"
        "Prints lines of a name and a value, waits at most 0.8 % above what was measured; ends with 1 when a request failed or an\n"
        "answer was a 5xx. SIGTERM ends it early.\n";

struct options options = { .type = "application/json",
	                   .first = 1,
	                   .connections = 64,
	                   .threads = 2,
	                   .batch = 1,
	                   .seconds = 10,
	                   .requests = REQUESTS_MAX };

_Noreturn void die(const char *what)
{
	fprintf(stderr, "load: %s\n", what);
	exit(2);
}

static void parse_address(const char *text)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
	const char *colon = strrchr(text, ':');
	char address[64];
	unsigned long long port;

	if (!colon || !view_to_u64(view_of(colon + 1), 65535, &port))
		die("the address is not ADDRESS:PORT");
	int n = (int)(colon - text);
	if (n > 1 && text[0] == '[' && text[n - 1] == ']')
		snprintf(address, sizeof address, "%.*s", n - 2, text + 1);
	else
		snprintf(address, sizeof address, "%.*s", n, text);
	v4.sin_port = v6.sin6_port = htons((uint16_t)port);
	if (inet_pton(AF_INET, address, &v4.sin_addr) == 1 && ntohl(v4.sin_addr.s_addr) >> 24 == 127) {
		memcpy(&options.address, &v4, sizeof v4);
		options.address_n = sizeof v4;
	} else if (inet_pton(AF_INET6, address, &v6.sin6_addr) == 1 && IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr)) {
		memcpy(&options.address, &v6, sizeof v6);
		options.address_n = sizeof v6;
	} else {
		die("the address is not one of loopback");
	}
	snprintf(options.host, sizeof options.host, "%s", options.server_name ? options.server_name : text);
}

static uint64_t parse_number(const char *text, uint64_t max)
{
	unsigned long long n;

	if (!view_to_u64(view_of(text), max, &n))
		die("a number is malformed or too large");
	return n;
}

static void load_bodies(void)
{
	static struct buf all = { .max = 1u << 30 };
	FILE *f = fopen(options.bodies, "r");
	size_t n, cap = 0;

	if (!f)
		die("the file of bodies cannot be opened");
	for (char *room; (room = buf_room(&all, 65536)) && (n = fread(room, 1, 65536, f)) > 0;)
		all.n += n;
	fclose(f);
	for (struct view rest = buf_view(&all); rest.n > 0;) {
		struct view line = view_cut(&rest, '\n');
		if (line.n == 0)
			continue;
		if (options.n_lines == cap) {
			cap = cap ? cap * 2 : 1024;
			options.lines = realloc(options.lines, cap * sizeof *options.lines);
			if (!options.lines)
				die("no memory");
		}
		options.lines[options.n_lines++] = line;
	}
	if (options.n_lines == 0)
		die("the file of bodies is empty");
}

/* A body of about options.size bytes: what stands between %[ and %] as often as there is room for. Its text lives as long as
 * the process. */
static struct view resized(struct view text)
{
	const char *open = memmem(text.p, text.n, "%[", 2), *close = memmem(text.p, text.n, "%]", 2);

	if (!open || !close || close < open)
		die("--size needs a body with %[ and %]");
	struct view item = view_make(open + 2, (size_t)(close - open) - 2);
	size_t around = text.n - item.n - 4;
	size_t times = options.size > around ? (options.size - around + 1) / (item.n + 1) : 0;
	struct buf b = BUF_INIT(BODY_MAX);
	buf_add(&b, view_make(text.p, (size_t)(open - text.p)));
	buf_add(&b, item);
	for (size_t i = 1; i < times; i++) {
		buf_addc(&b, ',');
		buf_add(&b, item);
	}
	buf_add(&b, view_make(close + 2, text.n - (size_t)(close - text.p) - 2));
	if (b.failed)
		die("a body is larger than 16 MiB");
	return buf_view(&b);
}

static void make_context(void)
{
	options.ctx = SSL_CTX_new(TLS_client_method());
	if (!options.ctx || !SSL_CTX_set_min_proto_version(options.ctx, TLS1_3_VERSION) || !options.ca ||
	    SSL_CTX_load_verify_locations(options.ctx, options.ca, NULL) != 1 ||
	    SSL_CTX_use_certificate_chain_file(options.ctx, options.cert) != 1 || !options.private_key ||
	    SSL_CTX_use_PrivateKey_file(options.ctx, options.private_key, SSL_FILETYPE_PEM) != 1)
		die("--ca, --cert and --private-key do not make a TLS client");
	SSL_CTX_set_verify(options.ctx, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_mode(options.ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
}

void options_parse(int argc, char **argv)
{
	enum { SERVER_NAME = 256, CA, CERT, PRIVATE_KEY, BATCH, SIZE, TARGETS, TYPE, KEY_PREFIX, FIRST };
	static const struct option known[] = {
		{ "address", 1, NULL, 'a' }, { "target", 1, NULL, 'u' },      { "server-name", 1, NULL, SERVER_NAME },
		{ "ca", 1, NULL, CA },       { "cert", 1, NULL, CERT },       { "private-key", 1, NULL, PRIVATE_KEY },
		{ "method", 1, NULL, 'm' },  { "body", 1, NULL, 'b' },        { "bodies", 1, NULL, 'B' },
		{ "batch", 1, NULL, BATCH }, { "size", 1, NULL, SIZE },       { "targets", 1, NULL, TARGETS },
		{ "type", 1, NULL, TYPE },   { "key", 0, NULL, 'k' },         { "key-prefix", 1, NULL, KEY_PREFIX },
		{ "first", 1, NULL, FIRST }, { "connections", 1, NULL, 'c' }, { "fresh", 0, NULL, 'f' },
		{ "threads", 1, NULL, 't' }, { "requests", 1, NULL, 'n' },    { "seconds", 1, NULL, 's' },
		{ "rate", 1, NULL, 'r' },    { "warmup", 1, NULL, 'w' },      { "pids", 1, NULL, 'p' },
		{ NULL, 0, NULL, 0 },
	};
	const char *address = NULL;
	static char prefix[32];
	struct view pids;
	int c;

	while ((c = getopt_long(argc, argv, "a:u:m:b:B:kfc:t:n:s:r:w:p:", known, NULL)) != -1) {
		switch (c) {
		case 'a': address = optarg; break;
		case 'u': options.target = optarg; break;
		case SERVER_NAME: options.server_name = optarg; break;
		case CA: options.ca = optarg; break;
		case CERT: options.cert = optarg; break;
		case PRIVATE_KEY: options.private_key = optarg; break;
		case 'm': options.method = optarg; break;
		case 'b': options.body = optarg; break;
		case 'B': options.bodies = optarg; break;
		case BATCH: options.batch = (unsigned)parse_number(optarg, BATCH_MAX); break;
		case SIZE: options.size = (unsigned)parse_number(optarg, BODY_MAX / 2); break;
		case TARGETS: options.targets = (unsigned)parse_number(optarg, TARGETS_MAX); break;
		case TYPE: options.type = optarg; break;
		case 'k': options.key = true; break;
		case KEY_PREFIX: options.key_prefix = optarg; break;
		case FIRST: options.first = parse_number(optarg, UINT64_MAX / 2); break;
		case 'f': options.fresh = true; break;
		case 'c': options.connections = (unsigned)parse_number(optarg, CONNECTIONS_MAX); break;
		case 't': options.threads = (unsigned)parse_number(optarg, THREADS_MAX); break;
		case 'n': options.requests = (unsigned)parse_number(optarg, REQUESTS_MAX); break;
		case 's': options.seconds = (unsigned)parse_number(optarg, SECONDS_MAX); break;
		case 'r': options.rate = (unsigned)parse_number(optarg, RATE_MAX); break;
		case 'w': options.warmup = (unsigned)parse_number(optarg, SECONDS_MAX); break;
		case 'p':
			for (pids = view_of(optarg); pids.n > 0 && options.n_pids < PIDS_MAX;) {
				unsigned long long pid;
				if (!view_to_u64(view_cut(&pids, ','), 1u << 30, &pid))
					die("a pid is malformed");
				options.pids[options.n_pids++] = (int)pid;
			}
			break;
		default: fputs(usage, stderr); exit(2);
		}
	}
	if (!address || !options.target || optind != argc || !options.connections || !options.batch ||
	    !options.threads || !options.seconds) {
		fputs(usage, stderr);
		exit(2);
	}
	if (options.threads > options.connections)
		options.threads = options.connections;
	parse_address(address);
	if (options.cert)
		make_context();
	if (options.bodies)
		load_bodies();
	for (size_t i = 0; options.size && i < options.n_lines; i++)
		options.lines[i] = resized(options.lines[i]);
	if (!options.method)
		options.method = options.body || options.bodies ? "POST" : "GET";
	if (!options.key_prefix) {
		snprintf(prefix, sizeof prefix, "load-%llx", (unsigned long long)time(NULL));
		options.key_prefix = prefix;
	}
}
