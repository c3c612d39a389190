"""RFC 6962 trees in as few words as possible: an implementation apart from the one under test."""

import base64
import hashlib


def root_of(leaves):
    """Section 2.1."""
    if len(leaves) == 1:
        return hashlib.sha256(b"\0" + leaves[0]).digest()
    k = 1
    while 2 * k < len(leaves):
        k *= 2
    return hashlib.sha256(b"\1" + root_of(leaves[:k]) + root_of(leaves[k:])).digest()


def proof_of(leaves, old, whole=True):
    """Section 2.1.2: consistency of the first `old` leaves with all."""
    n = len(leaves)
    if old == n:
        return [] if whole else [root_of(leaves)]
    k = 1
    while 2 * k < n:
        k *= 2
    if old <= k:
        return proof_of(leaves[:k], old, whole) + [root_of(leaves[k:])]
    return proof_of(leaves[k:], old - k, False) + [root_of(leaves[:k])]


def grows(old, new, old_root, new_root, proof):
    """Section 2.1.4.2: whether `proof` shows that the tree of `new` leaves with `new_root` continues the other."""
    if old == new:
        return not proof and old_root == new_root
    if old == 0:
        return not proof
    if old & (old - 1) == 0:
        proof = [old_root] + proof
    if not proof:
        return False
    fn, sn = old - 1, new - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = proof[0]
    for c in proof[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            fr = hashlib.sha256(b"\1" + c + fr).digest()
            sr = hashlib.sha256(b"\1" + c + sr).digest()
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = hashlib.sha256(b"\1" + sr + c).digest()
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and fr == old_root and sr == new_root


def inclusion_of(leaves, index):
    """Section 2.1.1: the path of a leaf."""
    if len(leaves) == 1:
        return []
    k = 1
    while 2 * k < len(leaves):
        k *= 2
    if index < k:
        return inclusion_of(leaves[:k], index) + [root_of(leaves[k:])]
    return inclusion_of(leaves[k:], index - k) + [root_of(leaves[:k])]


def receipt_of(leaves, index, note, extra=""):
    """C2SP tlog-proof."""
    hashes = "".join(base64.b64encode(h).decode() + "\n" for h in inclusion_of(leaves, index))
    return f"c2sp.org/tlog-proof@v1\n{extra}index {index}\n{hashes}\n{note}"


def tile_of(leaves, path):
    """C2SP tlog-tiles: the hashes of `tile/<L>/<N>[.p/<W>]`, of trees small enough that N has three digits."""
    _, level, index, *width = path.replace(".p/", "/").split("/")
    span = 256 ** int(level)
    first, width = int(index) * 256, int(width[0]) if width else 256
    parts = [leaves[i * span:(i + 1) * span] for i in range(first, first + width)]
    return b"".join(root_of(p) for p in parts) if all(len(p) == span for p in parts) else None
