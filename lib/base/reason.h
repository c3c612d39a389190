/* The one list of reasons: what the daemon can answer, refuse or report. Each has a slug (problem
 * type `/problems/<slug>` of RFC 9457 and the full reason in the audit disclosures), the HTTP
 * status, the coarse reason that the peer and the leaf of the audit log see, a sentence, and what to do about it, for
 * whoever is told it. doc/errors.md has all of them.
 * Flat X-macro: R(enum, slug, status, coarse, sentence, remedy). Any thread. */
#ifndef GATEWAY_BASE_REASON_H
#define GATEWAY_BASE_REASON_H

#include "lib/base/view.h"

#define REASON_LIST(R) \
	R(NONE, "none", 200, "none", "No error.", "") \
	/* the request itself */ \
	R(BAD_REQUEST, "bad-request", 400, "request", \
	  "The request is not well-formed HTTP/1.1 as this gateway reads it.", \
	  "Send HTTP/1.1 as RFC 9112 has it: one Content-Length or Transfer-Encoding: chunked, no control characters, a Host.") \
	R(BAD_HEADER, "bad-header", 400, "request", "A header field has a value that is not allowed.", \
	  "Leave the field out or give it a value that is allowed here: no Idempotency-Key with NDJSON, no Content-Digest with a stream.") \
	R(BAD_QUERY, "bad-query", 400, "request", \
	  "A parameter of the query is not known here, is there twice, or has a value that is not allowed.", \
	  "Use the parameters of this path in /openapi.json, each once, with their values percent-encoded.") \
	R(BAD_JSON, "bad-json", 400, "request", "The body is not valid JSON, or exceeds a limit of the reader.", \
	  "Send one JSON value in UTF-8, without duplicate members, at most 64 levels deep; of NDJSON one a line.") \
	R(DIGEST_MISMATCH, "digest-mismatch", 400, "request", \
	  "The body does not have the Content-Digest that was sent.", \
	  "Compute the Content-Digest over the bytes of the body as they are sent; if it is right, the body was changed on the way.") \
	R(NOT_FOUND, "not-found", 404, "request", "There is nothing here that you may see.", \
	  "Check the path. What is another party's, or gone, is answered like what never was.") \
	R(METHOD_NOT_ALLOWED, "method-not-allowed", 405, "request", "This resource does not take that method.", \
	  "Use a method of this path in /openapi.json.") \
	R(TIMEOUT, "timeout", 408, "request", "The request did not arrive in time.", \
	  "Send the request without pauses, at 64 KiB a second or more.") \
	R(MISDIRECTED, "misdirected", 421, "request", "The Host of the request is not a name of this gateway.", \
	  "Use the host name in the gateway's certificate; connect to an address by resolving that name.") \
	R(TOO_LARGE, "too-large", 413, "request", "The body is larger than this gateway accepts.", \
	  "Send less at once; of records, more requests, or NDJSON as a stream.") \
	R(MEDIA_TYPE, "media-type", 415, "request", "The body has a media type that this resource does not take.", \
	  "Send application/json, or application/x-ndjson where /openapi.json has it.") \
	R(HEADERS_TOO_LARGE, "headers-too-large", 431, "request", \
	  "The header section is larger than this gateway accepts.", "Send fewer or shorter header fields.") \
	R(NOT_IMPLEMENTED, "not-implemented", 501, "request", \
	  "The request uses a feature of HTTP that this gateway does not take.", \
	  "Send no trailers, no Upgrade, no Expect but 100-continue, and no transfer coding but chunked.") \
	R(RATE_LIMITED, "rate-limited", 429, "request", "Too many requests; try again later.", \
	  "Wait for Retry-After seconds and send the same again; RateLimit says what is left.") \
	R(UNAVAILABLE, "unavailable", 503, "request", "The gateway cannot serve this now; nothing was decided.", \
	  "Wait for Retry-After seconds, else longer each time, and send the same again under the same key.") \
	R(NO_SPACE, "no-space", 503, "request", \
	  "The gateway is short of room for new records; nothing was decided. Send it again later.", \
	  "Wait for Retry-After seconds and send the same again; the gateway's operator has to make room.") \
	R(STORE_HELD, "store-held", 503, "request", \
	  "Another program on the gateway's host keeps its store from being tidied; nothing was decided. Send it again later.", \
	  "Wait for Retry-After seconds and send the same again; the gateway's operator has to end the other program.") \
	R(BUSY, "busy", 503, "request", \
	  "The gateway has as much under way as it has memory for; nothing was decided. Send it again later.", \
	  "Wait for Retry-After seconds and send the same again.") \
	R(UNREAD, "unread", 408, "request", \
	  "The results of the stream were not read in time; what follows was not taken. Read while you send.", \
	  "Go on with the first line that has no result, under the keys that the lines had, and read while you send.") \
	R(INTERNAL, "internal", 500, "request", "The gateway failed; nothing was released.", \
	  "Send the same again later; if it stays so, tell the gateway's operator the time.") \
	R(DAMAGED, "damaged", 409, "request", \
	  "It is damaged in this gateway's store and is not served; the gateway's operator has to look.", \
	  "Tell the gateway's operator, who finds an incident in the audit log.") \
	R(KEY_REUSED, "key-reused", 422, "request", "The Idempotency-Key was used before with another body.", \
	  "Choose one key for each record and keep it with it; if this is another record, give it a key of its own.") \
	R(KEY_IN_USE, "key-in-use", 409, "request", "An exchange with this Idempotency-Key is under way.", \
	  "Wait a second, then longer each time, and send the same again.") \
	R(KEY_REQUIRED, "key-required", 400, "request", "An Idempotency-Key is required here.", \
	  "Send the exchange's id as Idempotency-Key.") \
	/* who */ \
	R(PARTNER_UNKNOWN, "partner-unknown", 403, "access", "The certificate belongs to no partner of this gateway.", \
	  "Give the gateway's operator your certificate: its URI and key are to stand in a partner file.") \
	R(CERTIFICATE_REVOKED, "certificate-revoked", 403, "access", "The certificate is revoked.", \
	  "Have a new certificate issued, and have the gateway's operator pin it.") \
	R(REVOCATION_UNKNOWN, "revocation-unknown", 503, "access", "The revocation list is missing or out of date.", \
	  "Wait and try again; the gateway's operator has to bring the revocation list.") \
	R(ROLE_DENIED, "role-denied", 403, "access", "The role of this certificate does not permit this.", \
	  "Use a certificate of the role that /openapi.json names in x-roles, or ask the gateway's operator for it.") \
	/* which agreement */ \
	R(AGREEMENT_UNKNOWN, "agreement-unknown", 404, "agreement", \
	  "No agreement of this name binds you and this gateway.", "Name an agreement that GET /v1/agreements lists.") \
	R(AGREEMENT_MISMATCH, "agreement-mismatch", 409, "agreement", \
	  "The two gateways do not hold the same version of the agreement.", \
	  "Both gateways' operators have to take the same version; agreement_digest names the receiver's.") \
	R(AGREEMENT_NOT_EFFECTIVE, "agreement-not-effective", 403, "agreement", "The agreement is not in force yet.", \
	  "Send it again after effective_from of the agreement.") \
	R(AGREEMENT_SUNSET, "agreement-sunset", 403, "agreement", "The agreement has ended.", \
	  "The parties have to renew the agreement before anything more is shared under it.") \
	R(AGREEMENT_SUSPENDED, "agreement-suspended", 403, "agreement", "The agreement is suspended.", \
	  "Ask the agreement's contacts; nothing is shared while it is suspended.") \
	R(REVIEW_OVERDUE, "review-overdue", 403, "agreement", "The review that the agreement demands is overdue.", \
	  "The parties have to hold the review that the agreement demands, and sign its next date.") \
	R(ASSESSMENT_MISSING, "assessment-missing", 403, "agreement", "The agreement has no impact assessment.", \
	  "The parties have to make the impact assessment and name it in the agreement.") \
	R(ASSESSMENT_STALE, "assessment-stale", 403, "agreement", "The impact assessment is past its next review.", \
	  "The parties have to renew the impact assessment, and sign its next date.") \
	R(FLOW_UNMAPPED, "flow-unmapped", 403, "agreement", "The destination is not on the agreement's flow map.", \
	  "Send only what the agreement's flows name for your agency: for which purposes, and to whom.") \
	R(CRYPTO_EXPIRED, "crypto-expired", 403, "agreement", \
	  "A cryptographic algorithm of the agreement is past its expiry.", \
	  "The parties have to sign a version of the agreement with an algorithm that is not past its expiry.") \
	R(COUNCIL_VETO, "council-veto", 403, "agreement", "The joint council vetoed this exchange.", \
	  "Ask the joint council.") \
	R(NOT_AUTHORISED, "not-authorised", 403, "agreement", "The joint council has not authorised this agreement.", \
	  "The joint council has to authorise the agreement.") \
	R(TIER_RESTRICTED, "tier-restricted", 403, "agreement", "An act of the council restricts this tier.", \
	  "State a tier that the restriction lets pass, where that applies, or ask the joint council.") \
	R(AGREEMENT_TERMINATED, "agreement-terminated", 403, "agreement", \
	  "The joint council has ended the agreement.", \
	  "Nothing more is shared under it; the parties may sign another agreement.") \
	R(RECEIPT_OVERDUE, "receipt-overdue", 403, "agreement", "A receipt that the partner owes is overdue.", \
	  "The recipient has to answer the duties that it owes; records are taken again then.") \
	/* may it */ \
	R(ENVELOPE_INVALID, "envelope-invalid", 422, "schema", "The envelope does not fit its schema.", \
	  "Correct the envelope after its schema in /openapi.json; errors names each place and keyword.") \
	R(PURPOSE_NOT_PERMITTED, "purpose-not-permitted", 403, "policy", \
	  "The agreement does not permit this purpose.", \
	  "State a purpose of the agreement for which your agency may send; another one has no effect but a refusal in the log.") \
	R(NO_LEGAL_BASIS, "no-legal-basis", 403, "policy", \
	  "The legal basis is not one of the agreement for this purpose.", \
	  "State a legal basis that the agreement names for the purpose.") \
	R(TIER_UNKNOWN, "tier-unknown", 403, "policy", "The agreement has no such tier.", \
	  "State a tier that the agreement has for the purpose.") \
	R(CATEGORY_UNKNOWN, "category-unknown", 403, "policy", \
	  "The agreement does not cover this category of data subject.", \
	  "State a category of data subject that the agreement covers for the purpose.") \
	R(CASE_MISSING, "case-missing", 403, "policy", "The agreement demands a case reference.", \
	  "State the case that the record belongs to.") \
	R(NECESSITY_INCOMPLETE, "necessity-incomplete", 403, "policy", "The necessity test is incomplete.", \
	  "Complete the necessity test: criterion, likelihood, alternative and explanation.") \
	R(RETENTION_MISSING, "retention-missing", 403, "policy", "No retention period covers this exchange.", \
	  "State a retention, as P1Y, where the agreement asks for one.") \
	R(RETENTION_OVER_MAX, "retention-over-max", 403, "policy", \
	  "The retention asked for is longer than the agreement permits.", \
	  "State a retention that is no longer than the agreement permits, or none.") \
	R(EXCEPTION_UNKNOWN, "exception-unknown", 403, "policy", "The exception is not one of the agreement.", \
	  "State an exception of the agreement for this purpose and tier, or none.") \
	R(EXCEPTION_EXPIRED, "exception-expired", 403, "policy", "The exception has expired.", \
	  "Send it without the exception; the parties may sign a new one.") \
	R(EXCEPTION_QUOTA, "exception-quota", 403, "policy", \
	  "The exception was used as often as the agreement permits.", \
	  "Send it without the exception, or when its quota begins anew.") \
	R(DEFAULT_DENY, "default-deny", 403, "policy", "Nothing in the agreement lets any field of this record pass.", \
	  "Compare the record with the agreement's rules: none of them lets any of its fields pass at this tier.") \
	R(TIER_FIELDS_EXCEEDED, "tier-fields-exceeded", 403, "policy", "The record asks for fields above its tier.", \
	  "Leave out the fields that only a higher tier lets pass, or state that tier where it applies.") \
	R(FIELD_UNJUSTIFIED, "field-unjustified", 403, "policy", \
	  "A field that this tier releases has no justification.", \
	  "Give a reason in justifications for each field that leaves.") \
	R(APPROVAL_MISSING, "approval-missing", 403, "policy", \
	  "A signed approval that the agreement demands is missing.", \
	  "Have officers of the agency that gives sign as many approvals as the tier or exception demands.") \
	R(APPROVAL_INVALID, "approval-invalid", 403, "policy", "A signed approval does not fit this exchange.", \
	  "Have the approval signed over what approval.schema.json names, by an officer whose certificate is pinned and in time.") \
	R(APPROVAL_FORM, "approval-form", 403, "policy", \
	  "A signed approval is not of the form that this gateway takes: older forms bind too little.", \
	  "Have the approval signed anew, in the form of approval.schema.json.") \
	R(APPROVAL_USED, "approval-used", 403, "policy", "A signed approval was used before, or may have been.", \
	  "Have a new approval signed: one is for one record and is used once.") \
	R(HANDLING_UNKNOWN, "handling-unknown", 403, "policy", "A handling or grading code is not on its list.", \
	  "Write each code as its scale lists it, on a scale that the agreement takes.") \
	R(ENVELOPE_MEMBER, "envelope-member", 403, "policy", \
	  "A member of the envelope that would leave beside the record does not fit what the agreement says of it.", \
	  "Give the member the form that the agreement's clause envelope says, or leave it out.") \
	R(TRANSFORM_REQUIRED, "transform-required", 403, "policy", \
	  "A direct identifier would leave in clear without a waiver.", \
	  "The parties have to give the field a transform, or sign a waiver for it.") \
	R(CONSENT_MISSING, "consent-missing", 403, "policy", "The agreement demands a consent reference.", \
	  "State the consent: its reference, and the purposes in its scope.") \
	R(CONSENT_REFERENCE, "consent-reference", 422, "schema", \
	  "The reference of the consent is not of the form that the agreement gives.", \
	  "Write the reference in the form that the agreement gives.") \
	R(CONSENT_NOT_GIVEN, "consent-not-given", 403, "policy", \
	  "The consent is not on the list of those that were given.", "Do not send this record.") \
	R(CONSENT_WITHDRAWN, "consent-withdrawn", 403, "policy", "The consent was withdrawn.", \
	  "Do not send this record, and do not use it further.") \
	R(CONSENT_UNKNOWN, "consent-unknown", 503, "policy", \
	  "The list of withdrawn consents, or of given ones, is missing or out of date.", \
	  "Wait and send it again; the gateway's operator has to bring the list of consents.") \
	R(UNDER_CHALLENGE, "under-challenge", 403, "policy", "The data are restricted while they are disputed.", \
	  "Wait until the restriction has ended.") \
	R(QUOTA, "quota", 403, "policy", "The quota of this tier is used up.", \
	  "Send it again when the quota begins anew, or state another tier where that applies.") \
	R(BATCH_REQUIRED, "batch-required", 403, "policy", \
	  "A k-guard of the agreement covers the record: it can leave only among others, in one batch of lines.", \
	  "Send the record among others, in one NDJSON body with a Content-Length.") \
	R(BATCH_BOUNDED, "batch-bounded", 413, "policy", \
	  "A k-guard of the agreement counts the lines of a batch together: it must have a Content-Length, and no more bytes " \
	  "and lines than this gateway takes at once.", \
	  "Send one NDJSON body with a Content-Length, of no more lines and bytes than the gateway takes at once.") \
	R(GROUP_TOO_SMALL, "group-too-small", 403, "policy", \
	  "Too few records of the batch have the same combination of values.", \
	  "Send it with more records that have the same values in the guarded fields.") \
	R(TRAINING_EXPIRED, "training-expired", 403, "policy", "The officer's training has expired.", \
	  "The officer has to renew the training, and its date has to reach the gateway.") \
	R(ONWARD_DENIED, "onward-denied", 403, "policy", \
	  "The agreement by which the data came, or a code under which they came, does not let them go on.", \
	  "Ask the agency from which the data came.") \
	R(ONWARD_UNNAMED, "onward-unnamed", 422, "policy", \
	  "The record is one that came here: whoever passes it on names its exchange in onward_of.", \
	  "State in onward_of the exchange by which the record came here.") \
	R(CORRECTION_INVALID, "correction-invalid", 422, "policy", \
	  "What is to be corrected is no living exchange of yours under this agreement.", \
	  "State in corrects an exchange that you sent under this agreement, and that has not ended.") \
	R(NOT_PERMITTED, "not-permitted", 403, "policy", "The agreement does not permit this exchange.", \
	  "Read the agreement's summary, and ask its contact: more is not said here, so that nothing is told of a person.") \
	/* does it fit */ \
	R(SCHEMA_UNKNOWN, "schema-unknown", 422, "schema", "The record's schema is not one of the agreement.", \
	  "Leave schema out, or name the purpose's.") \
	R(SCHEMA_VIOLATION, "schema-violation", 422, "schema", "The record does not fit the agreement's schema.", \
	  "Correct the record after GET /v1/agreements/{id}/schema; errors names the place and keyword of each fault.") \
	R(OUTPUT_VIOLATION, "output-violation", 403, "policy", \
	  "What would leave does not fit what the agreement lets through.", \
	  "Tell both gateways' operators: what the rules let pass is not what the agreement's output schema takes.") \
	R(TRANSFORM_FAILED, "transform-failed", 422, "schema", \
	  "A field does not have the form that its transform needs.", \
	  "Correct the field that errors names: its transform needs another form.") \
	/* what a partner gateway sends */ \
	R(RECEIPT_INVALID, "receipt-invalid", 403, "receipt", "The sender's proof does not cover what arrived.", \
	  "The sender's operator has to look: entry, proof and checkpoint are to be those of what was sent.") \
	R(RECORD_FORM, "record-form", 422, "receipt", \
	  "The record is not in the one form in which records leave a gateway.", \
	  "Send the record's exact bytes as they left the first gateway.") \
	R(NOTICE_INVALID, "notice-invalid", 422, "schema", "The notice does not fit its schema or its exchange.", \
	  "Correct the notice after its schema in /openapi.json.") \
	R(DUTY_ANSWER, "duty-answer-invalid", 422, "schema", "The answer does not fit the duty.", \
	  "Answer as doc/recipients.md has it for this kind of item; errors names the member.") \
	R(RECALL_CODE, "recall-code", 422, "schema", \
	  "A recall says why by one code of the list in doc/agreements.md; words stay with who recalls.", \
	  "Write one of the codes in why, and what else is to be said in words.") \
	R(RECALL_LATE, "recall-late", 409, "agreement", "There is nothing left to recall.", \
	  "Nothing: the exchange was refused, and nothing of it left.") \
	R(WAITING_DECISION, "waiting-decision", 202, "held", "A person has to decide.", \
	  "Wait: GET /v1/exchanges/{id} says what was decided, within 72 hours.") \
	/* acts of persons */ \
	R(ACT_INVALID, "act-invalid", 422, "schema", "The act, or a signature under it, does not hold.", \
	  "Correct what errors names, and have the corrected text signed: a signature covers the exact bytes.") \
	R(ACT_FOREIGN, "act-foreign", 403, "agreement", "The act is about nothing that its signers may decide here.", \
	  "Name an agreement whose council has the seats that sign, and of it what the agreement has.") \
	R(ACT_EXPIRED, "act-expired", 409, "agreement", "The act's time has passed, or it has been ended.", \
	  "Have a new act signed, with dates to come.") \
	R(ACT_STALE, "act-stale-agreement", 409, "agreement", \
	  "The act names a version of the agreement that is not in force here.", \
	  "Have a new act signed that names the version in force.") \
	R(SEAT_TWICE, "seat-twice", 409, "agreement", "One seat, certificate or legal person cannot vote twice.", \
	  "Have another seat sign.") \
	/* documents, configuration, store */ \
	R(CONFIG, "configuration", 500, "request", "The configuration is not valid.", \
	  "The gateway's operator has to correct the configuration; gatewayd -t says where.") \
	R(BELOW_FLOOR, "below-floor", 403, "agreement", "The agreement is looser than the common floor.", \
	  "The parties have to make the agreement as strict as the floor.") \
	R(SIGNATURE, "signature-invalid", 403, "agreement", "A signature is missing or does not verify.", \
	  "The parties have to sign the file's exact bytes; gatewayctl agreement verify says whose signature is missing.") \
	R(SCHEMA_ERROR, "schema-error", 500, "schema", "A JSON Schema is not valid.", \
	  "The gateway's operator has to correct the schema; gatewayctl schema validate says where.") \
	R(LIMIT, "limit", 422, "schema", "A limit on time or memory was reached.", \
	  "Send a smaller or simpler record.") \
	R(STORE, "store", 503, "request", "The store failed.", \
	  "Send the same again later; the gateway's operator has to look.") \
	R(TAMPERED, "tampered", 503, "request", "The audit log does not verify.", \
	  "The gateway's operator and oversight have to look before anything is served.") \
	R(UNSUPPORTED, "unsupported", 503, "request", "A key's algorithm is not known here, or not to this OpenSSL.", \
	  "The gateway's operator has to use a key, or an OpenSSL, of another kind.") \
	R(NOT_COSIGNED, "not-cosigned", 503, "request", \
	  "The log's own signature holds, but too few of the policy's witnesses have cosigned the checkpoint yet.", \
	  "Ask again later: witnesses cosign within minutes.") \
	R(COSIGNATURE_OLD, "cosignature-old", 503, "request", \
	  "The witnesses' quorum was reached, but longer ago than is allowed.", \
	  "Ask again later; the operator has to look why no witness cosigns.") \
	R(IO, "io", 503, "request", "A file or socket failed.", \
	  "Send the same again later; the gateway's operator has to look.") \
	R(CRYPTO, "crypto", 500, "request", "A cryptographic operation failed.", \
	  "Send the same again later; the gateway's operator has to look.") \
	R(NO_MEMORY, "no-memory", 503, "request", "Memory ran out.", "Send less at once, or the same again later.")

enum reason {
#define R(name, slug, status, coarse, text, remedy) REASON_##name,
	REASON_LIST(R)
#undef R
	        REASON_COUNT
};

const char *reason_slug(enum reason r);
int reason_status(enum reason r);         /* HTTP status */
const char *reason_coarse(enum reason r); /* what the peer and the leaf see */
const char *reason_text(enum reason r);
const char *reason_remedy(enum reason r); /* what to do about it; names no place and no value */
/* What the peer is told: the reason itself, or NOT_PERMITTED where naming it would tell something about a
 * person or about how oversight uses its powers. */
enum reason reason_for_peer(enum reason r);
/* Between gateways: what people at one of the two can mend, by a partner file, an agreement, a limit, or stop by an act and lift
 * again. Such a refusal is never final: the same may pass when it comes again. */
bool reason_is_mendable(enum reason r);
/* REASON_COUNT when no reason has that slug. */
enum reason reason_find(struct view slug);

#endif
