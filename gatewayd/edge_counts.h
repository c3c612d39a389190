/* What the edge counts, by kind: each of its threads for itself, sent to core as totals (FRAME_COUNTS) once a second and
 * summed there for /metrics. The names are the labels of the metric `gatewayd_edge_events`: this list, and no name that
 * comes from outside, so that there are never more of them. Any thread. */
#ifndef GATEWAYD_EDGE_COUNTS_H
#define GATEWAYD_EDGE_COUNTS_H

#include <stdint.h>

/* C(name, sentence): the sentence is what the log says of one, and what to do; NULL: it is counted only. */
#define EDGE_COUNTS(C) \
	C(accepted, NULL) \
	C(handshakes, NULL) \
	C(verified, NULL) /* of them, those whose certificate was not known */ \
	C(requests, NULL) \
	C(outbound, NULL) \
	C(outbound_failed, NULL) \
	/* no connection: caps and budgets */ \
	C(no_descriptor, "no file descriptor is left; raise LimitNOFILE or lower limits.connections") \
	C(source_full, "its address has as many connections as it may have (limits.connections_per_source)") \
	C(source_budget, "its address began more handshakes than it may in a second (limits.handshakes_per_source)") \
	C(handshake_budget, "addresses that are not known began more handshakes than all of them may in a second " \
	                    "(limits.handshakes_per_second); list a partner's address in limits.reserved_sources") \
	C(evicted, "the oldest of the fullest address made room for another (limits.handshakes, strangers, monitors)") \
	C(partner_full, "the partner has as many connections as it may have (limits.connections_per_peer)") \
	C(full, "all connections are taken (limits.connections)") \
	C(stranger, \
	  "its certificate comes from an authority of tls.authorities, and no partner file has its pin; add the pin " \
	  "to a partner file and reload") \
	/* no handshake: what was wrong with the certificate, or with TLS */ \
	C(no_certificate, "it showed no certificate; the partner has to configure its client certificate") \
	C(unknown_authority, "its certificate comes from no authority of tls.authorities") \
	C(expired, "its certificate has expired; the partner needs a new one") \
	C(not_yet_valid, "its certificate is not valid yet; compare both clocks") \
	C(wrong_usage, \
	  "its certificate is not for TLS clients: it needs keyUsage digitalSignature and extendedKeyUsage clientAuth") \
	C(no_identity, "its certificate has not exactly one URI among its subject alternative names") \
	C(weak, "its certificate has a key or signature that is too weak") \
	C(bad_certificate, "its certificate or chain is not of the form that RFC 5280 asks for") \
	C(protocol_version, "it does not speak TLS 1.3") \
	C(no_common_suite, "it offers no cipher suite, group or signature that this gateway takes") \
	C(server_name, "it asked for a server name that is not host or one of names") \
	C(application_protocol, "it offers other protocols than http/1.1 (ALPN)") \
	C(not_tls, "what it sent is not TLS") \
	C(peer_alert, "it refused this gateway's certificate, or ended the handshake; the partner's log says why") \
	C(gone, "it went away before the handshake was done") \
	C(handshake_late, "the handshake was not done in time (limits.handshake_ms)") \
	C(tls_failed, "TLS failed") \
	/* how connections ended, and requests that were refused here */ \
	C(refused, NULL) \
	C(misdirected, "the Host of its request is not host or one of names") \
	C(closed, NULL) \
	C(aborted, NULL) \
	C(broken, NULL) \
	C(idle, NULL) \
	C(cut_by_core, "its certificate was revoked, its partner removed or the last agreement with it ended") \
	C(head_late, "the head of a request did not arrive in time (limits.header_ms)") \
	C(body_late, "the body of a request did not arrive in time (limits.body_ms)") \
	C(answer_late, NULL) \
	C(slow_reader, "it reads answers more slowly than limits.answer_bytes_per_second") \
	C(key_updates, "it renewed keys more often than 32 times on a connection")

enum edge_count {
#define C(name, sentence) EDGE_COUNT_##name,
	EDGE_COUNTS(C)
#undef C
	        EDGE_COUNTS_N
};

struct edge_counts {
	uint64_t n[EDGE_COUNTS_N];
};

#endif
