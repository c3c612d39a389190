"""What an agreement means: whether it loads beside floor and overlay, and what leaves of a record under an envelope.
Written from doc/agreements.md, the descriptions of schema/*.json and the rules that they state, and from nothing of
lib/: the second opinion that run.py holds the first against."""

import collections

import actions
import approvals
import beside
import codes
import consents
import durations
import readable
import shape
from actions import Made, Refused
from jsontext import pointer_of, tokens
from strictness import alike, params, strictest

Keys = collections.namedtuple("Keys", "agreement purpose epoch secret")
Answer = collections.namedtuple("Answer", "outcome reasons record beside caveats", defaults=(None, None))
TIERS = ("T0", "T1", "T2")
SUBJECTS = ("suspect", "convicted", "victim", "other", "uncategorised")
KEYED = ("pseudonym", "token", "seal", "fpe", "surrogate", "date-shift")


class Fault(Exception):
    """The agreement does not load: the place, and why."""


# --- patterns ---

def names(pattern, path):
    """Does the pattern name this very place? Items have the token None, which only `*` names."""
    return len(pattern) == len(path) and all(p == "*" or p == t for p, t in zip(pattern, path))


def reaches(rule, path):
    """Does the rule say something of what is at the path? Drop takes everything beneath; others say so."""
    p = rule["tokens"]
    if names(p, path):
        return True
    return (rule["action"] == "drop" or rule.get("subtree", False)) and len(p) < len(path) and names(p, path[:len(p)])


def covers(p, q):
    """Does pattern p name every place that pattern q names?"""
    return len(p) == len(q) and all(a == "*" or a == b for a, b in zip(p, q))


def covers_with(p, rule, q):
    """The same; where the rule holds for everything beneath, also by a container around it."""
    return covers(p, q[:len(p)] if rule.get("subtree") else q)


# --- loading ---

def with_tokens(rules):
    return [{**r, "tokens": tokens(r["pointer"]), "full": params(r)} for r in rules]


def applies(rule, purpose, tier, subject):
    """A rule without tiers does not apply to T0, whose field list is empty unless rules name it."""
    when = rule.get("when", {})
    return (purpose in when.get("purposes", [purpose]) and tier in when.get("tiers", ["T1", "T2"])
            and subject in when.get("subject_categories", [subject]))


class Agreement:
    """One that has loaded."""

    def __init__(self, doc, floor, overlay, schemas, secret):
        self.doc, self.floor, self.overlay, self.schemas, self.secret = doc, floor or {}, overlay or {}, schemas, secret
        self.lists, self.now_ms = {}, 0
        self.rules = with_tokens(doc["rules"])
        self.narrowing = with_tokens([{**r, "id": "overlay:" + r["id"]}
                                      for r in self.overlay.get("rules", []) if r.get("agreement", doc["id"]) == doc["id"]])
        self.purposes = {p["id"]: p for p in doc["purposes"]}
        self.exceptions = {x["id"]: x for x in doc.get("exceptions", [])}
        self.tiers = {t["tier"]: dict(t) for t in doc["tiers"]}
        self.readable, self.met = {}, {}
        self.check_codes()
        self.check_rules()
        self.check_same_pointers()
        self.check_exceptions()
        self.check_overlay()
        self.check_purposes()
        self.check_contradictions()
        approvals.check(self, Fault)
        self.check_floor()
        self.clause = beside.Clause(self, Fault)
        self.narrow_tiers()

    def check_codes(self):
        clause = self.doc.get("handling", {})
        for i, c in enumerate(self.doc.get("onward", {}).get("caveats", [])):
            if not codes.listed(c):
                raise Fault(f"/onward/caveats/{i}", "is not on its list, or has no words")
        for i, scale in enumerate(clause.get("required", [])):
            if scale not in clause["scales"]:
                raise Fault(f"/handling/required/{i}", "is not among the scales")

    def schemas_of(self, purposes):
        return [self.schemas[name] for name in sorted({self.purposes[p]["schema"] for p in purposes})]

    def places(self, pattern, purposes):
        return [place for root in self.schemas_of(purposes) for place in shape.places(root, pattern)]

    def purposes_of(self, rule):
        return rule.get("when", {}).get("purposes", list(self.purposes))

    def check_rules(self):
        ids = collections.Counter(r["id"] for r in self.rules)
        for i, r in enumerate(self.rules):
            at, purposes = f"/rules/{i}", self.purposes_of(r)
            if ids[r["id"]] > 1:
                raise Fault(f"{at}/id", "twice")
            if not set(purposes) <= set(self.purposes):
                raise Fault(f"{at}/when/purposes", "no such purpose")
            self.check_place(r, at, self.places(r["tokens"], purposes))
            self.check_params(r, at)
            self.check_waiver(r, at)

    def check_place(self, rule, at, places):
        if not places:
            raise Fault(f"{at}/pointer", "matches nothing")
        if rule["action"] in ("keep", "drop") or rule.get("subtree"):
            return
        if any(map(shape.may_hold_container, places)):
            raise Fault(f"{at}/pointer", "a container, and the rule says neither keep, drop nor subtree")

    def check_params(self, rule, at):
        p = rule.get("params", {})
        if rule["action"] == "mask" and "length" in p and ("keep_first" in p or "keep_last" in p):
            raise Fault(f"{at}/params", "exclude each other")
        if rule["action"] == "topcode" and p.get("min", -10 ** 16) >= p.get("max", 10 ** 16):
            raise Fault(f"{at}/params", "min is not below max")
        if "subject" in p and not self.places(tokens(p["subject"]), self.purposes_of(rule)):
            raise Fault(f"{at}/params/subject", "matches nothing")

    def check_waiver(self, rule, at):
        if "waiver" not in rule:
            return
        x = self.exceptions.get(rule["waiver"])
        if not x or not any(covers_with(tokens(p), rule, rule["tokens"]) for p in x["pointers"]):
            raise Fault(f"{at}/waiver", "no such exception, or it does not reach this")

    def check_same_pointers(self):
        """Two rules for one pointer differ in their conditions, and agree on what kind of field it is where both apply."""
        for i, a in enumerate(self.rules):
            for b in self.rules[:i]:
                if a["pointer"] != b["pointer"]:
                    continue
                p, q = self.conditions(a), self.conditions(b)
                if all(x & y for x, y in zip(p, q)) and (a["category"] != b["category"] or p == q):
                    raise Fault(f"/rules/{i}", "contradicts another on the same pointer")

    def conditions(self, rule):
        when = rule.get("when", {})
        return (frozenset(self.purposes_of(rule)), frozenset(when.get("tiers", ["T1", "T2"])), frozenset(when.get("subject_categories", SUBJECTS)))

    def check_purposes(self):
        for i, p in enumerate(self.doc["purposes"]):
            if not any(r["action"] != "drop" for t in p["tiers"] for c in p["subject_categories"] for r in self.rules_of(p["id"], t, c)):
                raise Fault(f"/purposes/{i}", "no rule lets anything pass")

    def clear(self, rule):
        """Whether what a rule leaves can be read, on the places that it names."""
        if rule["id"] not in self.readable:
            purposes = self.purposes_of(rule) if "category" in rule else self.purposes
            self.readable[rule["id"]] = readable.clear(rule, readable.Domain(self.places(rule["tokens"], purposes), rule.get("subtree", False)))
        return self.readable[rule["id"]]

    def check_exceptions(self):
        for i, x in enumerate(self.doc.get("exceptions", [])):
            for p in x["pointers"]:
                if not self.places(tokens(p), x.get("purposes", list(self.purposes))):
                    raise Fault(f"/exceptions/{i}/pointers", "matches nothing")

    def check_overlay(self):
        for i, o in enumerate(self.narrowing):
            places = self.places(o["tokens"], self.purposes)
            if not places and ("agreement" in o or self.places(["*" if t.isdigit() else t for t in o["tokens"]], self.purposes)):
                raise Fault(f"overlay.json/rules/{i}/pointer", "matches nothing")
            if places:
                self.check_place(o, f"overlay.json/rules/{i}", places)
            texts_only = o["action"] in ("mask", "date-trunc", "redact-text") and not o.get("subtree")
            if places and texts_only and not any("string" in shape.types_of(p) for p in places):
                raise Fault(f"overlay.json/rules/{i}/pointer", "no text can stand there")
            self.check_params(o, f"overlay.json/rules/{i}")

    # --- combinations ---

    def combinations(self):
        for p in self.doc["purposes"]:
            for tier in p["tiers"]:
                for subject in p["subject_categories"]:
                    yield p["id"], tier, subject

    def rules_of(self, purpose, tier, subject):
        return [r for r in self.rules if applies(r, purpose, tier, subject)]

    def check_contradictions(self):
        seen = set()
        for combination in self.combinations():
            rules = self.rules_of(*combination)
            key = tuple(id(r) for r in rules)
            if key not in seen:
                seen.add(key)
                self.contradictions("/rules", rules)
                self.check_narrowing(rules)

    def meetings(self, rules):
        """The sets of rules that reach some place together, each once, with such a place."""
        key = tuple(r["id"] for r in rules)
        if key not in self.met:
            self.met[key] = {}
            for path, alive in kinds_of_places(rules):
                here = tuple(rules[i] for i in alive if reaches(rules[i], path))
                self.met[key].setdefault(tuple(r["id"] for r in here), (path, here))
        return [m for m in self.met[key].values() if m[1]]

    def contradictions(self, at, rules):
        """At every kind of place that patterns tell apart there must be one strictest rule; and one of those that hold for
        everything beneath."""
        for path, here in self.meetings(rules):
            beneath = [r for r in here if r["action"] == "drop" or r.get("subtree")]
            best = strictest(here)
            if not best or beneath and not strictest(beneath) or len(waivers_of(here, best, path)) > 1:
                raise Fault(at, f"contradict each other /at {pointer_of(['*' if t is None else t for t in path])}")

    def check_narrowing(self, rules):
        """The overlay is one document, too: its rules are ordered wherever the agreement does not drop all."""
        for path, here in self.meetings([*rules, *self.narrowing]) if self.narrowing else ():
            own = [o for o in here if "category" not in o]
            gone = any(r["action"] == "drop" and not names(r["tokens"], path) for r in here)
            if own and not strictest(own) and not gone:
                raise Fault("overlay.json/rules", f"contradict each other /at {pointer_of(['*' if t is None else t for t in path])}")

    # --- the floor ---

    def check_floor(self):
        self.check_periods()
        self.check_demands()
        for i, demanded in enumerate(self.floor.get("tiers", [])):
            have = self.tiers.get(demanded["tier"])
            if have is None:
                continue
            for name in ("case", "necessity", "officer", "justify_fields"):
                justified = name == "justify_fields" and demanded["tier"] == "T2"
                if demanded.get(name) and not (have.get(name) or justified):
                    raise Fault(f"/tiers/{name}", f"floor.json: /tiers/{i}/{name}")
            if demanded.get("approvals", 0) > have.get("approvals", 0):
                raise Fault("/tiers/approvals", f"floor.json: /tiers/{i}/approvals")
        order = ("never", "with-permission", "listed")
        if "onward" in self.floor and "onward" in self.doc and \
                order.index(self.doc["onward"]["allowed"]) > order.index(self.floor["onward"]):
            raise Fault("/onward/allowed", "floor.json: /onward")
        for r in self.rules:
            for tier in self.conditions(r)[1]:
                self.check_field(r, {r["category"]}, tier)
        for combination in self.combinations():
            self.check_fields(combination)

    def check_periods(self):
        limits = self.floor.get("limits", {})
        for p in self.doc["purposes"]:
            retention = {**self.doc["retention"], **p.get("retention", {})}
            for name in ("payload", "copy"):
                if name in limits and durations.longer(retention[name], limits[name]):
                    raise Fault(f"/retention/{name}", f"floor.json: /limits/{name}")
            for name, own in (("mask", "mask"), ("copy_review", "review")):
                if name in limits and durations.longer(retention["copy"], limits[name]) and \
                        (own not in retention or durations.longer(retention[own], limits[name])):
                    raise Fault(f"/retention/{own}", f"floor.json: /limits/{name}")
        clocks = {"review": ("review", "interval"), "breach_supervisor": ("breach", "notify_supervisor"),
                  "breach_partner": ("breach", "notify_partner"), "notification_delay": ("notification", "longest_delay"),
                  "redress_access": ("redress", "access_within"), "redress_correction": ("redress", "correction_within")}
        for name, (clause, member) in clocks.items():
            if name in limits and durations.longer(self.doc[clause][member], limits[name]):
                raise Fault(f"/{clause}/{member}", f"floor.json: /limits/{name}")
        for name in ("payload", "copy", "mask", "copy_review"):
            own = self.overlay.get("limits", {})
            if name in limits and name in own and durations.longer(own[name], limits[name]):
                raise Fault(f"overlay.json/limits/{name}", f"floor.json: /limits/{name}")

    def check_demands(self):
        """Clauses that must be there, and the terms of the agreement and of reviews."""
        demands, limits, council = self.floor.get("demands", {}), self.floor.get("limits", {}), self.doc.get("council")
        missing = {"council": council is None, "council_privacy_seat": "privacy" not in (council or {}).get("must_include", []),
                   "assessment": not self.doc["assessment"]["digest"],
                   "pseudonym_rotation": "pseudonyms" in self.doc and "rotation" not in self.doc["pseudonyms"]}
        for name, lacks in missing.items():
            if demands.get(name) and lacks:
                raise Fault(f"/{name}", f"floor.json: /demands/{name}")
        if "term" in limits and durations.after(self.doc["effective_from"], limits["term"]) < durations.instant(self.doc["sunset"]):
            raise Fault("/sunset", "floor.json: /limits/term")
        for i, x in enumerate(self.doc.get("exceptions", [])):
            if "exception_review" in limits and durations.longer(x["review_within"], limits["exception_review"]):
                raise Fault(f"/exceptions/{i}/review_within", "floor.json: /limits/exception_review")

    def check_fields(self, combination):
        """What may leave of direct identifiers and of special categories in each field by all that reach it, whichever of
        them says what kind it is."""
        for _, here in self.meetings(self.rules_of(*combination)):
            self.check_field(strictest(here), {r["category"] for r in here}, combination[1])

    def check_field(self, best, kinds, tier):
        identifiers, special = self.floor.get("clear_identifiers"), self.floor.get("special_actions")
        if best["action"] == "drop":
            return
        if "direct-identifier" in kinds and identifiers and self.clear(best) and (identifiers == "never" or "waiver" not in best):
            raise Fault("/rules/action", "below the floor: /clear_identifiers")
        if "special" in kinds and special and tier != "T2" and best["action"] not in special:
            raise Fault("/rules/action", "below the floor: /special_actions")

    # --- the overlay ---

    def narrow_tiers(self):
        for o in self.overlay.get("tiers", []):
            have = self.tiers.setdefault(o["tier"], None)
            if have is None:
                del self.tiers[o["tier"]]
                continue
            for name in ("case", "necessity", "officer", "justify_fields"):
                have[name] = have.get(name, False) or o.get(name, False)
            have["approvals"] = max(have.get("approvals", 0), o.get("approvals", 0))

    def copy_limits(self, purpose):
        have = {**self.doc["retention"], **self.purposes[purpose].get("retention", {})}["copy"]
        return [have, *([self.overlay["limits"]["copy"]] if "copy" in self.overlay.get("limits", {}) else [])]

    def narrowed(self, best, path):
        """The rule that governs beside this nation's own: the strictest, dropped where none is. What does not have the form
        that the agreement leaves would not be taken at the other end: it is dropped, too."""
        here = [o for o in self.narrowing if reaches(o, path)]
        o = strictest([best, *here])
        if o is None or o["action"] == "drop":
            return {"action": "drop"}
        return o if o is best or has_form(o, best) else {"action": "drop"}


def waivers_of(here, best, path):
    """The exceptions under which alike rules would let the same field leave; what lies in a container that is dropped is no
    field any more."""
    if best["action"] == "drop" and not all(names(r["tokens"], path) for r in here if r["action"] == "drop"):
        return set()
    return {r["waiver"] for r in here if "waiver" in r and alike(r, best)}


def has_form(narrower, rule):
    """Has what the narrower rule leaves the form of what the other one leaves?"""
    p, q = params(narrower), params(rule)
    if rule["action"] == "keep" or (narrower["action"] == "null" and rule["action"] != "const"):
        return True
    if rule["action"] == "redact-text":
        return narrower["action"] != "const" or isinstance(p["value"], str)
    if narrower["action"] != rule["action"]:
        return False
    return p.get("as") == q.get("as") and p.get("character") == q.get("character")


def kinds_of_places(rules):
    """Paths that stand for all that the patterns tell apart: one for each set of rules that go on together, with items
    and members apart, and what lies beneath. Each with the rules that have not turned elsewhere."""
    patterns = [r["tokens"] for r in rules]
    alphabet = (None, shape.OTHER, *sorted({t for p in patterns for t in p if t != "*"}))
    seen, at = set(), [((), frozenset(range(len(rules))))]
    while at:
        path, alive = at.pop()
        yield path, sorted(alive)
        depth = len(path)
        ended = frozenset(i for i in alive if depth >= len(patterns[i]))
        if ended:
            yield (*path, shape.OTHER), sorted(ended)
        for t in alphabet:
            on = frozenset(i for i in alive if i not in ended and patterns[i][depth] in ("*", t))
            if on and (depth, on | ended) not in seen:
                seen.add((depth, on | ended))
                at.append(((*path, t), on | ended))


# --- one record ---

class Context:
    """What an action may ask about besides the leaf."""

    def __init__(self, agreement, purpose, envelope, path):
        self.keys = Keys(agreement.doc["id"], purpose, agreement.doc.get("pseudonyms", {}).get("epoch", 1), agreement.secret)
        self.envelope, self.path = envelope, path

    def subject(self, rule):
        """Whom the leaf is about: what the rule's `subject` points to, the same member or item where `*` stands; or the
        envelope's reference."""
        where = rule.get("params", {}).get("subject")
        if where is None:
            who = self.envelope.get("reference")
        else:
            who, shared = self.envelope["record"], True
            for i, t in enumerate(tokens(where)):
                shared = shared and i < len(rule["tokens"]) and rule["tokens"][i] == t
                step = self.path[i] if t == "*" and shared and i < len(self.path) else t
                if isinstance(who, list) and isinstance(step, int):
                    who = who[step]
                else:
                    who = who.get(step) if isinstance(who, dict) else None
        if who is None or isinstance(who, (bool, dict, list)) or who == "":
            raise Refused("transform-failed")
        return actions.text_of(who)


class Run:
    """A record through the rules of its combination."""

    def __init__(self, agreement, envelope):
        self.a, self.envelope, self.purpose = agreement, envelope, envelope["purpose"]
        self.rules = agreement.rules_of(self.purpose, envelope["tier"], envelope.get("subject_category", "uncategorised"))
        self.tier = agreement.tiers[envelope["tier"]]
        self.justify = envelope["tier"] == "T2" or self.tier.get("justify_fields", False)
        self.released, self.changed, self.reasons = 0, 0, set()

    def leaf(self, value, path, concrete):
        """[value] that leaves, or nothing."""
        here = [r for r in self.rules if reaches(r, path)]
        best = strictest(here) if here else None
        rule = self.a.narrowed(best, path) if here else {"action": "drop"}
        if rule["action"] == "drop" or (isinstance(value, (dict, list)) and rule["action"] not in ("keep", "null", "const")):
            self.changed += 1
            return [value] if isinstance(value, (dict, list)) and self.stays(path) else []
        out = actions.apply(rule, value, Context(self.a, self.purpose, self.envelope, concrete))
        self.released += 1
        self.changed += rule["action"] != "keep"
        # By the agreement alone: the recipient's gateway knows no overlay of the sender's.
        if any(r["category"] == "direct-identifier" for r in here) and self.a.clear(best):
            if best.get("waiver") is None or best["waiver"] != self.envelope.get("exception"):
                self.reasons.add("transform-required")
        if self.justify and not self.justified(best, concrete):
            self.reasons.add("field-unjustified")
        return [out]

    def justified(self, best, concrete):
        """By a justification for the rule's own pointer, or one that names the leaf itself, whose reason has a letter or digit."""
        leaf = [str(t) for t in concrete]
        return any((j["pointer"] == best["pointer"] or tokens(j["pointer"]) == leaf) and any(map(str.isalnum, j["reason"]))
                   for j in self.envelope.get("justifications", []))

    def value(self, value, path, concrete):
        if not isinstance(value, (dict, list)) or (not value and concrete):
            return self.leaf(value, path, concrete)
        if isinstance(value, dict):
            out = {k: made[0] for k, v in value.items() for made in [self.value(v, [*path, k], [*concrete, k])] if made}
        else:
            out = [made for i, v in enumerate(value) for made in self.value(v, [*path, None], [*concrete, i])]
        return [out] if out or not path or self.stays(path) else []

    def stays(self, path):
        """A container that lost everything stays where a keep rule names it, and none drops it."""
        named = any(r["action"] == "keep" and names(r["tokens"], path) for r in self.rules)
        dropped = any(r["action"] == "drop" and reaches(r, path) for r in [*self.rules, *self.a.narrowing])
        return named and not dropped

    def whole(self):
        record = self.envelope["record"]
        if not isinstance(record, (dict, list)):
            raise Refused("transform-failed")
        out = self.value(record, [], [])[0]
        return out


# --- the decision ---

def known(a, envelope, came):
    """Are the codes of the envelope, and those that came with what it passes on, ones that this agreement's people know?"""
    clause, own = a.doc.get("handling", {}), a.doc.get("onward", {}).get("caveats", [])
    scales, handling = clause.get("scales", []), envelope.get("handling", [])
    if not all(codes.listed(c) and c["scale"] in scales for c in handling) or [c["value"] for c in handling].count("H3") > 1:
        return False
    if not all(c["scale"] in scales or codes.said_by(own, c) for c in came):
        return False
    if any("text" in c and not codes.said_by(own, c) for c in came) and not a.clause.rule("handling"):
        return False
    return set(clause.get("required", [])) <= {c["scale"] for c in [*handling, *came]}


def authorise(a, envelope, came):
    """The reasons for which the record is refused before anyone looks at it."""
    reasons = set() if known(a, envelope, came) else {"handling-unknown"}
    purpose, tier = a.purposes.get(envelope["purpose"]), envelope["tier"]
    subject = envelope.get("subject_category", "uncategorised")
    if not purpose or envelope["purpose"] in a.overlay.get("denied_purposes", []):
        reasons.add("purpose-not-permitted")
    flow = next(f for f in a.doc["flows"] if f["from"] == "north")
    if purpose and envelope["purpose"] not in flow["purposes"]:
        reasons.add("flow-unmapped")
    if envelope["legal_basis"] not in (purpose["legal_bases"] if purpose else [b["id"] for b in a.doc["legal_bases"]]):
        reasons.add("no-legal-basis")
    if tier not in a.tiers or (purpose and tier not in purpose["tiers"]):
        reasons.add("tier-unknown")
    else:
        reasons |= demanded(a.tiers[tier], envelope) | approvals.officer(a.tiers[tier], envelope)
    if subject not in (purpose["subject_categories"] if purpose else SUBJECTS) or subject in a.overlay.get("denied_subject_categories", []):
        reasons.add("category-unknown")
    asked = envelope.get("retention")
    if purpose and asked and any(durations.longer(asked, most) for most in a.copy_limits(envelope["purpose"])):
        reasons.add("retention-over-max")
    if not a.doc["assessment"]["digest"]:
        reasons.add("assessment-missing")
    reasons |= consents.judge(a.doc, a.lists, envelope, a.now_ms)
    unknown = excepted(a, envelope, tier if "tier-unknown" not in reasons else None)
    reasons |= unknown
    if "tier-unknown" not in reasons and approvals_lacking(a, envelope, "exception" in envelope and not unknown):
        reasons.add("approval-missing")
    if purpose and not reasons & {"tier-unknown", "category-unknown"} and exceeds(a, envelope, subject):
        reasons.add("tier-fields-exceeded")
    return reasons


def exceeds(a, envelope, subject):
    """Is there a justification for what only a higher tier lets pass? Then more is asked for than the tier gives."""
    def passing(tier, pointer):
        return [r for r in a.rules_of(envelope["purpose"], tier, subject)
                if r["action"] != "drop" and (covers_with(r["tokens"], r, pointer) or covers(pointer, r["tokens"]))]

    higher = TIERS[TIERS.index(envelope["tier"]) + 1:]
    said = [tokens(j["pointer"]) for j in envelope.get("justifications", [])]
    return any(not passing(envelope["tier"], p) and any(passing(t, p) for t in higher) for p in said)


def demanded(tier, envelope):
    reasons = set()
    if tier.get("case") and "case" not in envelope:
        reasons.add("case-missing")
    necessity = envelope.get("necessity", {})
    if tier.get("necessity") and (necessity.get("criterion") not in [c["id"] for c in tier["criteria"]]
                                  or not {"likelihood", "alternative", "explanation"} <= set(necessity)):
        reasons.add("necessity-incomplete")
    return reasons


def excepted(a, envelope, tier):
    cited = envelope.get("exception")
    if cited is None:
        return set()
    x = a.exceptions.get(cited)
    if not x or cited in a.overlay.get("denied_exceptions", []) or (tier and tier not in x.get("tiers", TIERS)):
        return {"exception-unknown"}
    elsewhere = envelope["purpose"] in a.purposes and envelope["purpose"] not in x.get("purposes", a.purposes)
    return {"exception-unknown"} if elsewhere else set()


def approvals_lacking(a, envelope, excepted):
    """Random worlds carry no approval: what is signed by whom is for test/policy/check_approval.c."""
    x = a.exceptions[envelope["exception"]] if excepted else {}
    return max(a.tiers[envelope["tier"]].get("approvals", 0), x.get("approvals", 0)) > 0


def decide(a, envelope, came=()):
    """Answer: `refused`, `held`, `released` or `released-transformed`; the reasons; what leaves, or would on release. What
    lacks approvals and nothing else is held, unless nobody is named whom the tier demands; where schema or transform fail,
    nothing is, and approvals are not asked for."""
    reasons = authorise(a, envelope, came)
    lacking = reasons & {"approval-missing"}
    if reasons - lacking:
        return Answer("refused", {"approval-missing" if r == "officer-missing" else r for r in reasons}, None)
    combination = envelope["purpose"], envelope["tier"], envelope.get("subject_category", "uncategorised")
    if all(r["action"] == "drop" for r in a.rules_of(*combination)):
        return Answer("refused", {"default-deny"}, None)
    root = a.schemas_of([envelope["purpose"]])[0]
    if not shape.fits(root, root, envelope["record"]):
        return Answer("refused", {"schema-violation"}, None)
    leaves, reasons = a.clause.leaves(envelope, Context(a, envelope["purpose"], envelope, []))
    if reasons:
        return Answer("refused", reasons, None)
    run = Run(a, envelope)
    try:
        record = run.whole()
    except Refused as why:
        return Answer("refused", {str(why)}, None)
    if run.released == 0:
        run.reasons.add("default-deny")
    if run.reasons:
        return Answer("refused", run.reasons | lacking, None)
    handling = codes.without_words(envelope.get("handling", []))
    caveats = codes.merge(a.doc.get("onward", {}).get("caveats", []), handling, came)
    waiting = {"waiting-decision"} if combination[2] == "uncategorised" or beside.waits(envelope) else set()
    if waiting or lacking:
        return Answer("held", waiting | lacking, record, leaves, caveats)
    return Answer("released-transformed" if run.changed else "released", set(), record, leaves, caveats)


def load(doc, floor, overlay, schemas, secret):
    """An Agreement, or Fault."""
    return Agreement(doc, floor, overlay, schemas, secret)


__all__ = ["Agreement", "Answer", "Fault", "Made", "decide", "load"]
