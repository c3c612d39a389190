"""A reader of OpenMetrics 1.0 text as strict as its ABNF and its rules about families and histograms, written from the
specification: parse() gives {family: Family} or raises Malformed with the line."""

import re

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r"[a-zA-Z_][a-zA-Z0-9_]*"
ESCAPED = r'(?:[^"\\\n]|\\["\\n])*'
SAMPLE = re.compile(rf'({NAME})(?:\{{((?:{LABEL}="{ESCAPED}"(?:,{LABEL}="{ESCAPED}")*)?)\}})? (-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|[+-]Inf|NaN)')
META = re.compile(rf"# (TYPE|UNIT|HELP) ({NAME}) (.*)")
SUFFIXES = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_count", "_sum"), "info": ("_info",)}


class Malformed(ValueError):
    pass


class Family:
    def __init__(self, name):
        self.name, self.type, self.unit, self.help, self.samples = name, None, None, None, {}


def labels_of(text):
    pairs = re.findall(rf'({LABEL})="({ESCAPED})"', text or "")
    if len({name for name, _ in pairs}) != len(pairs):
        raise Malformed(f"a label stands twice: {text}")
    return tuple((name, re.sub(r"\\(.)", lambda m: "\n" if m[1] == "n" else m[1], value)) for name, value in pairs)


def take_meta(families, under_way, line):
    m = META.fullmatch(line)
    if not m:
        raise Malformed(f"neither metadata nor EOF: {line}")
    what, name, value = m.groups()
    if under_way is None or under_way.name != name:
        if name in families:
            raise Malformed(f"the family is not in one piece: {line}")
        under_way = families[name] = Family(name)
    if under_way.samples:
        raise Malformed(f"metadata behind a sample: {line}")
    if getattr(under_way, what.lower()) is not None:
        raise Malformed(f"said twice: {line}")
    if what == "TYPE" and value not in SUFFIXES:
        raise Malformed(f"an unknown type: {line}")
    if what == "UNIT" and not name.endswith(f"_{value}"):
        raise Malformed(f"a unit that the name does not end with: {line}")
    if what == "HELP" and re.search(r'(?<!\\)(?:\\\\)*"|\\[^"\\n]', value):
        raise Malformed(f"a help with what is not escaped: {line}")
    setattr(under_way, what.lower(), value)
    return under_way


def take_sample(family, line):
    m = SAMPLE.fullmatch(line)
    if not m:
        raise Malformed(f"no sample: {line}")
    name, labels, value = m[1], labels_of(m[2]), float(m[3])
    if family is None or family.type is None or name not in [family.name + s for s in SUFFIXES[family.type]]:
        raise Malformed(f"a sample of no family under way: {line}")
    if (name, labels) in family.samples:
        raise Malformed(f"a sample that stands twice: {line}")
    if family.type == "counter" and (value < 0 or value != value):
        raise Malformed(f"a counter below nothing: {line}")
    if family.type == "info" and value != 1:
        raise Malformed(f"an info that is not 1: {line}")
    family.samples[name, labels] = value


def check_histogram(family):
    series = {}
    for (name, labels), value in family.samples.items():
        rest = tuple(pair for pair in labels if pair[0] != "le")
        one = series.setdefault(rest, {"buckets": []})
        if name.endswith("_bucket"):
            le = dict(labels).get("le", "")
            if not re.fullmatch(r"[0-9]+\.[0-9]+|\+Inf", le):
                raise Malformed(f"a bucket whose bound is no float: {labels}")
            one["buckets"].append((float(le), value))
        else:
            one[name[len(family.name):]] = value
    for labels, one in series.items():
        bounds, counts = zip(*one["buckets"]) if one["buckets"] else ((), ())
        if not bounds or bounds[-1] != float("inf") or list(bounds) != sorted(set(bounds)) or list(counts) != sorted(counts):
            raise Malformed(f"buckets that do not ascend to +Inf: {labels}")
        if one.get("_count") != counts[-1] or one.get("_sum", -1) < 0:
            raise Malformed(f"count or sum that is not that of its buckets: {labels}")


def parse(text):
    families, family = {}, None
    if not text.endswith("# EOF\n"):
        raise Malformed("does not end with # EOF")
    for line in text[:-len("# EOF\n")].split("\n")[:-1]:
        if line.startswith("#"):
            family = take_meta(families, family, line)
        else:
            take_sample(family, line)
    for one in families.values():
        if one.type == "histogram":
            check_histogram(one)
    return families


def values(families):
    """{(sample name, labels): value} of all."""
    return {key: value for family in families.values() for key, value in family.samples.items()}
