"""Whether a value, or most of it, can be read from what an action makes of it: decided by what its parameters leave of the
values that the schema's places have, never by its name."""

from shape import types_of
from strictness import params

class Domain:
    """What values a schema's places have."""

    def __init__(self, places, wide=False):
        texts = [p for p in places if "string" in types_of(p)]
        numbers = [p for p in places if "number" in types_of(p)]
        anything = wide or not texts
        self.shortest = 0 if anything else min(p.get("minLength", 0) for p in texts)
        self.longest = float("inf") if anything else max(p.get("maxLength", float("inf")) for p in texts)
        self.numbers = wide or bool(numbers)
        anything = wide or not numbers
        self.least = float("-inf") if anything else min(p.get("minimum", float("-inf")) for p in numbers)
        self.most = float("inf") if anything else max(p.get("maximum", float("inf")) for p in numbers)
        self.whole = bool(numbers) and all("integer" in ([p["type"]] if isinstance(p.get("type"), str) else p.get("type", [])) for p in numbers)
        self.leaves = wide or any(types_of(p) - {"object", "array"} for p in places)


def few(results, values, smallest):
    """Do so many results leave too much of so many values, of which one stands for `smallest`?"""
    return results > 10000 or (values is not None and (smallest < 10 or results ** 3 > values))


def clear_number(rule, d):
    p, action = params(rule), rule["action"]
    if action == "topcode":
        return not (d.least >= p.get("max", float("inf")) or d.most <= p.get("min", float("-inf")))
    if action == "geo" and not d.numbers:
        return True  # the schema says nothing of the numbers that may stand there
    low, high = (max(d.least, -180), min(d.most, 180)) if action == "geo" else (d.least, d.most)
    values = high - low + 1 if d.whole else None
    if action == "band" and "edges" in p:
        borders = [low, *(min(max(e, low), high + 1) for e in p["edges"]), high + 1]
        sizes = [b - a for a, b in zip(borders, borders[1:]) if b > a]
        return few(len(sizes), values, min(sizes))
    if high - low == float("inf"):
        return True
    if action == "band":
        return few(high // p["width"] - max(low, 0) // p["width"] + 1, values, p["width"])
    unit = 10 ** -p["digits" if action == "round" else "decimals"]
    return few((high - low) // unit + 1, values, unit)


def clear(rule, d):
    """Can the value, or most of it, be read from the result?"""
    p, action = params(rule), rule["action"]
    if action in ("keep", "redact-text"):
        return d.leaves
    if action == "mask":
        kept = p["keep_first"] + p["keep_last"]
        shortest = max(2 * kept, d.shortest)
        return "length" not in p and kept > 0 and shortest <= d.longest and (kept > 4 or 3 * kept > shortest)
    if action == "date-trunc":
        return p["to"] == "day" or d.longest <= (7 if p["to"] in ("month", "quarter") else 5)
    if action == "date-shift":
        return p["days"] < 15
    if action == "ip-prefix":
        return p["ipv4"] > 24 or p["ipv6"] > 48
    kept = p.get("keep_first", p.get("geohash"))
    if action in ("postcode", "geo") and kept:
        return kept > 4 or 3 * kept > d.shortest
    if action == "postcode":
        n = min(d.longest, 12)
        return n - p["drop_last"] > 4 or 3 * (n - p["drop_last"]) > n
    return action in ("round", "band", "topcode", "geo") and clear_number(rule, d)
