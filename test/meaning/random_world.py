"""Random worlds: record schemas, an agreement over them, floor and overlay, and envelopes; all from one seed. They lean to
where mistakes hurt: rules on containers, patterns that overlap, direct identifiers and their waivers, stricter and looser
overlays, empty and null values, items within items, names that pointers must escape."""

import hashlib
import json
import random

import approvals
import codes
import consents
import shape
from jsontext import Number, pointer_of, tokens

NAMES = ["", "/", "~", "*", "~1", "a", "b", "c", "id", "0", "\u00e9", "e\u0301", "\u540d", "\u202e", "\"", "\\", "\n",
         "\U0001f600"]
WORDS = ["Muster", "maxi@example.com", "MUSTER", "Zoë", "\u2028", "x", "\U0001f600", "\"", "\\", "\u007f", "\u001f", "</",
         "\ufb01", "case"]
NUMBERS = ["0", "-0", "1", "1.50", "1e2", "-7.25", "12345678901234567890", "0.0000001", "1E-9", "3e21", "0.1", "100", "17"]
SUBJECTS = ["suspect", "convicted", "victim", "other", "uncategorised"]
CATEGORIES = ["operational"] * 5 + ["quasi-identifier"] * 2 + ["direct-identifier"] * 4 + ["special"] + ["free-text"]

def ways(text):
    """A line each: an action, and its parameters as JSON where it has any."""
    lines = [line.partition(" ") for line in text.strip().split("\n")]
    return [(action, json.loads(params) if params else None) for action, _, params in lines]


# What may be said of a leaf of each kind; the title of its schema names the kind.
ACTIONS = {
    "text": ways("""
keep
mask {}
mask {"length": 5}
mask {"keep_first": 8}
mask {"keep_last": 1}
mask {"character": "#"}
mask {"character": "#", "length": 5}
mask {"length": 6}
pseudonym {"domain": "d1", "normalise": "exact", "bits": 256}
seal {"domain": "d2", "pad": 32}
seal {"domain": "d2", "pad": 64}
token {"domain": "d1", "pad": 32}
null
const {"value": "gone"}
drop
pseudonym {"domain": "d1", "normalise": "exact"}
pseudonym {"domain": "d2", "normalise": "exact", "bits": 160}
token {"domain": "d1"}
token {"domain": "d1", "per_subject": true}
seal {"domain": "d1", "pad": 32}
surrogate {"domain": "d1", "normalise": "exact"}
redact-text {"recognisers": ["email"]}
redact-text {"dictionary": ["muster"]}
redact-text {"recognisers": ["email", "iban"]}
"""),
    "date": ways("""
keep
date-trunc {"to": "day"}
date-trunc {"to": "month"}
date-trunc {"to": "year"}
date-trunc {"to": "quarter"}
date-trunc {"to": "decade"}
date-trunc {"to": "month", "as": "date"}
date-shift {"domain": "d3", "days": 30}
drop
null
mask {"length": 4}
"""),
    "code": ways("""
keep
postcode {"keep_first": 2}
postcode {"keep_first": 6}
postcode {"keep_first": 2, "suppress": ["10"]}
postcode {"keep_first": 1}
postcode {"keep_first": 2, "suppress": ["10", "99"]}
postcode {"drop_last": 2}
postcode {"drop_last": 4}
postcode {"drop_last": 4, "suppress": ["10"]}
fpe {"domain": "d4", "alphabet": "digits"}
drop
pseudonym {"domain": "d6", "normalise": "exact", "bits": 256}
mask {}
"""),
    "geohash": ways("""
keep
geo {"geohash": 6}
geo {"geohash": 3}
geo {"geohash": 1}
drop
const {"value": "u"}
"""),
    "ip": ways("""
keep
ip-prefix {}
ip-prefix {"ipv4": 16, "ipv6": 32}
ip-prefix {"ipv4": 8, "ipv6": 64}
drop
"""),
    "integer": ways("""
keep
band {"width": 2}
band {"width": 10}
band {"width": 30}
band {"edges": [18, 65]}
band {"edges": [18, 30, 65]}
band {"edges": [10, 60]}
band {"edges": [30]}
band {"edges": [90]}
topcode {"max": 65, "min": 17}
topcode {"min": 18}
round {"digits": -1}
round {"digits": 15}
topcode {"max": 1000000000000000}
topcode {"max": 90}
topcode {"max": 80, "min": 5}
drop
null
const {"value": 7}
pseudonym {"domain": "d1", "normalise": "exact"}
token {"domain": "d1"}
"""),
    "number": ways("""
keep
round {"digits": 1}
round {"digits": -2}
topcode {"max": 100, "min": -100}
geo {"decimals": 1}
drop
const {"value": true}
seal {"domain": "d5"}
"""),
    "flag": ways("""
keep
drop
token {"domain": "d1"}
null
const {"value": false}
"""),
}
ON_CONTAINER = [("keep", False), ("keep", True), ("keep", True), ("drop", False),
                ("null", True), ("const", True), ("mask", True), ("pseudonym", True)]
VALUES = {
    "date": ["1984-03-17", "1984-03", "1984-Q2", "1980s", "2024-02-29T10:00:00Z", "1999", "not a date", "2001-12-31T23:59:59.5+02:00"],
    "code": ["101159", "999999", "sw1a2a", "10 115-9", "123456", "AB12CD"], "geohash": ["u33dc0", "u33", "ezs42e", "0"],
    "ip": ["192.0.2.77", "2001:db8::1", "10.0.0.0", "nowhere"],
}


def leaf_schema(r):
    kind = r.choice(["text", "text", "date", "code", "geohash", "ip", "integer", "number", "flag"])
    s = {"title": kind, "type": {"integer": "integer", "number": "number", "flag": "boolean"}.get(kind, "string")}
    if kind == "text" and r.random() < 0.5:
        s.update(r.choice([{"maxLength": 12}, {"minLength": 1, "maxLength": 60}]))
    if kind in ("code", "geohash"):
        s["minLength"], s["maxLength"] = (6, 8) if kind == "code" else (1, 6)
    if kind == "integer":
        s["minimum"], s["maximum"] = 0, 120
    if r.random() < 0.2:
        s["type"] = [s["type"], "null"]
    return s


def schema_node(r, depth):
    """A schema; shallow ones are mostly containers."""
    roll = r.random()
    if depth == 0 or roll < 0.35:
        return leaf_schema(r)
    if roll < 0.5:
        return {"type": "array", "items": schema_node(r, depth - 1)}
    if roll < 0.56:
        return {"type": "object", "additionalProperties": schema_node(r, depth - 1)}
    if roll < 0.6:
        return {"anyOf": [leaf_schema(r), object_node(r, depth - 1)]}
    if roll < 0.62:
        return {"$ref": "#/$defs/again"}
    return object_node(r, depth - 1)


def object_node(r, depth, least=1):
    names = r.sample(NAMES, r.randint(least, least + 3))
    s = {"type": "object", "properties": {n: schema_node(r, depth) for n in names}, "additionalProperties": False}
    if r.random() < 0.1:
        s["type"] = ["object", "null"]
    if r.random() < 0.1:
        s["additionalProperties"] = leaf_schema(r)
    if r.random() < 0.15:
        s["required"] = names[:1]
    return s


def record_schema(r, name):
    """Unlike the agreement's other one even in its digest."""
    s = {"$schema": "https://json-schema.org/draft/2020-12/schema", "description": name, **object_node(r, 3, 3)}
    s["type"] = "object"
    s["$defs"] = {"again": {"type": "object", "properties": {"a": leaf_schema(r), "b": {"type": "array", "items": {"$ref": "#/$defs/again"}}},
                            "additionalProperties": False}}
    return s


# --- records ---

def leaf_value(r, node):
    kind = node.get("title", "text")
    if kind in VALUES:
        return r.choice(VALUES[kind][:r.choice([1, 3, 9])])
    if kind == "integer":
        return Number(r.choice(["0", "17", "18", "64", "65", "120", "5", "1e2", "42"]))
    if kind == "number":
        return Number(r.choice(NUMBERS))
    if kind == "flag":
        return r.random() < 0.5
    most, words = node.get("maxLength", 60), [r.choice(WORDS) for _ in range(r.choice([1, 1, 2, 4]))]
    while len(" ".join(words)) > most and r.random() < 0.97:
        words.pop()
    return " ".join(words) if r.random() < 0.9 else ""


def value(r, root, node, depth=6):
    node = r.choice(shape.alternatives(root, node))
    types = shape.types_of(node)
    if "null" in types and len(types) > 1 and r.random() < 0.3:
        return None
    if "array" in types and len(types) < 6:
        return [value(r, root, node.get("items", True), depth - 1) for _ in range(r.choice([0, 1, 1, 2, 3]) if depth > 0 else 0)]
    if "object" in types and len(types) < 6:
        known, other = node.get("properties", {}), node.get("additionalProperties", False)
        out = {n: value(r, root, s, depth - 1) for n, s in known.items()
               if n in node.get("required", []) or (depth > 0 and r.random() < 0.85)}
        if other is not False and depth > 0:
            out.update({n: value(r, root, other, depth - 1) for n in r.sample(NAMES, r.randint(0, 2)) if n not in known})
        items = list(out.items())
        r.shuffle(items)
        return dict(items)
    return leaf_value(r, node)


def leaves(value, path=()):
    if isinstance(value, (dict, list)) and value:
        for k, v in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(v, (*path, str(k)))
    else:
        yield path


# --- rules ---

class Palette:
    """A few things to say of each kind of leaf, so that rules of one world often say the same, or nearly; and what kind of
    field each pointer is."""

    def __init__(self, r):
        self.r, self.kinds = r, {}
        self.of = {kind: self.some(said) + [("keep", None)] for kind, said in ACTIONS.items()}

    def some(self, said):
        """Any, or the ways of one action to say it."""
        if self.r.random() < 0.4:
            action = self.r.choice(said)[0]
            return [s for s in said if s[0] == action]
        return self.r.sample(said, min(len(said), self.r.choice([2, 3, 4])))

    def category(self, pointer):
        stated = self.kinds.setdefault(pointer, self.r.choice(CATEGORIES))
        return stated if self.r.random() < 0.97 else self.r.choice(CATEGORIES)

    def leaf(self, node):
        kind = node.get("title", "text")
        return self.r.choice(self.of[kind] if self.r.random() < 0.9 else ACTIONS[self.r.choice(list(ACTIONS))])


def pattern_of(r, path, wild):
    return ["*" if t is None or t == shape.OTHER or r.random() < wild else t for t in path]


def place_of(r, root):
    """(path, schema) of a random place, mostly of a leaf."""
    found = list(shape.paths(root, (), 5))
    leaves_only = [f for f in found if not shape.may_hold_container(f[1])]
    return r.choice(leaves_only if leaves_only and r.random() < 0.7 else found)


def said_of(r, palette, node):
    """Action, parameters and subtree for a place; now and then what does not fit there."""
    if not shape.may_hold_container(node) or r.random() < 0.04:
        action, params = palette.leaf(node)
        return action, params, r.random() < 0.03
    action, subtree = r.choice(ON_CONTAINER[:4] if r.random() < 0.7 else ON_CONTAINER)
    params = {"const": {"value": "gone"}, "pseudonym": {"domain": "d1", "normalise": "exact"}}.get(action)
    return action, params, subtree


def mostly_sound(r, schemas, pattern, said):
    """What stands on a container is mostly what may stand there: the rest does not load, and is soon told."""
    action, params, subtree = said
    found = [p for root in schemas for p in shape.places(root, pattern)]
    if subtree or action in ("keep", "drop") or r.random() < 0.04 or not any(map(shape.may_hold_container, found)):
        return said
    return r.choice([("keep", None, False), ("keep", None, True), ("keep", None, True), ("drop", None, False), (action, params, True)])


def meeting_place(r, schemas, rules):
    """A place that another rule already names."""
    pattern = tokens(r.choice(rules)["pointer"])
    found = [p for root in schemas for p in shape.places(root, pattern)]
    return (tuple(pattern), r.choice(found)) if found else ((), schemas[0])


def make_rule(r, i, schemas, palette, purposes, rules):
    path, node = place_of(r, r.choice(schemas)) if r.random() < 0.9 else (r.choice([(), (None,), (None, None)]), schemas[0])
    if rules and r.random() < 0.25:
        path, node = meeting_place(r, schemas, rules)
    pattern = pattern_of(r, path, 0.15)
    action, params, subtree = mostly_sound(r, schemas, pattern, said_of(r, palette, node))
    rule = {"id": f"r{i}", "pointer": pointer_of(pattern), "category": palette.category(pointer_of(pattern)), "action": action}
    if params is not None:
        rule["params"] = dict(params)
    if subtree:
        rule["subtree"] = True
    tiers = r.choice([["T0", "T1", "T2"], ["T0", "T1", "T2"], ["T0", "T1", "T2"], ["T1"], ["T1", "T2"], ["T2"]])
    when = {"tiers": tiers} if r.random() < 0.8 else {}
    if r.random() < 0.15:
        when["purposes"] = r.sample(purposes, r.randint(1, len(purposes)))
    if r.random() < 0.1:
        when["subject_categories"] = r.sample(SUBJECTS, 2)
    if when:
        rule["when"] = when
    return rule


def make_rules(r, n, schemas, palette, purposes):
    rules = []
    while len(rules) < n:
        rule = make_rule(r, len(rules), schemas, palette, purposes, rules)
        twin = next((a for a in rules if a["pointer"] == rule["pointer"]), None)
        if not twin or r.random() < 0.1 or (otherwise_applied(twin, rule) and r.random() < 0.5):
            rules.append(rule)
        elif r.random() < 0.05:
            n -= 1
    return rules


def otherwise_applied(a, b):
    return a.get("when") != b.get("when")


def make_exceptions(r, rules):
    out = []
    for name in ("x1", "x2")[:r.choice([0, 1, 2])]:
        waived = [rule for rule in rules if rule["category"] == "direct-identifier" and r.random() < 0.7]
        for rule in waived:
            rule["waiver"] = name
        x = {"id": name, "ground": "individual-case", "text": "made up", "approvals": 0, "expires": "2028-12-01T00:00:00Z",
             "quota": {"uses": 100, "per": "P1D"}, "review_within": "P30D",
             "pointers": sorted({rule["pointer"] for rule in waived if r.random() < 0.95}) or [rules[0]["pointer"]]}
        if r.random() < 0.3:
            x["tiers"] = r.sample(["T0", "T1", "T2"], 2)
        if r.random() < 0.1:
            x["approvals"] = 1
        out.append(x)
    return out


# --- documents ---

def skeleton(name, digests):
    return {
        "format": 2, "id": name, "version": "1", "title": "A made-up agreement",
        "effective_from": "2026-01-01T00:00:00Z", "sunset": "2029-01-01T00:00:00Z",
        "parties": [{"agency": a, "name": f"Agency {a}", "jurisdiction": j, "supervisor": f"Supervisor of {a}"}
                    for a, j in (("north", "XN"), ("south", "XS"))],
        "legal_bases": [{"id": b, "citation": "Art. 1 of the made-up instrument"} for b in ("basis-1", "basis-2")],
        "schemas": [{"name": n, "input": d} for n, d in digests.items()],
        "pseudonyms": {"key_holder": "provider", "epoch": 3, "rotation": "P1Y",
                       "domains": [{"id": f"d{i}", "description": "made up"} for i in range(1, 7)]},
        "retention": {"payload": "P7D", "copy": "P1Y", "at_end": "erase"},
        "assessment": {"digest": "ab" * 32, "approved_by": "a made-up officer", "approved_at": "2025-11-01T00:00:00Z",
                       "next_review": "2028-01-01T00:00:00Z"},
        "review": {"interval": "P1Y", "next": "2028-01-01T00:00:00Z"}, "breach": {"notify_supervisor": "PT72H", "notify_partner": "PT24H"},
        "notification": {"due": "P1M", "longest_delay": "P1Y", "rejustify_every": "P3M"}, "onward": {"allowed": "with-permission"},
        "redress": {"contact": "redress@north.example", "access_within": "P4M", "correction_within": "P9M"},
        "algorithms": [{"name": "hmac-sha-256", "expires": "2030-12-31T00:00:00Z"}],
    }


def used_of(doc, schemas):
    return [schemas[n] for n in sorted({p["schema"] for p in doc["purposes"]})]


# What may be said of a member of the envelope, mostly sound; the first fit what envelopes mostly have.
PATTERNS = ["^[a-zA-Z0-9-]{1,12}$", "^[^\u0001-\u001f]{1,128}$", "^(case|person)-[0-9]{1,3}$", "^[a-z]{3,9}-?[0-9]?$", "^[^-]{1,39}$",
            "^[^\u0001-\u001f]{1,60}$", "^[a-z-]{1,8}[0-9]$", "^[^-]{1,129}$", "^[a-z]+-1$", "[a-z]{1,6}$", "^case|person$"]
MEMBERS = ways("""
keep
keep
pseudonym {"domain": "d1", "normalise": "exact"}
pseudonym {"domain": "d2", "normalise": "exact", "bits": 256}
token {"domain": "d1"}
token {"domain": "d6", "pad": 64}
drop
""")


def make_clause(r):
    clause = []
    for member in r.sample(["case", "handling", "reference"], r.choice([1, 1, 2, 3])):
        action, params = r.choice(MEMBERS) if member != "handling" or r.random() < 0.03 else r.choice([("keep", None), ("drop", None)])
        e = {"member": member, "action": action}
        if action != "drop":
            e["pattern"] = r.choice(PATTERNS[:7] if r.random() < 0.95 else PATTERNS)
            if r.random() < 0.5:
                e["pattern"] = PATTERNS[member == "handling"]
        if params is not None:
            e["params"] = params
        clause.append(e)
    return clause + [dict(clause[0])] if r.random() < 0.02 else clause


def make_agreement(r, name, schemas, digests):
    names = list(schemas)
    purposes = [{"id": f"p{i + 1}", "title": "A purpose", "schema": r.choice(names),
                 "legal_bases": r.choice([["basis-1"], ["basis-1", "basis-2"]]),
                 "tiers": r.choice([["T0", "T1", "T2"], ["T1"], ["T1", "T2"]]),
                 "subject_categories": r.choice([SUBJECTS, SUBJECTS[:3], ["victim", "other", "uncategorised"]])}
                for i in range(r.choice([1, 2]))]
    doc = skeleton(name, digests)
    ids = [p["id"] for p in purposes]
    doc["purposes"] = purposes
    doc["flows"] = [{"from": a, "to": b, "purposes": ids if r.random() < 0.95 else ids[:1], "stored": f"case system of {b}"}
                    for a, b in (("north", "south"), ("south", "north"))]
    doc["tiers"] = [{"tier": t, "criteria": [{"id": "grave", "text": "It is grave."}], **{f: True for f in ("case", "necessity") if r.random() < 0.3}}
                    for t in ("T0", "T1", "T2")]
    if r.random() < 0.1:
        doc["tiers"][r.randint(1, 2)]["approvals"] = 1
    if r.random() < 0.1:
        doc["tiers"][1]["justify_fields"] = True
    if r.random() < 0.3:
        doc["retention"]["copy"] = r.choice(["P30D", "P31D", "P28D", "P1M", "P6M", "P365D"])
    if r.random() < 0.2:
        doc["retention"].update(r.choice([{"mask": "P10D"}, {"review": "P20D"}, {"mask": "P10D", "review": "P20D"}]))
    if r.random() < 0.3:
        doc["council"] = {"seats": [{"id": "seat-1", "constituency": "agency"}, {"id": "seat-2", "constituency": "privacy"}], "threshold": 1,
                          "must_sign": False, **({"must_include": ["privacy"]} if r.random() < 0.6 else {})}
    if r.random() < 0.02:
        doc["assessment"]["digest"] = ""
    if r.random() < 0.1:
        del doc["pseudonyms"]["rotation"]
    used = used_of(doc, schemas)
    palette = Palette(r)
    doc["rules"] = make_rules(r, r.choice([1, 3, 4, 6, 8, 10, 12, 15]), used, palette, ids)
    doc["exceptions"] = make_exceptions(r, doc["rules"])
    if r.random() < 0.6:
        doc["envelope"] = make_clause(r)
    if r.random() < 0.5:
        doc["handling"] = {"scales": r.sample(["europol-source", "europol-handling", "tlp-2.0"], r.choice([2, 3, 3]))}
        if r.random() < 0.1:
            doc["handling"]["required"] = doc["handling"]["scales"][:1]
    return doc


# Periods of a floor, most of them long enough.
LIMITS = {
    "payload": ["P7D", "P28D", "P6D"], "copy": ["P1Y", "P12M", "P2Y", "P366D", "P1M", "P365D"], "mask": ["P10D", "P1M", "P2Y", "P9D"],
    "copy_review": ["P20D", "P1M", "P2Y"], "term": ["P3Y", "P4Y", "P2Y", "P1096D", "P1095D"], "review": ["P1Y", "P2Y", "P365D"],
    "breach_supervisor": ["PT72H", "P3D", "PT71H"], "breach_partner": ["PT24H", "P1D", "PT23H59M"], "notification_delay": ["P1Y", "P11M"],
    "redress_access": ["P4M", "P120D"], "redress_correction": ["P9M", "P8M"], "exception_review": ["P30D", "P1M", "P60D"],
}


def make_floor(r):
    floor = {"version": "1"}
    if r.random() < 0.5:
        floor["clear_identifiers"] = r.choice(["never", "with-waiver", "with-waiver"])
    if r.random() < 0.3:
        floor["special_actions"] = r.choice([["drop"], ["drop", "null"], ["pseudonym", "mask"]])
    if r.random() < 0.4:
        floor["limits"] = {name: r.choice(periods) for name, periods in r.sample(sorted(LIMITS.items()), r.choice([1, 1, 2, 4]))}
    if r.random() < 0.15:
        floor["demands"] = {r.choice(["council", "council_privacy_seat", "assessment", "pseudonym_rotation"]): r.random() < 0.8}
    if r.random() < 0.2:
        demanded = r.choice([{"case": True}, {"necessity": True}, {"justify_fields": True}, {"approvals": 1}])
        floor["tiers"] = [{"tier": r.choice(["T1", "T2"]), **demanded}]
    if r.random() < 0.1:
        floor["envelope_never_clear"] = r.sample(["case", "handling", "reference"], r.choice([1, 2]))
    if r.random() < 0.1:
        floor["onward"] = r.choice(["never", "with-permission", "listed"])
    return floor


def make_overlay(r, doc, schemas):
    overlay = {"version": "1", "rules": []}
    for i in range(r.choice([0, 1, 1, 2, 3])):
        action, params = r.choice([("drop", None), ("null", None), ("const", {"value": "gone"}), ("mask", {}), ("mask", {"length": 5}),
                                   ("date-trunc", {"to": "year"}), ("date-trunc", {"to": "month"}), ("redact-text", {"recognisers": ["email"]})])
        pattern = tokens(r.choice(doc["rules"])["pointer"]) if r.random() < 0.6 else pattern_of(r, place_of(r, r.choice(schemas))[0], 0.2)
        action, params, subtree = mostly_sound(r, schemas, pattern, (action, params, False))
        if action == "keep":
            action, params, subtree = "drop", None, False
        o = {"id": f"o{i}", "pointer": pointer_of(pattern), "action": action}
        if subtree:
            o["subtree"] = True
        if r.random() < 0.5:
            o["agreement"] = doc["id"]
        if params is not None:
            o["params"] = params
        overlay["rules"].append(o)
    if r.random() < 0.2:
        overlay["limits"] = {"copy": r.choice(["P1M", "P30D", "P6M"]), "payload": r.choice(["P7D", "P28D"])}
    if r.random() < 0.1:
        overlay["denied_subject_categories"] = r.sample(SUBJECTS, 1)
    if r.random() < 0.05:
        overlay["denied_purposes"] = ["p1"]
    if r.random() < 0.1 and doc["exceptions"]:
        overlay["denied_exceptions"] = ["x1"]
    if r.random() < 0.2:
        overlay["denied_envelope"] = r.sample(["case", "handling", "reference"], r.choice([1, 1, 2, 3]))
    if r.random() < 0.1:
        overlay["tiers"] = [{"tier": "T1", "case": True}]
    return overlay


def justifications(r, doc, record):
    """Of each leaf, or by the rules' own pointers; or of too few."""
    roll = r.random()
    if roll < 0.1:
        return None
    said = [pointer_of(p) for p in leaves(record)] if roll < 0.6 else [rule["pointer"] for rule in doc["rules"]]
    if r.random() < 0.2:
        said = r.choice([said[1:], ["/*"], ["/*/*"]])
    return [{"pointer": p, "reason": "needed in this case"} for p in said[:500] if len(p) < 400]


# Of a file, and what a sender might write there instead.
TEXTS = ["case-1", "case-12", "person-1", "person-1 again", "see case-1", "case-1\n", "\u202ecase-1", "case-\uff11", "Zoë", "\U0001f600",
         "\u0000case-1", "x" * 39, "x" * 40, "x" * 128, "é" * 129, "\"},\"case\":\"", "\\", "\u2028"]
VALUES_OF = {"europol-source": ["A", "B", "X"], "europol-handling": ["H0", "H1", "H2", "H3", "H3"], "tlp-2.0": ["CLEAR", "AMBER+STRICT", "RED"]}


def make_code(r, doc):
    """Mostly one that the agreement knows, now and then with words that it does not ask for."""
    scale = r.choice(doc.get("handling", {}).get("scales", list(VALUES_OF)) if r.random() < 0.97 else list(VALUES_OF))
    code = {"scale": scale, "value": r.choice(VALUES_OF[scale]) if r.random() < 0.97 else r.choice(["H9", "red", ""]) or "h3"}
    if code["value"] == "H3" and r.random() < 0.95 or r.random() < 0.2:
        code["text"] = r.choice(["ask first", "ask first", *TEXTS])
    items = list(code.items())
    r.shuffle(items)
    return dict(items)


def make_envelope(r, doc, schemas):
    purpose = r.choice(doc["purposes"])
    root = schemas[purpose["schema"]]
    record = value(r, root, root) if r.random() < 0.97 else value(r, root, {"type": "object", "additionalProperties": {"type": "string"}})
    usual = r.random() < 0.93
    e = {"purpose": purpose["id"] if r.random() < 0.98 else "p9",
         "legal_basis": r.choice(purpose["legal_bases"] if usual else ["basis-1", "basis-2"]),
         "tier": r.choice(purpose["tiers"] if usual else ["T0", "T1", "T2", "T3"]),
         "subject_category": r.choice(purpose["subject_categories"] if usual else SUBJECTS)}
    if r.random() < 0.95:
        e["case"] = "case-1" if r.random() < 0.7 else r.choice(TEXTS)
    if r.random() < 0.95:
        e["necessity"] = {"criterion": "grave", "likelihood": "likely", "alternative": "none is left", "explanation": "made up"}
        if r.random() < 0.05:
            del e["necessity"][r.choice(["criterion", "alternative"])]
    if r.random() < 0.8:
        e["reference"] = r.choice(["person-1", "person-2", "é"]) if r.random() < 0.9 else r.choice(TEXTS)
    if r.random() < (0.5 if "handling" in doc else 0.02):
        e["handling"] = [make_code(r, doc) for _ in range(r.choice([0, 1, 1, 2, 3]))]
    if r.random() < 0.1:
        e["retention"] = r.choice(["P28D", "P30D", "P31D", "P1M", "P1Y", "P366D"])
    known = [x["id"] for x in doc["exceptions"]]
    if known and r.random() < 0.6 or r.random() < 0.03:
        e["exception"] = r.choice(known or ["x1"])
    said = justifications(r, doc, record) if e["tier"] == "T2" or r.random() < 0.1 else None
    if said is not None:
        e["justifications"] = said
    e["record"] = record
    return e


def text_of(doc):
    return json.dumps(doc, ensure_ascii=False)


def digests_of(schemas):
    return {n: hashlib.sha256(text_of(s).encode()).hexdigest() for n, s in schemas.items()}


def make(seed, envelopes=5, name="world"):
    """{"agreement","floor","overlay","schemas","envelopes","lists"}; floor and overlay may be None, lists are by kind."""
    r = random.Random(seed)
    schemas = {n: record_schema(r, n) for n in ("s1", "s2")[:r.choice([1, 1, 2])]}
    doc = make_agreement(r, name, schemas, digests_of(schemas))
    world = {"agreement": doc, "floor": make_floor(r) if r.random() < 0.6 else None,
             "overlay": make_overlay(r, doc, used_of(doc, schemas)) if r.random() < 0.5 else None, "schemas": schemas,
             "envelopes": [make_envelope(r, doc, schemas) for _ in range(envelopes)]}
    world = consents.add(random.Random(f"{seed}, consents"), codes.add_to(world, seed))
    return approvals.add(random.Random(f"{seed}, approvals"), world)
