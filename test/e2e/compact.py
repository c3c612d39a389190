"""The rows of the log, as lib/tlog/compact.c lays them out, read and altered behind a node's back. A leaf that is altered is put as
a text, as an older build would have put it."""

import base64
import json
import re
import uuid

from world import ROOT

with open(f"{ROOT}/lib/tlog/compact.c", encoding="utf-8") as f:
    NAMES, VALUES = (re.findall(r'W\("([^"]+)"\)', part) for part in f.read().split("[FIRST_VALUE] =", 1))
FIRST_WORD, FIRST_VALUE = 0x80, 80


def base64url(b):
    return base64.urlsafe_b64encode(b).rstrip(b"=")


def read_text(row):
    out, at = b"", 0

    def take(n):
        nonlocal at
        at += n
        return row[at - n:at]
    while at < len(row):
        c = take(1)[0]
        if 0x20 <= c < FIRST_WORD:
            out += bytes([c])
        elif c >= FIRST_WORD + FIRST_VALUE:
            out += b'"%s"' % VALUES[c - FIRST_WORD - FIRST_VALUE].encode()
        elif c >= FIRST_WORD:
            out += b',"%s":' % NAMES[c - FIRST_WORD].encode()
        elif c == 7:
            out += b'"%s":' % NAMES[take(1)[0] - FIRST_WORD].encode()
        elif c == 6:
            out += take(1)
        else:
            out += b'"%s"' % {1: lambda: take(32).hex().encode(), 2: lambda: base64url(take(32)),
                              3: lambda: str(uuid.UUID(bytes=take(16))).encode(), 4: lambda: base64url(take(16)),
                              5: lambda: base64url(read_text(take(int.from_bytes(take(3), "big"))))}[c]()
    return out


def text_of(plain, row):
    if row is None:
        return plain
    assert row[0] == 1, row
    return read_text(row[1:]).decode()


def leaves(db, where="1"):
    """Texts of the leaves, by the keys of their rows."""
    return {idx: text_of(plain, row) for idx, plain, row in
            db.execute(f"SELECT idx, leaf, compact FROM entry WHERE {where} ORDER BY idx")}


def disclosures(db):
    """Of each row, in order: its disclosures, decoded; not the seed of its decoys."""
    return [[json.loads(base64.urlsafe_b64decode(d + "==")) for d in json.loads(text_of(*row)) if len(d) > 22]
            for row in db.execute("SELECT packed, compact FROM disclosure ORDER BY idx")]


def put(db, idx, leaf):
    db.execute("UPDATE entry SET leaf = ?, compact = NULL WHERE idx = ?", (leaf, idx))


def alter(db, old, new, where="1"):
    """Puts one text in another's place in the leaves; how many had it."""
    found = {idx: leaf for idx, leaf in leaves(db, where).items() if old in leaf}
    for idx, leaf in found.items():
        put(db, idx, leaf.replace(old, new))
    return len(found)
