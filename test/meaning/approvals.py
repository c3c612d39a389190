"""Named officers, approvals and how long they count; and what else an overlay asks for: said a second time, from
doc/agreements.md and the schemas. And worlds of them, drawn beside the others so that those stay what they were. What is
signed by whom is for test/policy/check_approval.c."""

import durations

MOST = "PT72H"  # and where a tier does not say how long


def check(a, fault):
    """Raises `fault` (place, why) where approvals count for too long."""
    limit = a.floor.get("limits", {}).get("approval")
    for t in a.doc["tiers"]:
        have = t.get("approval_lifetime")
        if have and (durations.longer(have, MOST) or not durations.longer(have, "PT0S")):
            raise fault("/tiers/approval_lifetime", "longer than 72 hours, or nothing")
        if limit and (have or asked(a.doc, t)) and durations.longer(have or MOST, limit):
            raise fault("/tiers/approval_lifetime", "floor.json: /limits/approval")


def asked(doc, tier):
    """Can an approval be needed at that tier?"""
    able = [x["approvals"] for x in doc.get("exceptions", []) if tier["tier"] in x.get("tiers", [tier["tier"]])]
    return max([tier.get("approvals", 0), *able]) > 0


def officer(tier, envelope):
    """What is wrong with the named officer; in random worlds nobody is pinned."""
    if "officer" in envelope:
        return {"approval-invalid"}
    return {"officer-missing"} if tier.get("officer") else set()


# --- worlds ---

DEMANDS = [{"case": True}, {"necessity": True}, {"officer": True}, {"justify_fields": True}, {"approvals": 1}, {"approvals": 2, "case": True}]
LIFETIMES = ["PT2H", "PT24H", "P1D", "P3D", "PT71H59M"]
# Of integers up to 120: borders that no value reaches.
PAST = [[18, 130], [60, 130], [60, 121, 140], [130, 140, 150, 160], [18, 65, 111], [18, 65, 112]]


def add(r, world):
    """Gives a world more of these, here and there."""
    doc, floor, overlay = world["agreement"], world["floor"], world["overlay"]
    for t in doc["tiers"]:
        if r.random() < 0.03:
            t["officer"] = True
        if r.random() < 0.15:
            t["approval_lifetime"] = r.choice(LIFETIMES) if r.random() < 0.95 else r.choice(["PT73H", "P4D", "PT0S"])
    for x in doc["exceptions"]:
        if r.random() < 0.15:
            x["purposes"] = [r.choice(doc["purposes"])["id"]]
    for rule in doc["rules"]:
        if rule["action"] == "band" and r.random() < 0.3:
            rule["params"] = {"edges": r.choice(PAST)}
    if floor is not None:
        add_to_floor(r, floor)
    if overlay is not None:
        add_to_overlay(r, overlay)
    for e in world["envelopes"]:
        if r.random() < 0.02:
            e["officer"] = {"certificate": "ab" * 32}
    return world


def add_to_floor(r, floor):
    if r.random() < 0.2:
        floor.setdefault("limits", {})["approval"] = r.choice(["PT72H", "P3D", "PT24H", "PT2H"])
    if r.random() < 0.1:
        floor["tiers"] = [{"tier": t, **r.choice(DEMANDS[:5])} for t in r.sample(["T0", "T1", "T2"], 2)]


def add_to_overlay(r, overlay):
    if r.random() < 0.15:
        overlay["tiers"] = [{"tier": t, **r.choice(DEMANDS)} for t in r.sample(["T0", "T1", "T2"], r.choice([1, 2]))]
    if r.random() < 0.15:
        overlay.setdefault("limits", {}).update({r.choice(["mask", "copy_review"]): r.choice(["P9D", "P10D", "P1M", "P2Y", "P20D"])})
    if r.random() < 0.05:
        overlay["denied_purposes"] = r.choice([["p2"], ["none", "p1"]])
    if r.random() < 0.05:
        overlay["denied_exceptions"] = r.choice([["x2"], ["none", "x1"]])
    if r.random() < 0.1:
        overlay["rules"].append({"id": f"o{len(overlay['rules'])}", "action": "drop", "pointer": r.choice(["/*/0", "/nowhere/0", "/*/*/1", "/nowhere"])})
