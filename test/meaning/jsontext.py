"""JSON as exact values: numbers are decimals, never floats; and the one canonical form in which a value leaves
(RFC 8785 strings and member order, numbers exact in one spelling). Standard library only."""

import decimal
import json

EXACT = decimal.Context(prec=5000, Emax=decimal.MAX_EMAX, Emin=decimal.MIN_EMIN)


class Number:
    """A number with the spelling in which it came."""

    def __init__(self, text):
        self.text, self.value = text, EXACT.create_decimal(text)

    def __eq__(self, other):
        return isinstance(other, Number) and self.value == other.value

    def __hash__(self):
        return hash(self.value)

    def __repr__(self):
        return self.text

    def whole(self):
        return self.value == self.value.to_integral_value(context=EXACT)


def parse(text):
    """Objects are dicts; members keep their order. A number is a Number."""
    return json.loads(text, parse_int=Number, parse_float=Number, parse_constant=None)


def number_text(value):
    """Plain from 10^-7 to below 10^21, else d.ddde+n or d.ddde-n; no zero that means nothing; no negative zero."""
    if value == 0:
        return "0"
    sign, digits, exponent = value.as_tuple()
    digits = "".join(map(str, digits)).lstrip("0")
    while len(digits) > 1 and digits[-1] == "0":
        digits, exponent = digits[:-1], exponent + 1
    point = len(digits) + exponent  # digits before the decimal point
    if not -7 < point <= 21:
        mantissa = digits[0] + ("." + digits[1:] if len(digits) > 1 else "")
        text = f"{mantissa}e{point - 1:+d}"
    elif exponent >= 0:
        text = digits + "0" * exponent
    elif point > 0:
        text = digits[:point] + "." + digits[point:]
    else:
        text = "0." + "0" * -point + digits
    return "-" * sign + text


SHORT = {"\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r", '"': '\\"', "\\": "\\\\"}


def string_text(s):
    """RFC 8785 section 3.2.2.2."""
    return '"' + "".join(SHORT.get(c) or (f"\\u{ord(c):04x}" if c < " " else c) for c in s) + '"'


def canonical(value):
    if isinstance(value, dict):
        return "{" + ",".join(f"{string_text(k)}:{canonical(value[k])}" for k in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    if isinstance(value, str):
        return string_text(value)
    if isinstance(value, Number):
        return number_text(value.value)
    return {None: "null", True: "true", False: "false"}[value]


def spelled(value):
    """The value in the spelling of its numbers and the order of its members, for what is sent."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(k)}:{spelled(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(spelled, value)) + "]"
    return value.text if isinstance(value, Number) else json.dumps(value)  # documents hold plain numbers, too


def tokens(pointer):
    """The tokens of a JSON Pointer; `*` is a token like any other here."""
    return [t.replace("~1", "/").replace("~0", "~") for t in pointer.split("/")[1:]]


def pointer_of(path):
    return "".join("/" + t.replace("~", "~0").replace("/", "~1") for t in path)
