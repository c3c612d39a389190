"""What leaves beside the record, from doc/agreements.md and the descriptions of schema/*.json: the texts of an envelope that
the agreement's clause `envelope` lists, and the codes of `handling`."""

import re

import actions
import codes
from actions import Refused

MOST = {"case": 128, "handling": 2000, "reference": 128}


def longest(pattern):
    """Code points of the longest text that matches, or None where there is no such: parts are single characters, classes
    and groups of alternatives, each with how often it stands at most."""
    if not pattern.startswith("^") or not pattern.endswith("$") or "|" in re.sub(r"\([^()]*\)", "", pattern):
        return None
    total, rest = 0, pattern[1:-1]
    while rest:
        part = re.match(r"(\[[^\]]*\]|\([^()]*\)|\\.|.)(\*|\+|\?|\{\d+(?:,\d*)?\})?", rest)
        atom, often = part[1], part[2] or ""
        size = max(map(len, atom[1:-1].split("|"))) if atom.startswith("(") else 1
        bounds = re.fullmatch(r"\{(\d+)(?:,(\d*))?\}", often)
        if often in ("*", "+") or bounds and bounds[2] == "":
            return None
        total += size * (int(bounds[2] or bounds[1]) if bounds else 1)
        rest = rest[part.end():]
    return total


def token_room(params):
    """Characters of a token's value: the token is base64url of the padded bytes and 16 of the tag, behind `t1.` and an epoch
    of ten digits and a dot, in the 256 characters of a member; a character has four bytes, type and end are two."""
    pad = params.get("pad", 16)
    room = ((256 - 14) // 4 * 3 - 16) // pad * pad
    return (room - 2) // 4 if room >= 6 else 0


def by_reference(rule):
    p = rule.get("params", {})
    asks = rule["action"] == "date-shift" or rule["action"] == "token" and p.get("per_subject")
    return bool(asks) and "subject" not in p


class Clause:
    """Raises `fault` (place, why) where it does not load."""

    def __init__(self, agreement, fault):
        self.a, self.rules = agreement, {}
        self.subject = any(map(by_reference, agreement.doc["rules"]))
        for i, e in enumerate(agreement.doc.get("envelope", [])):
            at = f"/envelope/{i}"
            if e["member"] in self.rules:
                raise fault(f"{at}/member", "twice")
            if e["member"] == "handling" and e["action"] not in ("keep", "drop"):
                raise fault(f"{at}/action", "words")
            if e["member"] == "reference" and e["action"] == "keep" and self.subject:
                raise fault(f"{at}/action", "the subject")
            if e["action"] != "drop":
                most = token_room(e["params"]) if e["action"] == "token" else MOST[e["member"]]
                have = longest(e["pattern"])
                if have is None or have > most:
                    raise fault(f"{at}/pattern", "no length")
            self.rules[e["member"]] = e
        for member in agreement.floor.get("envelope_never_clear", []):
            if self.rules.get(member, {}).get("action") == "keep":
                raise fault("/envelope/action", "below the floor")
        self.denied = agreement.overlay.get("denied_envelope", [])

    def rule(self, member):
        """By which it leaves, or None."""
        e = self.rules.get(member)
        return None if not e or e["action"] == "drop" or member in self.denied else e

    def checked(self, e, value, envelope):
        """A value that may leave by that entry."""
        if not re.search(e["pattern"][:-1] + r"\Z", value):
            raise Refused("envelope-member")
        who = envelope.get("reference")
        if self.subject and e["action"] == "keep" and who and (who == value or len(who.encode()) >= 4 and who in value):
            raise Refused("envelope-member")
        return value

    def leaves(self, envelope, context):
        """({member: what leaves of it}, reasons for which nothing does)."""
        out, reasons = {}, set()
        for member in ("case", "reference"):
            e = self.rule(member)
            if member not in envelope or not e:
                continue
            try:
                value = self.checked(e, envelope[member], envelope)
                out[member] = actions.apply({**e, "id": member, "pointer": "/" + member, "tokens": [member]}, value, context)
            except Refused as why:
                reasons.add(str(why))
        try:
            handling = self.codes(envelope)
            if handling:
                out["handling"] = handling
        except Refused as why:
            reasons.add(str(why))
        return out, reasons

    def codes(self, envelope):
        """Each once, in the order of the lists. Words are those of H3 alone, and H3 without its words would be none."""
        have = [(c["scale"], c["value"]) for c in envelope.get("handling", [])]
        out = [{"scale": s, "value": v} for s, values in codes.LADDERS.items() for v in values if (s, v) in have]
        for code in out:
            if code["value"] == "H3":
                e = self.rule("handling")
                if not e:
                    raise Refused("handling-unknown")
                words = next(c["text"] for c in envelope["handling"] if c["value"] == "H3")
                code["text"] = self.checked(e, words, envelope)
        return out


def waits(envelope):
    return any(c["value"] == "H3" for c in envelope.get("handling", []))
