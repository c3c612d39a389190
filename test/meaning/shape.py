"""The part of JSON Schema that random worlds are written in: type, properties, required, additionalProperties, items,
enum, bounds of lengths and numbers, anyOf, $ref to #/$defs. Whether a record fits, and which places a schema has."""

from jsontext import Number

ALL_TYPES = ("object", "array", "string", "number", "boolean", "null")


def type_of(value):
    if isinstance(value, dict):
        return "object"
    if isinstance(value, list):
        return "array"
    if isinstance(value, str):
        return "string"
    if isinstance(value, Number):
        return "number"
    return "null" if value is None else "boolean"


def types_of(node):
    """The types that a schema states; `integer` is a number."""
    stated = node.get("type")
    stated = ALL_TYPES if stated is None else [stated] if isinstance(stated, str) else stated
    return {"number" if t == "integer" else t for t in stated}


def followed(root, node):
    while isinstance(node, dict) and "$ref" in node:
        node = root["$defs"][node["$ref"].rsplit("/", 1)[1]]
    return node


def alternatives(root, node):
    """The schemas that may describe the same place: the node itself, or the branches of its anyOf."""
    node = followed(root, node)
    if node is True:
        node = {}
    if node is False:
        return []
    if "anyOf" in node:
        return [a for branch in node["anyOf"] for a in alternatives(root, branch)]
    return [node]


def fits(root, node, value):
    return any(fits_one(root, a, value) for a in alternatives(root, node))


def fits_one(root, node, value):
    kind = type_of(value)
    if kind not in types_of(node) or ("enum" in node and value not in node["enum"]):
        return False
    if kind == "number":
        integer = node.get("type") == "integer" or (isinstance(node.get("type"), list) and "integer" in node["type"])
        if integer and not value.whole():
            return False
        return node.get("minimum", value.value) <= value.value <= node.get("maximum", value.value)
    if kind == "string":
        return node.get("minLength", 0) <= len(value) <= node.get("maxLength", len(value))
    if kind == "array":
        return len(value) >= node.get("minItems", 0) and all(fits(root, node.get("items", True), v) for v in value)
    if kind == "object":
        known, other = node.get("properties", {}), node.get("additionalProperties", True)
        return (all(name in value for name in node.get("required", []))
                and all(fits(root, known.get(name, other), v) for name, v in value.items()))
    return True


def structured(node):
    return any(k in node for k in ("properties", "additionalProperties", "items"))


def below(root, node, token):
    """The schemas of the places that one token of a pattern leads to. Items are reached by `*` alone."""
    found = []
    for a in alternatives(root, node):
        types = types_of(a)
        if not structured(a) and types & {"object", "array"}:
            found.append(True)
            continue
        if "object" in types:
            known, other = a.get("properties", {}), a.get("additionalProperties", False)
            if token == "*":
                found += [*known.values(), other]
            else:
                found.append(known[token] if token in known else other)
        if "array" in types and token == "*":
            found.append(a.get("items", False))
    return [f for f in found if alternatives(root, f)]


def places(root, pattern):
    """Every schema that a pattern (a list of tokens) leads to, one for each alternative."""
    at = [root]
    for token in pattern:
        at = [b for node in at for b in below(root, node, token)]
    return [a for node in at for a in alternatives(root, node)]


def may_hold_container(node):
    return bool(types_of(node) & {"object", "array"})


OTHER = "\0"  # a member that nobody names


def paths(root, named, depth):
    """Every place of a schema to that depth, as (path, schema): members by name, those that only additionalProperties
    lets in by each of `named` and as OTHER, items as None."""
    at = [((), a) for a in alternatives(root, root)]
    while at:
        path, node = at.pop()
        yield path, node
        if len(path) == depth:
            continue
        types, anything = types_of(node), not structured(node)
        if "object" in types:
            known, other = node.get("properties", {}), node.get("additionalProperties", anything)
            steps = [(name, s) for name, s in known.items()] + [(name, other) for name in (*named, OTHER) if name not in known]
            at += [((*path, name), a) for name, s in steps for a in alternatives(root, s)]
        if "array" in types:
            at += [((*path, None), a) for a in alternatives(root, node.get("items", anything))]
