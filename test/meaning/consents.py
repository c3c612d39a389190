"""Consents, said a second time: how a reference is read, who is on a list, and what a record is refused for. And worlds of
them, drawn beside the others so that those stay what they were."""

import datetime
import hashlib
import re
import unicodedata

PATTERN = "^[0-9a-z][0-9a-z._:/-]{3,127}$"
SALT = "00112233445566778899aabbccddeeff"
IGNORED = "\u00ad\u200b\u200d\ufeff"
REFERENCES = ["ref-0001", "ref-0002", "ref-0003", "xn-000001"]


def normal(text):
    """NFKC with case folded and without what is ignored, trimmed, each run of white space one space."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return " ".join("".join(c for c in folded if c not in IGNORED).split())


def digest(reference):
    return hashlib.sha256(bytes.fromhex(SALT) + normal(reference).encode()).hexdigest()


def listed(doc, reference, purpose):
    return any(e["reference"] == digest(reference) and purpose in e.get("purposes", [purpose])
               for e in doc.get("withdrawn", doc.get("given", [])))


def stale(doc, now_ms):
    due = datetime.datetime.fromisoformat(doc["next_update"].replace("Z", "+00:00")).timestamp() * 1000
    return due <= now_ms


def judge(agreement, lists, envelope, now_ms):
    """The reasons for which the consent stops the record. `lists`: those that are held, by kind."""
    wanted = any(b["id"] == envelope["legal_basis"] and b.get("consent") for b in agreement["legal_bases"])
    cited, clause, purpose = envelope.get("consent"), agreement.get("consent", {}), envelope["purpose"]
    if not cited:
        return {"consent-missing"} if wanted else set()
    reasons = {"consent-missing"} if wanted and purpose not in cited["scope"] else set()
    if not re.search(clause.get("references", {}).get("pattern", PATTERN), normal(cited["reference"])):
        return reasons | {"consent-reference"}
    asked = {"withdrawals": "withdrawals" in clause, "consents": "given" in clause}
    held = {kind: lists.get(kind) for kind, is_asked in asked.items() if is_asked}
    if held.get("withdrawals") and listed(held["withdrawals"], cited["reference"], purpose):
        return reasons | {"consent-withdrawn"}
    if held.get("consents") and not listed(held["consents"], cited["reference"], purpose):
        return reasons | {"consent-not-given"}
    unknown = any(doc is None or stale(doc, now_ms) for doc in held.values())
    return reasons | {"consent-unknown"} if unknown and (wanted or not held.get("withdrawals")) else reasons


# --- worlds ---

def spelled(r, reference):
    return r.choice([reference, reference, reference.upper(), f" {reference} ", reference.title(), reference.replace("r", "\uff52"),
                     reference[:2] + "\u200b" + reference[2:], f"\u00a0{reference}\t", "\u0433" + reference, reference.replace("-", "\u2013"),
                     "r-1", reference * 14])


def make_list(r, kind, purposes):
    items = [{"reference": digest(x), **({"purposes": [r.choice(purposes)]} if r.random() < 0.3 else {})}
             for x in REFERENCES if r.random() < (0.4 if kind == "withdrawals" else 0.8)]
    return {"document": kind, "agreement": "world", "issuer": "north", "number": 1, "issued": "2026-05-01T00:00:00Z",
            "next_update": "2026-05-31T00:00:00Z" if r.random() < 0.1 else "2026-12-01T00:00:00Z", "salt": SALT,
            "withdrawn" if kind == "withdrawals" else "given": items}


def add(r, world):
    """Gives a world's agreement the clause, some of the time, and its envelopes consents."""
    doc, lists = world["agreement"], {}
    purposes = [p["id"] for p in doc["purposes"]]
    if r.random() < 0.4:
        doc["consent"] = {"withdrawals": "north", **({"given": "north"} if r.random() < 0.4 else {}),
                          **({"references": {"pattern": "^(ref|xn)-[0-9]{4,6}$"}} if r.random() < 0.3 else {})}
        doc["legal_bases"][1]["consent"] = True
        for kind, name in (("withdrawals", "withdrawals"), ("consents", "given")):
            if name in doc["consent"] and r.random() < 0.9:
                lists[kind] = {**make_list(r, kind, purposes), "agreement": doc["id"]}
    for e in world["envelopes"]:
        if r.random() < (0.8 if "consent" in doc else 0.05):
            e["consent"] = {"reference": spelled(r, r.choice(REFERENCES)), "scope": r.sample(purposes, 1) if r.random() < 0.2 else purposes}
    world["lists"] = lists
    return world
