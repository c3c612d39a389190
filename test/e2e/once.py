"""What takes long to make and is alike for every test, such as keys and certificates, made once a run and copied: in the
folder that run.py names by GATEWAY_TEST_ONCE, and in one of this process's own where nobody named one."""

import atexit
import fcntl
import os
import shutil
import tempfile


def _folder():
    if "GATEWAY_TEST_ONCE" not in os.environ:
        os.environ["GATEWAY_TEST_ONCE"] = tempfile.mkdtemp(prefix="gw-once")
        atexit.register(shutil.rmtree, os.environ["GATEWAY_TEST_ONCE"], True)
    return os.environ["GATEWAY_TEST_ONCE"]


def once(name, make):
    """The folder that `make(folder)` filled. Whoever comes first makes it, others wait; nobody changes it afterwards."""
    made = os.path.join(_folder(), name)
    with open(f"{made}.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.isdir(made):
            shutil.rmtree(f"{made}.new", ignore_errors=True)
            os.mkdir(f"{made}.new")
            make(f"{made}.new")
            os.rename(f"{made}.new", made)
    return made


def copy_once(name, make, to):
    """A copy of that folder's files in `to`."""
    shutil.copytree(once(name, make), to, dirs_exist_ok=True)
