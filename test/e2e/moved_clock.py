"""A clock that a test moves on instead of waiting: what daemons of one world see, by clock_offset.c."""

import mmap
import os
import struct
import subprocess
import time

from once import once

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "clock_offset.c")


def library():
    def make(folder):
        subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-o", f"{folder}/clock_offset.so", SOURCE], check=True)
    return f"{once('clock', make)}/clock_offset.so"


class MovedClock:
    """`path`: where its file shall lie. `wrap`: the words before a command that is to see it."""

    def __init__(self, path):
        self.seconds = 0
        with open(path, "wb") as f:
            f.write(struct.pack("=q", 0))
        with open(path, "r+b") as f:
            self.file = mmap.mmap(f.fileno(), 8)
        self.wrap = ("env", f"LD_PRELOAD={library()}", f"CLOCK_OFFSET={path}")

    def time(self):
        """Seconds since the epoch, as the daemons have it."""
        return time.time() + self.seconds

    def move(self, seconds):
        """So many whole seconds pass at once. Daemons look at the clock within half a second."""
        self.seconds += seconds
        self.file[:] = struct.pack("=q", self.seconds)
