"""Ports that no other test process has, of this run or of another on the machine: each process has a block of ports
below those that the kernel gives to outgoing connections. A name of an abstract socket, which is as far known as ports
are and goes with its process, says that the block is taken."""

import itertools
import os
import socket

FIRST, BLOCK, BLOCKS = 20000, 100, 120

_block = {}         # of this process: after a fork the child takes one of its own


def _take_block():
    """Returns the socket that has the block's name, which is never closed, and the block's ports over and over."""
    name = socket.socket(socket.AF_UNIX)
    for number in range(BLOCKS):
        try:
            name.bind(f"\0gateway-test-ports-{number}")
            return name, itertools.cycle(range(FIRST + number * BLOCK, FIRST + (number + 1) * BLOCK))
        except OSError:
            continue
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
