"""Runs the end-to-end tests: every check_*.py beside this file, or those that are named. Ends with
`N passed, N failed, N skipped`."""

import glob
import importlib
import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))


def main():
    sys.path.insert(0, HERE)
    sys.dont_write_bytecode = True
    names = sys.argv[1:] or sorted(os.path.basename(p)[:-3] for p in glob.glob(f"{HERE}/check_*.py"))
    suite = unittest.TestSuite()
    for name in names:
        suite.addTests(unittest.defaultTestLoader.loadTestsFromModule(importlib.import_module(name)))
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2).run(suite)
    bad = len(result.failures) + len(result.errors)
    for test, why in result.skipped:
        print(f"SKIP {test}: {why}")
    print(f"{result.testsRun - bad - len(result.skipped)} passed, {bad} failed, {len(result.skipped)} skipped")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
