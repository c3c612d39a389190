"""Ports that no other test process has, of this run or of another on the machine: each process has a block of ports
below those that the kernel gives to outgoing connections, which it locks for as long as it lives."""

import fcntl
import itertools
import os
import socket
import tempfile

FIRST, BLOCK, BLOCKS = 20000, 100, 120

_block = {}         # of this process: after a fork the child takes one of its own


def _take_block():
    """Returns the lock's descriptor, which is never closed, and the block's ports over and over."""
    folder = os.path.join(tempfile.gettempdir(), f"gateway-test-ports-{os.getuid()}")
    os.makedirs(folder, mode=0o700, exist_ok=True)
    for number in range(BLOCKS):
        fd = os.open(f"{folder}/{number}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return fd, itertools.cycle(range(FIRST + number * BLOCK, FIRST + (number + 1) * BLOCK))
        except BlockingIOError:
            os.close(fd)
    raise AssertionError(f"all {BLOCKS} blocks of ports are in use")


def free_port():
    """A port of 127.0.0.1 that nothing listens on; the same again only after BLOCK others."""
    if os.getpid() not in _block:
        _block[os.getpid()] = _take_block()
    for port in itertools.islice(_block[os.getpid()][1], BLOCK):
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise AssertionError("none of this process's ports is free")
