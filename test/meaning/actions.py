"""The catalogue of transforms, from schema/transforms.schema.json: what becomes of one leaf. Nothing here was
taken from the C sources but the key derivation, without which no two programs make the same pseudonym."""

import base64
import datetime
import decimal
import hmac
import ipaddress
import re
import struct

from jsontext import EXACT, Number, number_text


class Refused(Exception):
    """The record does not leave; the reason's slug."""


class Made:
    """A value that is known by its form only: random, or under a cipher that the standard library has not. Where
    `same` is given, equal ones must come out alike and others differ."""

    def __init__(self, form, same=None):
        self.form, self.same = form, same


# --- keys ---

LABEL = b"gatewayd transform key 1"


def prefixed(b):
    return struct.pack(">H", len(b)) + b


def derived_key(keys, domain, action):
    """HKDF-SHA-256 (RFC 5869): the salt is the agreement, the info what the key is for."""
    info = b"".join(map(prefixed, (LABEL, keys.purpose.encode(), domain.encode(), action.encode()))) + struct.pack(">I", keys.epoch)
    pseudo_random = hmac.digest(keys.agreement.encode(), keys.secret, "sha256")
    block, out = b"", b""
    for i in (1, 2):
        block = hmac.digest(pseudo_random, block + info + bytes([i]), "sha256")
        out += block
    return out[:32]


def base32(b):
    return base64.b32encode(b).decode().rstrip("=").lower()


NORMAL = {
    "exact": lambda s: s,
    "document": lambda s: re.sub("[^A-Z0-9]", "", s.upper()),
    "email": lambda s: s.strip().casefold(),
    "text": lambda s: re.sub(" +", " ", s.strip()).casefold(),
}


def text_of(value):
    """Of a text or a whole number, which are what people are linked by: all its digits, however it is spelled."""
    if isinstance(value, Number) and value.whole():
        return str(int(value.value))
    if not isinstance(value, str):
        raise Refused("transform-failed")
    return value


def pseudonym(rule, value, context):
    p = rule["params"]
    text = NORMAL[p["normalise"]](text_of(value))
    tag = hmac.digest(derived_key(context.keys, p["domain"], "pseudonym"), text.encode(), "sha256")
    return f"p1.{context.keys.epoch}." + base32(tag[:p.get("bits", 128) // 8])


def surrogate(rule, value, context):
    p = rule["params"]
    same = ("surrogate", context.keys.purpose, p["domain"], p["normalise"], NORMAL[p["normalise"]](text_of(value)))
    return Made(rf"r1\.{context.keys.epoch}\.[a-z2-7]{{26}}", same)


def plain(value):
    """What a token or seal hides: a text, or a number or boolean in its one spelling."""
    if isinstance(value, (dict, list)):
        raise Refused("transform-failed")
    return value if isinstance(value, str) else number_text(value.value) if isinstance(value, Number) else str(value).lower()


def hidden(kind, rule, same, text):
    """Padded with its type and the mark of its end, then the tag, and for a seal the nonce."""
    pad = rule["params"].get("pad", 16)
    length = -(-(len(text.encode()) + 2) // pad) * pad + (16 if kind == "t" else 28)
    return Made(rf"{kind}1\.{same[0]}\.[A-Za-z0-9_-]{{{-(-length * 4 // 3)}}}", same[1:] or None)


def token(rule, value, context):
    p = rule["params"]
    who = context.subject(rule) if p.get("per_subject") else None
    return hidden("t", rule, (context.keys.epoch, "token", context.keys.purpose, p["domain"], p.get("pad", 16), who, type(value).__name__,
                              plain(value)), plain(value))


def seal(rule, value, context):
    return hidden("s", rule, (context.keys.epoch,), plain(value))


def fpe(rule, value, context):
    p, alphabet = rule["params"], {"digits": "0-9", "letters": "A-Z", "alphanumeric": "0-9A-Z"}[rule["params"]["alphabet"]]
    least = {"digits": 6, "letters": 5, "alphanumeric": 4}[p["alphabet"]]
    if not isinstance(value, str) or not re.fullmatch(f"[{alphabet}]{{{least},128}}", value):
        raise Refused("transform-failed")
    return Made(f"[{alphabet}]{{{len(value)}}}", ("fpe", context.keys.purpose, p["domain"], p["alphabet"], value))


def shift_days(key, subject, days):
    choices = 2 * days
    limit = 0xFFFFFFFF - 0xFFFFFFFF % choices
    for i in range(256):
        words = struct.unpack(">8I", hmac.digest(key, bytes([i]) + subject.encode(), "sha256"))
        for w in words:
            if w < limit:
                shift = w % choices - days
                return shift if shift < 0 else shift + 1
    raise AssertionError("not once in all time")


def date_shift(rule, value, context):
    p, parsed = rule["params"], partial(value)
    if parsed[1] != "day":
        raise Refused("transform-failed")
    key = derived_key(context.keys, p["domain"], "date-shift")
    day = parsed[0] + datetime.timedelta(days=shift_days(key, context.subject(rule), p["days"]))
    return day.isoformat() + value[10:]


# --- dates ---

PERIODS = ["day", "month", "quarter", "year", "decade"]
PARTIAL = [
    (r"(\d{4})-(\d\d)-(\d\d)(T\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d))?", "day"), (r"(\d{4})-(\d\d)", "month"),
    (r"(\d{4})-Q([1-4])", "quarter"), (r"(\d{4})", "year"), (r"(\d{3}0)s", "decade"),
]


def partial(value):
    """(first day of the period, its name) of a date as exact as it was written."""
    for form, period in PARTIAL:
        m = re.fullmatch(form, value, re.ASCII) if isinstance(value, str) else None
        if not m:
            continue
        year, month = int(m[1]), 1
        if period in ("day", "month"):
            month = int(m[2])
        elif period == "quarter":
            month = int(m[2]) * 3 - 2
        try:
            return datetime.date(year, month, int(m[3]) if period == "day" else 1), period
        except ValueError:
            break
    raise Refused("transform-failed")


def date_trunc(rule, value, _):
    day, have = partial(value)
    period = max(have, rule["params"]["to"], key=PERIODS.index)
    month = {"day": day.month, "month": day.month, "quarter": (day.month - 1) // 3 * 3 + 1}.get(period, 1)
    first = datetime.date(day.year - (day.year % 10 if period == "decade" else 0), month, day.day if period == "day" else 1)
    if period == "day" or rule["params"].get("as") == "date":
        return first.isoformat()
    return {"month": f"{first.year:04d}-{first.month:02d}", "quarter": f"{first.year:04d}-Q{(first.month + 2) // 3}",
            "year": f"{first.year:04d}", "decade": f"{first.year:04d}s"}[period]


# --- texts ---

def mask(rule, value, _):
    p = rule.get("params", {})
    if not isinstance(value, str):
        raise Refused("transform-failed")
    character, first, last, n = p.get("character", "*"), p.get("keep_first", 0), p.get("keep_last", 0), len(value)
    if "length" in p:
        return character * p["length"]
    if n < 2 * (first + last):
        first = last = 0
    return value[:first] + character * (n - first - last) + value[n - last:]


def postcode(rule, value, _):
    p = rule["params"]
    code = re.sub("[ -]", "", value).upper() if isinstance(value, str) and value.isascii() else ""
    if not re.fullmatch("[A-Z0-9]{1,12}", code) or len(code) <= p.get("drop_last", 0):
        raise Refused("transform-failed")
    area = code[:p["keep_first"]] if "keep_first" in p else code[:-p["drop_last"]]
    return "0" * len(area) if area in p.get("suppress", []) else area


def ip_prefix(rule, value, _):
    p = rule.get("params", {})
    try:
        address = ipaddress.ip_address(value if isinstance(value, str) else "")
    except ValueError:
        raise Refused("transform-failed") from None
    length = p.get("ipv4", 24) if address.version == 4 else p.get("ipv6", 48)
    return str(ipaddress.ip_network((address, length), strict=False))


def redact_text(rule, value, _):
    """Of the texts that random worlds write: words, e-mail addresses and the words of dictionaries, between spaces."""
    p = rule["params"]
    if not isinstance(value, str):
        raise Refused("transform-failed")
    words = {w.casefold() for w in p.get("dictionary", [])}
    mails = "email" in p.get("recognisers", [])
    return " ".join("[email]" if mails and "@" in w else "[word]" if w.casefold() in words else w for w in value.split(" "))


# --- numbers ---

def number(value):
    if not isinstance(value, Number):
        raise Refused("transform-failed")
    return value.value


def exact(value):
    return Number(number_text(value))


def rounded(value, digits):
    return exact(value.quantize(decimal.Decimal(1).scaleb(-digits), decimal.ROUND_HALF_UP, EXACT)
                 if -value.as_tuple().exponent > digits else value)


def geo(rule, value, _):
    p = rule["params"]
    if "geohash" in p:
        if not isinstance(value, str) or not re.fullmatch("[0-9bcdefghjkmnpqrstuvwxyz]{1,12}", value):
            raise Refused("transform-failed")
        return value[:p["geohash"]]
    if abs(number(value)) > 180:
        raise Refused("transform-failed")
    return rounded(value.value, p["decimals"])


def topcode(rule, value, _):
    p, n = rule["params"], number(value)
    if "max" in p and n > p["max"]:
        return Number(str(p["max"]))
    return Number(str(p["min"])) if "min" in p and n < p["min"] else value


def band(rule, value, _):
    p, n = rule["params"], number(value)
    if "width" in p:
        if n < 0 or n >= decimal.Decimal(10) ** 18:
            raise Refused("transform-failed")
        low = int(n) - int(n) % p["width"]
        return f"{low}-{low + p['width'] - 1}"
    edges = p["edges"]
    if n < edges[0]:
        return f"<{edges[0]}"
    if n >= edges[-1]:
        return f">={edges[-1]}"
    i = max(i for i, e in enumerate(edges) if e <= n)
    return f"{edges[i]}-{edges[i + 1] - 1}"


def constant(rule, _, __):
    v = rule["params"]["value"]
    return Number(str(v)) if isinstance(v, int) and not isinstance(v, bool) else v


APPLY = {
    "keep": lambda r, v, c: v, "const": constant, "null": lambda r, v, c: None, "mask": mask, "pseudonym": pseudonym,
    "surrogate": surrogate, "token": token, "seal": seal, "fpe": fpe, "date-shift": date_shift, "date-trunc": date_trunc,
    "band": band, "round": lambda r, v, c: rounded(number(v), r["params"]["digits"]), "topcode": topcode, "geo": geo,
    "ip-prefix": ip_prefix, "postcode": postcode, "redact-text": redact_text,
}


def apply(rule, value, context):
    """One leaf through its rule. Null stays null: it says that there is no value, and has none to hide."""
    if value is None and rule["action"] != "const":
        return None
    return APPLY[rule["action"]](rule, value, context)
