"""Agreements for tests: everything an agreement must have, around the rules and schemas of the test. Made up."""

import datetime
import hashlib


def digest_of(path):
    with open(path, "rb") as f:
        return hashlib.sha256(f.read()).hexdigest()


def instant(days):
    """An RFC 3339 instant that many days from now."""
    at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=days)
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def make(name, schemas, purposes, rules, **more):
    """`schemas`: list of {"name","input",…}; `purposes`: {purpose: schema name}; `rules`: list of
    (pointer, category, action, params or None[, extra members])."""
    doc = {
        "format": 2,
        "id": name,
        "version": "1",
        "title": f"Made-up agreement {name}",
        "effective_from": instant(-1),
        "sunset": instant(365),
        "parties": [
            {"agency": a, "name": f"Agency {a}", "jurisdiction": j, "supervisor": f"Supervisor of {a}"}
            for a, j in (("north", "XA"), ("south", "XB"))
        ],
        "flows": [
            {"from": a, "to": b, "purposes": sorted(purposes), "stored": f"case system of {b}"}
            for a, b in (("north", "south"), ("south", "north"))
        ],
        "legal_bases": [{"id": "basis-1", "citation": "Art. 1 of the made-up instrument"}],
        "purposes": [
            {"id": p, "title": f"Purpose {p}", "schema": s, "legal_bases": ["basis-1"], "tiers": ["T1"],
             "subject_categories": ["suspect", "victim", "other"]}
            for p, s in purposes.items()
        ],
        "tiers": [{"tier": "T1", "criteria": [{"id": "serious", "text": "A serious offence."}], "case": True, "necessity": True}],
        "schemas": schemas,
        "rules": [],
        "pseudonyms": {"key_holder": "provider", "epoch": 1, "domains": [{"id": "person", "description": "people"}]},
        "retention": {"payload": "P28D", "copy": "P1Y", "at_end": "erase"},
        "assessment": {"digest": "ab" * 32, "approved_by": "a made-up officer", "approved_at": instant(-10),
                       "next_review": instant(100)},
        "review": {"interval": "P1Y", "next": instant(200)},
        "breach": {"notify_supervisor": "PT72H", "notify_partner": "PT24H"},
        "notification": {"due": "P1M", "longest_delay": "P1Y", "rejustify_every": "P3M"},
        "redress": {"contact": "redress@north.example", "access_within": "P4M", "correction_within": "P9M"},
        "algorithms": [{"name": "hmac-sha-256", "expires": instant(3000)}],
    }
    for i, (pointer, category, action, params, *extra) in enumerate(rules):
        rule = {"id": f"r{i}", "pointer": pointer, "category": category, "action": action}
        if params:
            rule["params"] = params
        for e in extra:
            rule.update(e)
        doc["rules"].append(rule)
    doc.update(more)
    return doc


PSEUDONYM = {"domain": "person", "normalise": "exact"}

PASSENGER_RULES = [
    ("/locator", "direct-identifier", "pseudonym", PSEUDONYM),
    ("/reserved_on", "operational", "keep", None),
    ("/travel_dates/*", "operational", "keep", None),
    ("/travellers/*/family", "direct-identifier", "pseudonym", PSEUDONYM),
    ("/travellers/*/given", "direct-identifier", "pseudonym", PSEUDONYM),
    ("/travellers/*/api/nationality", "quasi-identifier", "keep", None),
    ("/travellers/*/api/born", "quasi-identifier", "date-trunc", {"to": "year"}),
    ("/itinerary/*/flight", "operational", "keep", None),
    ("/itinerary/*/from", "operational", "keep", None),
    ("/itinerary/*/to", "operational", "keep", None),
    ("/itinerary/*/departs", "operational", "keep", None),
    ("/payment/amount", "operational", "keep", None),
    ("/payment/currency", "operational", "keep", None),
]


def passenger(name="pax", digest=None, **more):
    return make(name, [{"name": "passenger", "input": digest}], {"border": "passenger"}, PASSENGER_RULES, **more)


def passenger_record(n=1):
    return {
        "locator": f"TST{n % 100000:05d}"[:8],
        "reserved_on": "2026-01-02",
        "travel_dates": ["2026-02-03"],
        "travellers": [{"family": f"Muster{n}", "given": "Maxi", "seat": "12A",
                        "api": {"nationality": "XAA", "born": "1980-05-06", "document_type": "passport",
                                "document_number": f"X{n:08d}"}}],
        "itinerary": [{"flight": "XX123", "from": "AAA", "to": "BBB", "departs": "2026-02-03T10:00:00Z"}],
        "payment": {"form": "card", "card": "4000000000000002", "amount": 19.99, "currency": "XTS"},
        "contact": {"phone": "+9990000000", "email": "maxi@example.com"},
        "remarks": ["window seat"],
    }


def envelope(record, purpose="border", **more):
    return {"purpose": purpose, "legal_basis": "basis-1", "tier": "T1", "subject_category": "other", "case": "case-1",
            "necessity": {"criterion": "serious", "likelihood": "likely", "alternative": "none is left",
                          "explanation": "needed in this made-up case"},
            "record": record, **more}
