"""The one form of a record, written from its description in doc/architecture.md and from RFC 8785 alone, and a sender
that passes a message in everything that the form leaves no choice in."""

import decimal
import json
import re

EXACT = decimal.Context(prec=200, Emin=-decimal.MAX_EMAX, Emax=decimal.MAX_EMAX, traps=[decimal.Inexact, decimal.InvalidOperation])
SHORT = {"\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r", '"': '\\"', "\\": "\\\\"}


def parse(text):
    """Values with exact numbers; members as they stand."""
    return json.loads(text, parse_int=EXACT.create_decimal, parse_float=EXACT.create_decimal,
                      object_pairs_hook=lambda pairs: {"": pairs})


def spell_string(text):
    return '"' + re.sub(r'[\x00-\x1f"\\]', lambda m: SHORT.get(m[0], f"\\u{ord(m[0]):04x}"), text) + '"'


def spell_number(number):
    sign, digits, exponent = number.as_tuple()
    digits = "".join(map(str, digits)).lstrip("0")
    exponent += len(digits) - len(digits.rstrip("0"))
    digits = digits.rstrip("0")
    if not digits:
        return "0"
    first = exponent + len(digits) - 1
    if not -7 <= first < 21:
        text = digits[0] + ("." + digits[1:] if digits[1:] else "") + f"e{first:+d}"
    elif first < 0:
        text = "0." + "0" * (-first - 1) + digits
    else:
        digits += "0" * (first + 1 - len(digits))
        text = digits[:first + 1] + ("." + digits[first + 1:] if digits[first + 1:] else "")
    return "-" * sign + text


def spell(value):
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return spell_string(value)
    if isinstance(value, decimal.Decimal):
        return spell_number(value)
    if isinstance(value, list):
        return "[" + ",".join(map(spell, value)) + "]"
    members = sorted(value[""], key=lambda m: m[0])         # Python compares by code point
    return "{" + ",".join(spell_string(name) + ":" + spell(v) for name, v in members) + "}"


def canonical(text):
    return spell(parse(text))


def whisper(value, random):
    """One of the spellings of a value that `random` chooses among: a sender's covert message."""
    gap = lambda: "".join(random.choice(" \t\n\r") for _ in range(random.randrange(3)))     # noqa: E731

    def string(text):
        def one(c):
            if random.random() < 0.5:
                code = f"{ord(c):04x}"
                return "\\u" + (code.upper() if random.random() < 0.5 else code)
            return "\\/" if c == "/" and random.random() < 0.5 else SHORT.get(c, c)
        return '"' + "".join(one(c) for c in text) + '"'

    def number(n):
        sign, digits, exponent = n.as_tuple()
        more = random.randrange(5)
        digits, exponent = "".join(map(str, digits)) + "0" * more, exponent - more
        whole = random.randrange(1, len(digits) + 1)
        head, tail = digits[:whole].lstrip("0") or "0", digits[whole:]
        mark = random.choice("eE") + (random.choice(["", "+"]) if exponent + len(tail) >= 0 else "")
        return "-" * sign + head + ("." + tail if tail else "") + f"{mark}{exponent + len(tail)}"

    if isinstance(value, str):
        text = string(value)
    elif isinstance(value, decimal.Decimal):
        text = number(value)
    elif isinstance(value, list):
        text = "[" + ",".join(whisper(v, random) for v in value) + "]"
    elif isinstance(value, dict):
        members = random.sample(value[""], len(value[""]))
        text = "{" + ",".join(gap() + string(name) + gap() + ":" + whisper(v, random) for name, v in members) + "}"
    else:
        text = spell(value)
    return gap() + text + gap()
