"""Runs the end-to-end tests, several classes of them side by side: every check_*.py in this folder and in those of the
topics, or those that are named (`check_hold`, or a topic: `node`). A class runs in a process of its own and its output
is printed whole when it ends. Ends with the ten slowest tests and `N passed, N failed, N skipped`.

-jN: so many processes; one more than there are processors, at most 4, if not said: most of a test's time is waiting."""

import argparse
import glob
import importlib
import io
import json
import os
import sys
import tempfile
import time
import traceback
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
# What takes longest, first: nothing long is left for the end, when a processor would be idle.
LONGEST = f"{HERE}/longest"
SLOWEST = 10


def modules():
    """The path of each module by its name: names are unique over all topics, so that tests can import each other."""
    found = {}
    for path in sorted(glob.glob(f"{HERE}/check_*.py") + glob.glob(f"{HERE}/*/check_*.py")):
        name = os.path.basename(path)[:-3]
        if name in found:
            sys.exit(f"run.py: two modules are named {name}: {found[name]} and {path}")
        found[name] = path
    return found


def chosen(found, words):
    """The names of modules that `words` mean."""
    names = []
    for word in words:
        of_topic = [n for n, path in found.items() if os.path.relpath(os.path.dirname(path), HERE) == word]
        if word not in found and not of_topic:
            sys.exit(f"run.py: {word} is neither a module nor a topic")
        names += of_topic or [word]
    return list(dict.fromkeys(names)) or list(found)


def classes(name):
    """The test classes of a module with tests, as (name, class)."""
    module = importlib.import_module(name)
    return [(f"{name}.{c.__name__}", c) for c in vars(module).values()
            if isinstance(c, type) and issubclass(c, unittest.TestCase) and c.__module__ == name
            and unittest.defaultTestLoader.getTestCaseNames(c)]


def in_order(units, whole):
    """The longest first, in the order of the file that names them; then the others as they come. `whole`: the units are
    all that there are, so that all that the file names must be among them."""
    with open(LONGEST, encoding="ascii") as f:
        rank = {name: i for i, name in enumerate(f.read().split())}
    if whole and (gone := set(rank) - {name for name, _ in units}):
        sys.exit(f"run.py: {LONGEST} names what is not there: {' '.join(sorted(gone))}")
    return sorted(units, key=lambda unit: rank.get(unit[0], len(rank)))


class Result(unittest.TextTestResult):
    """Also how many passed and how long each took."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.took, self.passed = [], 0

    def addSuccess(self, test):
        super().addSuccess(test)
        self.passed += 1

    def startTest(self, test):
        self.began = time.monotonic()
        super().startTest(test)

    def stopTest(self, test):
        super().stopTest(test)
        self.took.append((time.monotonic() - self.began, test.id()))


def run_class(name, tests):
    """Runs one class; returns what a process hands to the one that started it."""
    began = time.monotonic()
    suite = unittest.defaultTestLoader.loadTestsFromTestCase(tests)
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2, resultclass=Result).run(suite)
    bad, took = len(result.failures) + len(result.errors), time.monotonic() - began
    for test, why in result.skipped:
        print(f"SKIP {test}: {why}")
    around = took - sum(seconds for seconds, _ in result.took)
    return {"passed": result.passed, "failed": bad, "skipped": len(result.skipped),
            "took": [*result.took, (around, f"{name}: before and after its tests")]}


class Child:
    """A process that runs one class, with all of its output in a file."""

    def __init__(self, name, tests):
        self.name, self.began = name, time.monotonic()
        self.output, self.answer = tempfile.TemporaryFile(), tempfile.TemporaryFile()
        sys.stdout.flush()
        self.pid = os.fork()
        if self.pid == 0:
            self.become(tests)

    def become(self, tests):
        status = 1
        try:
            for fd in (1, 2):
                os.dup2(self.output.fileno(), fd)
            sys.stdout = sys.stderr = io.TextIOWrapper(io.FileIO(1, "w", closefd=False), encoding="utf-8", write_through=True)
            self.answer.write(json.dumps(run_class(self.name, tests)).encode())
            self.answer.flush()
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)

    def ended(self, status, cpu):
        """Prints what it printed; returns its answer. A process that died has failed, whatever it died of."""
        self.output.seek(0)
        self.answer.seek(0)
        print(f"-- {self.name}, {time.monotonic() - self.began:.1f} s, of a processor {cpu:.1f} s --\n"
              f"{self.output.read().decode(errors='replace')}", flush=True)
        if status == 0:
            return json.loads(self.answer.read())
        print(f"FAILED {self.name}: its process ended with status {status}", flush=True)
        return {"passed": 0, "failed": 1, "skipped": 0, "took": [(time.monotonic() - self.began, self.name)]}


def run_all(units, jobs):
    waiting, running, answers = list(units), {}, []
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                child = Child(*waiting.pop(0))
                running[child.pid] = child
            pid, status, used = os.wait3(0)
            answers.append(running.pop(pid).ended(status, used.ru_utime + used.ru_stime))
    finally:
        for pid in running:         # when this process is interrupted, so are they, and stop their daemons
            os.waitpid(pid, 0)
    return answers


def main():
    parser = argparse.ArgumentParser(description="End-to-end tests.")
    parser.add_argument("-j", type=int, dest="jobs", default=min(4, len(os.sched_getaffinity(0)) + 1))
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    sys.dont_write_bytecode = True
    found = modules()
    sys.path[:0] = [HERE, *sorted({os.path.dirname(path) for path in found.values()} - {HERE})]
    units = [u for name in chosen(found, options.names) for u in classes(name)]
    with tempfile.TemporaryDirectory(prefix="gw-once") as folder:
        os.environ["GATEWAY_TEST_ONCE"] = folder        # what is made once and copied (once.py)
        answers = run_all(in_order(units, not options.names), options.jobs)
    print(f"The {SLOWEST} slowest:")
    for seconds, test in sorted((tuple(t) for a in answers for t in a["took"]), reverse=True)[:SLOWEST]:
        print(f"{seconds:7.1f} s  {test}")
    passed, failed, skipped = (sum(a[member] for a in answers) for member in ("passed", "failed", "skipped"))
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
