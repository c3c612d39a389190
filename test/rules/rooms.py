#!/usr/bin/env python3
"""The walls between the rooms of the source, held from the #include lines and from the symbols of the objects:

- a file includes only from its own room and from those that gatewayd/rooms lets it;
- a `_private.h` is included only inside its own room;
- an object refers only to symbols of its own room and of those that it may include (calls and data alike);
- gatewayd/core/README.md has a row a room, in their order.

Since every room may only use rooms above it in the list, there is no cycle between rooms. Prints each breach, then
`rooms: N, includes up: N, private: N, calls up: N`. Usage: rooms.py ROOT [BUILD]; without BUILD no symbols are read."""

import os
import re
import subprocess
import sys

INCLUDE = re.compile(r'^#\s*include\s*"([^"]+)"', re.M)
# What starts the two processes: stands in the folder of the room `gatewayd`, uses everything, is used by nobody.
TOP = {"gatewayd/main", "gatewayd/listeners", "gatewayd/sandbox", "gatewayd/passed"}


class Rooms:
    def __init__(self, root):
        self.root, self.order, self.only = root, [], {}
        with open(f"{root}/gatewayd/rooms", encoding="utf-8") as f:
            for line in f:
                if line.startswith("#") or not line.strip():
                    continue
                name, colon, only = line.strip().partition(":")
                self.only[name] = set(only.split()) if colon else set(self.order)
                unknown = self.only[name] - set(self.order)
                if unknown:
                    raise SystemExit(f"gatewayd/rooms: {name}: {' '.join(sorted(unknown))} does not stand above it")
                self.order.append(name)

    def of(self, path):
        """The room of a file: its folder, or the nearest folder above that is one."""
        if os.path.splitext(path)[0] in TOP:
            return None
        folder = os.path.dirname(path)
        while folder and folder not in self.only:
            folder = os.path.dirname(folder)
        return folder or None

    def may(self, room, other):
        return room is None or room == other or other in self.only[room]


def sources(root):
    for top in ("lib", "gatewayd"):
        for folder, _, names in sorted(os.walk(f"{root}/{top}")):
            for name in sorted(names):
                if name.endswith((".c", ".h")):
                    yield os.path.relpath(f"{folder}/{name}", root)


def includes(rooms, breach):
    """Counts of includes from rooms that may not be used, and of private headers of other rooms."""
    up = private = 0
    for path in sources(rooms.root):
        with open(f"{rooms.root}/{path}", encoding="utf-8") as f:
            text = f.read()
        for m in INCLUDE.finditer(text):
            header = m.group(1)
            if not os.path.exists(f"{rooms.root}/{header}"):
                continue
            room, other = rooms.of(path), rooms.of(header)
            line = text.count("\n", 0, m.start()) + 1
            if not rooms.may(room, other):
                breach(f"{path}:{line}: {room} may not include {header}")
                up += 1
            if header.endswith("_private.h") and room != other:
                breach(f"{path}:{line}: {header} is private to {other}")
                private += 1
    return up, private


def symbols(rooms, build):
    """(object's source, defined names, undefined names) of each object that belongs to the source."""
    objects = [f"{build}/{os.path.splitext(p)[0]}.o" for p in sources(rooms.root) if p.endswith(".c")]
    objects = [o for o in objects if os.path.exists(o)]
    if not objects:
        raise SystemExit(f"{build}: no objects; run make first")
    out = subprocess.run(["nm", "-A", "-P", *objects], check=True, capture_output=True, text=True).stdout
    for line in out.splitlines():
        path, name, kind = re.match(r"(.*)\.o: (\S+) (\S)", line).groups()
        yield os.path.relpath(path, build) + ".c", name, kind


def calls(rooms, build, breach):
    """Count of references from an object to a symbol of a room that its own may not use."""
    home, wanted = {}, []
    for path, name, kind in symbols(rooms, build):
        if kind == "U":
            wanted.append((path, name))
        elif kind.isupper():
            home[name] = path
    up = 0
    for path, name in wanted:
        if name in home and not rooms.may(rooms.of(path), rooms.of(home[name])):
            breach(f"{path}: {rooms.of(path)} may not call {name} of {home[name]}")
            up += 1
    return up


def readme(rooms, breach):
    """core/README.md has a row a room of core, in the order of the list."""
    path, prefix = f"{rooms.root}/gatewayd/core/README.md", "gatewayd/core/"
    if not os.path.exists(path):
        return 0
    with open(path, encoding="utf-8") as f:
        rows = re.findall(r"^\| `(\w+)` \|", f.read(), re.M)
    want = [name[len(prefix):] for name in rooms.order if name.startswith(prefix)]
    if rows == want:
        return 0
    breach(f"gatewayd/core/README.md: has the rooms {' '.join(rows)}; gatewayd/rooms has {' '.join(want)}")
    return 1


def main():
    rooms = Rooms(os.path.abspath(sys.argv[1]))
    up, private = includes(rooms, print)
    called = calls(rooms, os.path.abspath(sys.argv[2]), print) if len(sys.argv) > 2 else 0
    listed = readme(rooms, print)
    print(f"rooms: {len(rooms.order)}, includes up: {up}, private: {private}, calls up: {called}")
    return 1 if up or private or called or listed else 0


if __name__ == "__main__":
    sys.exit(main())
