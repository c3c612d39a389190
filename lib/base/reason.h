/* The one list of reasons: what the daemon can answer, refuse or report. Each has a slug (problem
 * type `/problems/<slug>` of RFC 9457 and the full reason in the audit disclosures), the HTTP
 * status, the coarse reason that the peer and the leaf of the audit log see, and a sentence.
 * Flat X-macro: R(enum, slug, status, coarse, sentence). Any thread. */
#ifndef GATEWAY_BASE_REASON_H
#define GATEWAY_BASE_REASON_H

#include "lib/base/view.h"

#define REASON_LIST(R) \
	R(NONE, "none", 200, "none", "No error.") \
	/* the request itself */ \
	R(BAD_REQUEST, "bad-request", 400, "request", \
	  "The request is not well-formed HTTP/1.1 as this gateway reads it.") \
	R(BAD_HEADER, "bad-header", 400, "request", "A header field has a value that is not allowed.") \
	R(BAD_QUERY, "bad-query", 400, "request", \
	  "A parameter of the query is not known here, is there twice, or has a value that is not allowed.") \
	R(BAD_JSON, "bad-json", 400, "request", "The body is not valid JSON, or exceeds a limit of the reader.") \
	R(DIGEST_MISMATCH, "digest-mismatch", 400, "request", \
	  "The body does not have the Content-Digest that was sent.") \
	R(NOT_FOUND, "not-found", 404, "request", "There is nothing here that you may see.") \
	R(METHOD_NOT_ALLOWED, "method-not-allowed", 405, "request", "This resource does not take that method.") \
	R(TIMEOUT, "timeout", 408, "request", "The request did not arrive in time.") \
	R(MISDIRECTED, "misdirected", 421, "request", "The Host of the request is not a name of this gateway.") \
	R(TOO_LARGE, "too-large", 413, "request", "The body is larger than this gateway accepts.") \
	R(MEDIA_TYPE, "media-type", 415, "request", "The body has a media type that this resource does not take.") \
	R(HEADERS_TOO_LARGE, "headers-too-large", 431, "request", \
	  "The header section is larger than this gateway accepts.") \
	R(NOT_IMPLEMENTED, "not-implemented", 501, "request", \
	  "The request uses a feature of HTTP that this gateway does not take.") \
	R(RATE_LIMITED, "rate-limited", 429, "request", "Too many requests; try again later.") \
	R(UNAVAILABLE, "unavailable", 503, "request", "The gateway cannot serve this now; nothing was decided.") \
	R(NO_SPACE, "no-space", 503, "request", \
	  "The gateway is short of room for new records; nothing was decided. Send it again later.") \
	R(STORE_HELD, "store-held", 503, "request", \
	  "Another program on the gateway's host keeps its store from being tidied; nothing was decided. Send it again later.") \
	R(BUSY, "busy", 503, "request", \
	  "The gateway has as much under way as it has memory for; nothing was decided. Send it again later.") \
	R(UNREAD, "unread", 408, "request", \
	  "The results of the stream were not read in time; what follows was not taken. Read while you send.") \
	R(INTERNAL, "internal", 500, "request", "The gateway failed; nothing was released.") \
	R(DAMAGED, "damaged", 409, "request", \
	  "It is damaged in this gateway's store and is not served; the gateway's operator has to look.") \
	R(KEY_REUSED, "key-reused", 422, "request", "The Idempotency-Key was used before with another body.") \
	R(KEY_IN_USE, "key-in-use", 409, "request", "An exchange with this Idempotency-Key is under way.") \
	R(KEY_REQUIRED, "key-required", 400, "request", "An Idempotency-Key is required here.") \
	/* who */ \
	R(PARTNER_UNKNOWN, "partner-unknown", 403, "access", "The certificate belongs to no partner of this gateway.") \
	R(CERTIFICATE_REVOKED, "certificate-revoked", 403, "access", "The certificate is revoked.") \
	R(REVOCATION_UNKNOWN, "revocation-unknown", 503, "access", "The revocation list is missing or out of date.") \
	R(ROLE_DENIED, "role-denied", 403, "access", "The role of this certificate does not permit this.") \
	/* which agreement */ \
	R(AGREEMENT_UNKNOWN, "agreement-unknown", 404, "agreement", \
	  "No agreement of this name binds you and this gateway.") \
	R(AGREEMENT_MISMATCH, "agreement-mismatch", 409, "agreement", \
	  "The two gateways do not hold the same version of the agreement.") \
	R(AGREEMENT_NOT_EFFECTIVE, "agreement-not-effective", 403, "agreement", "The agreement is not in force yet.") \
	R(AGREEMENT_SUNSET, "agreement-sunset", 403, "agreement", "The agreement has ended.") \
	R(AGREEMENT_SUSPENDED, "agreement-suspended", 403, "agreement", "The agreement is suspended.") \
	R(REVIEW_OVERDUE, "review-overdue", 403, "agreement", "The review that the agreement demands is overdue.") \
	R(ASSESSMENT_MISSING, "assessment-missing", 403, "agreement", "The agreement has no impact assessment.") \
	R(ASSESSMENT_STALE, "assessment-stale", 403, "agreement", "The impact assessment is past its next review.") \
	R(FLOW_UNMAPPED, "flow-unmapped", 403, "agreement", "The destination is not on the agreement's flow map.") \
	R(CRYPTO_EXPIRED, "crypto-expired", 403, "agreement", \
	  "A cryptographic algorithm of the agreement is past its expiry.") \
	R(COUNCIL_VETO, "council-veto", 403, "agreement", "The joint council vetoed this exchange.") \
	R(NOT_AUTHORISED, "not-authorised", 403, "agreement", "The joint council has not authorised this agreement.") \
	R(RECEIPT_OVERDUE, "receipt-overdue", 403, "agreement", "A receipt that the partner owes is overdue.") \
	/* may it */ \
	R(ENVELOPE_INVALID, "envelope-invalid", 422, "schema", "The envelope does not fit its schema.") \
	R(PURPOSE_NOT_PERMITTED, "purpose-not-permitted", 403, "policy", \
	  "The agreement does not permit this purpose.") \
	R(NO_LEGAL_BASIS, "no-legal-basis", 403, "policy", \
	  "The legal basis is not one of the agreement for this purpose.") \
	R(TIER_UNKNOWN, "tier-unknown", 403, "policy", "The agreement has no such tier.") \
	R(CATEGORY_UNKNOWN, "category-unknown", 403, "policy", \
	  "The agreement does not cover this category of data subject.") \
	R(CASE_MISSING, "case-missing", 403, "policy", "The agreement demands a case reference.") \
	R(NECESSITY_INCOMPLETE, "necessity-incomplete", 403, "policy", "The necessity test is incomplete.") \
	R(RETENTION_MISSING, "retention-missing", 403, "policy", "No retention period covers this exchange.") \
	R(RETENTION_OVER_MAX, "retention-over-max", 403, "policy", \
	  "The retention asked for is longer than the agreement permits.") \
	R(EXCEPTION_UNKNOWN, "exception-unknown", 403, "policy", "The exception is not one of the agreement.") \
	R(EXCEPTION_EXPIRED, "exception-expired", 403, "policy", "The exception has expired.") \
	R(EXCEPTION_QUOTA, "exception-quota", 403, "policy", \
	  "The exception was used as often as the agreement permits.") \
	R(DEFAULT_DENY, "default-deny", 403, "policy", "Nothing in the agreement lets any field of this record pass.") \
	R(TIER_FIELDS_EXCEEDED, "tier-fields-exceeded", 403, "policy", "The record asks for fields above its tier.") \
	R(FIELD_UNJUSTIFIED, "field-unjustified", 403, "policy", \
	  "A field that this tier releases has no justification.") \
	R(APPROVAL_MISSING, "approval-missing", 403, "policy", \
	  "A signed approval that the agreement demands is missing.") \
	R(APPROVAL_INVALID, "approval-invalid", 403, "policy", "A signed approval does not fit this exchange.") \
	R(APPROVAL_FORM, "approval-form", 403, "policy", \
	  "A signed approval is not of the form that this gateway takes: older forms bind too little.") \
	R(APPROVAL_USED, "approval-used", 403, "policy", "A signed approval was used before, or may have been.") \
	R(HANDLING_UNKNOWN, "handling-unknown", 403, "policy", "A handling or grading code is not on its list.") \
	R(ENVELOPE_MEMBER, "envelope-member", 403, "policy", \
	  "A member of the envelope that would leave beside the record does not fit what the agreement says of it.") \
	R(TRANSFORM_REQUIRED, "transform-required", 403, "policy", \
	  "A direct identifier would leave in clear without a waiver.") \
	R(CONSENT_MISSING, "consent-missing", 403, "policy", "The agreement demands a consent reference.") \
	R(CONSENT_REFERENCE, "consent-reference", 422, "schema", \
	  "The reference of the consent is not of the form that the agreement gives.") \
	R(CONSENT_NOT_GIVEN, "consent-not-given", 403, "policy", \
	  "The consent is not on the list of those that were given.") \
	R(CONSENT_WITHDRAWN, "consent-withdrawn", 403, "policy", "The consent was withdrawn.") \
	R(CONSENT_UNKNOWN, "consent-unknown", 503, "policy", \
	  "The list of withdrawn consents, or of given ones, is missing or out of date.") \
	R(UNDER_CHALLENGE, "under-challenge", 403, "policy", "The data are restricted while they are disputed.") \
	R(QUOTA, "quota", 403, "policy", "The quota of this tier is used up.") \
	R(BATCH_REQUIRED, "batch-required", 403, "policy", \
	  "A k-guard of the agreement covers the record: it can leave only among others, in one batch of lines.") \
	R(BATCH_BOUNDED, "batch-bounded", 413, "policy", \
	  "A k-guard of the agreement counts the lines of a batch together: it must have a Content-Length, and no more bytes " \
	  "and lines than this gateway takes at once.") \
	R(GROUP_TOO_SMALL, "group-too-small", 403, "policy", \
	  "Too few records of the batch have the same combination of values.") \
	R(TRAINING_EXPIRED, "training-expired", 403, "policy", "The officer's training has expired.") \
	R(ONWARD_DENIED, "onward-denied", 403, "policy", \
	  "The agreement by which the data came, or a code under which they came, does not let them go on.") \
	R(ONWARD_UNNAMED, "onward-unnamed", 422, "policy", \
	  "The record is one that came here: whoever passes it on names its exchange in onward_of.") \
	R(CORRECTION_INVALID, "correction-invalid", 422, "policy", \
	  "What is to be corrected is no living exchange of yours under this agreement.") \
	R(NOT_PERMITTED, "not-permitted", 403, "policy", "The agreement does not permit this exchange.") \
	/* does it fit */ \
	R(SCHEMA_UNKNOWN, "schema-unknown", 422, "schema", "The record's schema is not one of the agreement.") \
	R(SCHEMA_VIOLATION, "schema-violation", 422, "schema", "The record does not fit the agreement's schema.") \
	R(OUTPUT_VIOLATION, "output-violation", 403, "policy", \
	  "What would leave does not fit what the agreement lets through.") \
	R(TRANSFORM_FAILED, "transform-failed", 422, "schema", \
	  "A field does not have the form that its transform needs.") \
	/* what a partner gateway sends */ \
	R(RECEIPT_INVALID, "receipt-invalid", 403, "receipt", "The sender's proof does not cover what arrived.") \
	R(RECORD_FORM, "record-form", 422, "receipt", \
	  "The record is not in the one form in which records leave a gateway.") \
	R(NOTICE_INVALID, "notice-invalid", 422, "schema", "The notice does not fit its schema or its exchange.") \
	R(DUTY_ANSWER, "duty-answer-invalid", 422, "schema", "The answer does not fit the duty.") \
	R(RECALL_CODE, "recall-code", 422, "schema", \
	  "A recall says why by one code of the list in doc/agreements.md; words stay with who recalls.") \
	R(RECALL_LATE, "recall-late", 409, "agreement", "There is nothing left to recall.") \
	R(WAITING_DECISION, "waiting-decision", 202, "held", "A person has to decide.") \
	/* documents, configuration, store */ \
	R(CONFIG, "configuration", 500, "request", "The configuration is not valid.") \
	R(BELOW_FLOOR, "below-floor", 403, "agreement", "The agreement is looser than the common floor.") \
	R(SIGNATURE, "signature-invalid", 403, "agreement", "A signature is missing or does not verify.") \
	R(SCHEMA_ERROR, "schema-error", 500, "schema", "A JSON Schema is not valid.") \
	R(LIMIT, "limit", 422, "schema", "A limit on time or memory was reached.") \
	R(STORE, "store", 503, "request", "The store failed.") \
	R(TAMPERED, "tampered", 503, "request", "The audit log does not verify.") \
	R(UNSUPPORTED, "unsupported", 503, "request", "A key's algorithm is not known here, or not to this OpenSSL.") \
	R(NOT_COSIGNED, "not-cosigned", 503, "request", \
	  "The log's own signature holds, but too few of the policy's witnesses have cosigned the checkpoint yet.") \
	R(COSIGNATURE_OLD, "cosignature-old", 503, "request", \
	  "The witnesses' quorum was reached, but longer ago than is allowed.") \
	R(IO, "io", 503, "request", "A file or socket failed.") \
	R(CRYPTO, "crypto", 500, "request", "A cryptographic operation failed.") \
	R(NO_MEMORY, "no-memory", 503, "request", "Memory ran out.")

enum reason {
#define R(name, slug, status, coarse, text) REASON_##name,
	REASON_LIST(R)
#undef R
	        REASON_COUNT
};

const char *reason_slug(enum reason r);
int reason_status(enum reason r);         /* HTTP status */
const char *reason_coarse(enum reason r); /* what the peer and the leaf see */
const char *reason_text(enum reason r);
/* What the peer is told: the reason itself, or NOT_PERMITTED where naming it would tell something about a
 * person or about how oversight uses its powers. */
enum reason reason_for_peer(enum reason r);
/* Between gateways: what people at one of the two can mend, by a partner file, an agreement, a limit. Such a refusal is
 * never final: the same may pass when it comes again. */
bool reason_is_mendable(enum reason r);
/* REASON_COUNT when no reason has that slug. */
enum reason reason_find(struct view slug);

#endif
