"""What a disk holds after its power went: a record of everything that daemons asked of their files (disk.c), replayed up
to a moment. What was synced is there; of the rest a lot says what is: nothing, the oldest writes, or any of them, sector by
sector, so that a later write may be there without an earlier one. A name is there when its folder was synced; of the others
the oldest are. SQLite's shared memory is no file that lasts, and is left out."""

import mmap
import os
import random
import struct
import subprocess

from once import once

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "disk.c")
OPEN, WRITE, SIZE, SYNC, RENAME, UNLINK = range(1, 7)
HEADER, ITEM, SECTOR = 24, struct.Struct("=IIIIQ"), 512
# How much of what was not synced is there.
NOTHING, OLDEST, ANY, ALL = "nothing", "the oldest", "any of it", "all"


def library():
    def make(folder):
        subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-o", f"{folder}/disk.so", SOURCE], check=True)
    return f"{once('disk', make)}/disk.so"


def preload(folder, **files):
    """The words before a daemon's command. `files`: record or faults."""
    return ("env", f"LD_PRELOAD={library()}", f"DISK_FOLDER={folder}/",
            *(f"DISK_{name.upper()}={path}" for name, path in files.items()))


class Shared:
    """A file that processes map."""

    def __init__(self, path, size):
        with open(path, "wb") as f:
            f.truncate(size)
        with open(path, "r+b") as f:
            self.map = mmap.mmap(f.fileno(), size)
        self.path = path

    def get(self, at, form="=I"):
        return struct.unpack_from(form, self.map, at)[0]

    def put(self, at, value, form="=I"):
        struct.pack_into(form, self.map, at, value)


class Faults(Shared):
    """What strikes the daemon that has this file; see disk.c."""

    KILL = 0

    def __init__(self, path):
        super().__init__(path, 4096)

    def strike(self, at, error):
        """At the `at`-th call from now on; 0: no more. `error`: an errno, or KILL."""
        self.put(0, 0)
        for where, value in ((4, error), (8, 0), (12, 0), (0, at)):
            self.put(where, value)

    def struck(self):
        return self.get(12) == 1

    def full(self, yes):
        self.put(16, int(yes))


class Record(Shared):
    """A moment is how many bytes of it there were."""

    def __init__(self, path, size=1 << 30):
        super().__init__(path, size)
        self.put(8, size, "=Q")
        self.put(0, HEADER, "=Q")

    def now(self):
        return self.get(0, "=Q")

    def items(self, start, until):
        """Yields (moment after it, operation, handle, number, bytes)."""
        at = start
        while at < until:
            size, op, handle, n, where = ITEM.unpack_from(self.map, at)
            data = bytes(self.map[at + ITEM.size:at + ITEM.size + n])
            at += size
            yield at, op, handle, where, data


class File:
    def __init__(self, content=b""):
        self.synced, self.pending = bytearray(content), []

    @staticmethod
    def apply(content, op, at, data):
        if op == SIZE:
            del content[at:]
            content.extend(bytes(at - len(content)))
        else:
            content.extend(bytes(max(0, at - len(content))))
            content[at:at + len(data)] = data

    def sync(self):
        for change in self.pending:
            self.apply(self.synced, *change)
        self.pending = []

    def image(self, kept, lot):
        content = bytearray(self.synced)
        changes = [] if kept == NOTHING else self.pending
        if kept == OLDEST and changes:
            changes = changes[:lot.randrange(len(changes) + 1)]
        for op, at, data in changes:
            if op == SIZE or kept == ALL:
                if kept != ANY or lot.random() < 0.5:
                    self.apply(content, op, at, data)
                continue
            start = 0
            while start < len(data):
                end = min(len(data), (at + start) // SECTOR * SECTOR + SECTOR - at)
                if kept == OLDEST or lot.random() < 0.5:
                    self.apply(content, op, at + start, data[start:end])
                start = end
        return content


class Disk:
    """The files below some folders, from a copy made before the daemons started."""

    def __init__(self, record, folders):
        self.record, self.at, self.folders = record, HEADER, folders
        self.names, self.synced_names, self.changes, self.handles = {}, {}, [], {}
        for folder in folders:
            for where, _, files in os.walk(folder):
                for name in files:
                    path = f"{where}/{name}"
                    with open(path, "rb") as f:
                        self.names[path] = File(f.read())
        self.synced_names = dict(self.names)

    def forward(self, until):
        for at, op, handle, where, data in self.record.items(self.at, until):
            getattr(self, ("", "open", "write", "size", "sync", "rename", "unlink")[op])(handle, where, data)
            self.at = at

    def name(self, path, file, also=None):
        """A name of a file, or of none; `also`: another that changes with it."""
        change = [(path, file)] + ([(also, None)] if also else [])
        for p, f in change:
            if f:
                self.names[p] = f
            else:
                self.names.pop(p, None)
        self.changes.append(change)

    def open(self, handle, flags, data):
        path = data.decode()
        if path.endswith("-shm"):
            return
        if os.path.isdir(path):
            self.handles[handle] = path.rstrip("/")
            return
        if path not in self.names and flags & os.O_CREAT:
            self.name(path, File())
        file = self.names.get(path)
        self.handles[handle] = file
        if file and flags & os.O_TRUNC:
            file.pending.append((SIZE, 0, b""))

    def write(self, handle, at, data):
        if self.handles.get(handle):
            self.handles[handle].pending.append((WRITE, at, data))

    def size(self, handle, size, _):
        if self.handles.get(handle):
            self.handles[handle].pending.append((SIZE, size, b""))

    def sync(self, handle, *_):
        what = self.handles.get(handle)
        if isinstance(what, File):
            what.sync()
        elif what:
            rest = []
            for change in self.changes:
                if os.path.dirname(change[0][0]) == what:
                    self.take_name(self.synced_names, change)
                else:
                    rest.append(change)
            self.changes = rest

    def rename(self, _handle, _at, data):
        old, new = data.decode().split("\0")
        self.name(new, self.names[old], old)

    def unlink(self, _handle, _at, data):
        self.name(data.decode(), None)

    @staticmethod
    def take_name(names, change):
        for path, file in change:
            if file:
                names[path] = file
            else:
                names.pop(path, None)

    def image(self, folder, kept, seed):
        """The files below one of the folders, as {path: bytes}."""
        lot = random.Random(seed)
        changes = [c for c in self.changes if c[0][0].startswith(f"{folder}/")]
        if kept == NOTHING:
            changes = []
        elif kept != ALL:
            changes = changes[:lot.randrange(len(changes) + 1)]
        names = {p: f for p, f in self.synced_names.items() if p.startswith(f"{folder}/")}
        for change in changes:
            self.take_name(names, change)
        return {path: file.image(kept, lot) for path, file in names.items()}


def put(folder, files, modes):
    """Makes a folder what an image says. `modes`: of files that were there before."""
    for where, _, names in os.walk(folder):
        for name in names:
            if f"{where}/{name}" not in files:
                os.unlink(f"{where}/{name}")
    for path, content in files.items():
        with open(path, "wb") as f:
            f.write(content)
        os.chmod(path, modes.get(path, 0o600))


def modes(folder):
    return {f"{where}/{name}": os.stat(f"{where}/{name}").st_mode & 0o777
            for where, _, names in os.walk(folder) for name in names}
