"""Which of two rules is stricter: the one whose result can be computed from the other's. What is not listed here cannot
be compared."""

from actions import PERIODS

DEFAULTS = {"mask": {"character": "*", "keep_first": 0, "keep_last": 0}, "date-trunc": {"as": "short"}, "pseudonym": {"bits": 128},
            "token": {"pad": 16, "per_subject": False}, "seal": {"pad": 16}, "fpe": {"check": "none"}, "ip-prefix": {"ipv4": 24, "ipv6": 48},
            "postcode": {"suppress": []}}


def params(rule):
    """With what is left out filled in."""
    return rule.get("full") or {**DEFAULTS.get(rule["action"], {}), **rule.get("params", {})}


def alike(a, b):
    return a["action"] == b["action"] and params(a) == params(b)


def from_mask(p, q):
    """Of what two masks keep neither tells the other: the one that keeps more masks a short text whole. How long the text is
    both tell."""
    if "length" in p or "length" in q or p["keep_first"] + p["keep_last"]:
        return False
    return p["character"] == q["character"] or q["keep_first"] + q["keep_last"] > 0


def from_band(p, q):
    """Every border of the result must be a border of what it is made from."""
    if "edges" in p:
        return set(p["edges"]) <= set(q["edges"]) if "edges" in q else all(e % q["width"] == 0 for e in p["edges"])
    return "width" in q and p["width"] % q["width"] == 0


def from_postcode(p, q):
    """Suppressed areas can no longer be told apart, so that a shorter one needs a whole one."""
    side = "keep_first" if "keep_first" in p else "drop_last"
    if side not in q:
        return False
    if p[side] == q[side]:
        return set(q["suppress"]) <= set(p["suppress"])
    return not q["suppress"] and (p[side] < q[side] if side == "keep_first" else p[side] > q[side])


LOW, HIGH = -10 ** 16, 10 ** 16
FROM = {
    "mask": from_mask, "band": from_band, "postcode": from_postcode,
    "date-trunc": lambda p, q: PERIODS.index(p["to"]) >= PERIODS.index(q["to"]) and (p["as"] == "date" or q["as"] == "short"),
    "topcode": lambda p, q: q.get("min", LOW) <= p.get("min", LOW) and p.get("max", HIGH) <= q.get("max", HIGH),
    "geo": lambda p, q: p.get("geohash", 9) <= q.get("geohash", 0),
    "ip-prefix": lambda p, q: p["ipv4"] <= q["ipv4"] and p["ipv6"] <= q["ipv6"],
    "redact-text": lambda p, q: all(set(q.get(k, [])) <= set(p.get(k, [])) for k in ("recognisers", "dictionary")),
    "pseudonym": lambda p, q: (p["domain"], p["normalise"]) == (q["domain"], q["normalise"]) and p["bits"] <= q["bits"],
    "seal": lambda p, q: p["pad"] % q["pad"] == 0 and (p["pad"] != q["pad"] or p["domain"] == q["domain"]),
}


def from_other(a, b):
    """Between different actions, of which neither is keep, drop, null or const."""
    p, q = params(a), params(b)
    if a["action"] == "mask":
        return "length" in p or (not p["keep_first"] + p["keep_last"] and b["action"] in ("fpe", "date-shift"))
    if a["action"] == "band" and b["action"] == "topcode" and "edges" in p:
        return q.get("min", LOW) < p["edges"][0] and p["edges"][-1] <= q.get("max", HIGH)
    return a["action"] == "seal" and b["action"] == "token" and p["pad"] % q["pad"] == 0


def computable(a, b):
    """Can a's result be computed from b's? Then a is as strict as b, or stricter."""
    if alike(a, b) or b["action"] == "keep" or a["action"] == "drop":
        return True
    if b["action"] == "drop" or a["action"] == "keep":
        return False
    if a["action"] == "null":
        return True
    if b["action"] in ("null", "const"):
        return False
    if a["action"] == "const":
        return True
    if a["action"] == b["action"] == "mask" and "length" in params(a):
        return "length" not in params(b)
    if a["action"] == b["action"]:
        return a["action"] in FROM and FROM[a["action"]](params(a), params(b))
    return from_other(a, b)


SENSITIVE = ("direct-identifier", "special", "free-text", "quasi-identifier", "operational")


def strictest(rules):
    """The rule that is as strict as all of these; None where they contradict each other. Of alike ones the one about the
    most sensitive kind, then one that no exception waives, then the first by name."""
    best = [a for a in rules if all(computable(a, b) for b in rules)]
    if not best or not all(alike(best[0], b) for b in best):
        return None
    return min(best, key=lambda r: (SENSITIVE.index(r.get("category", "operational")), r.get("waiver") is not None, r.get("id", "")))
