#!/usr/bin/env python3
"""That each rule can fail: small trees with one breach each, and one without. Ends with `N passed, N failed`."""

import os
import subprocess
import sys
import tempfile
import unittest

RULES = os.path.dirname(os.path.abspath(__file__))
ROOMS = "# lowest first\nlib/base:\ngatewayd: lib/base\ngatewayd/core/low\ngatewayd/core/high\ngatewayd/edge: lib/base gatewayd\n"


class Tree(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.put("gatewayd/rooms", ROOMS)
        self.put("lib/base/buf.h", "int buf(void);\n")
        self.put("lib/base/buf.c", '#include "lib/base/buf.h"\nint buf(void) { return 1; }\n')
        self.put("gatewayd/core/low/low.h", "int low(void);\n")
        self.put("gatewayd/core/low/low.c", '#include "gatewayd/core/low/low.h"\nint low(void) { return 2; }\n')
        self.put("gatewayd/core/high/high.h", "int high(void);\nextern int table[1];\n")
        self.put("gatewayd/core/high/high.c",
                 '#include "gatewayd/core/low/low.h"\nint table[1] = { 4 };\nint high(void) { return low(); }\n')

    def tearDown(self):
        self.folder.cleanup()

    def put(self, path, text):
        path = f"{self.folder.name}/{path}"
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)

    def judge(self, build=True):
        """Compiles every .c, runs the rule; returns (status, output)."""
        root, words = self.folder.name, [f"{RULES}/rooms.py", self.folder.name]
        for folder, _, names in os.walk(root):
            for name in names:
                if build and name.endswith(".c"):
                    source = os.path.relpath(f"{folder}/{name}", root)
                    out = f"{root}/build/{source[:-2]}.o"
                    os.makedirs(os.path.dirname(out), exist_ok=True)
                    subprocess.run(["cc", "-I.", "-c", "-o", out, source], check=True, cwd=root)
        if build:
            words.append(f"{root}/build")
        done = subprocess.run([sys.executable, *words], capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr

    def test_a_tree_without_breach_passes(self):
        status, out = self.judge()
        self.assertEqual(status, 0, out)
        self.assertIn("rooms: 5, includes up: 0, private: 0, calls up: 0", out)

    def test_an_include_from_a_higher_room(self):
        self.put("gatewayd/core/low/more.c", '#include "gatewayd/core/high/high.h"\nint more(void);\n')
        status, out = self.judge(build=False)
        self.assertEqual(status, 1)
        self.assertIn("gatewayd/core/low/more.c:1: gatewayd/core/low may not include gatewayd/core/high/high.h", out)
        self.assertIn("includes up: 1", out)

    def test_a_call_into_a_higher_room_without_its_header(self):
        self.put("gatewayd/core/low/more.c", "int high(void);\nint more(void) { return high(); }\n")
        status, out = self.judge()
        self.assertEqual(status, 1)
        self.assertIn("gatewayd/core/low/more.c: gatewayd/core/low may not call high of gatewayd/core/high/high.c", out)
        self.assertIn("calls up: 1", out)

    def test_a_table_of_a_higher_room_reached_by_extern(self):
        self.put("gatewayd/core/low/more.c", "extern int table[1];\nint more(void) { return table[0]; }\n")
        status, out = self.judge()
        self.assertEqual(status, 1)
        self.assertIn("may not call table of gatewayd/core/high/high.c", out)

    def test_a_room_that_names_what_it_may_use_uses_nothing_else(self):
        self.put("gatewayd/edge/edge.c", "int low(void);\nint edge(void) { return low(); }\n")
        status, out = self.judge()
        self.assertEqual(status, 1)
        self.assertIn("gatewayd/edge may not call low", out)

    def test_a_private_header_of_another_room(self):
        self.put("gatewayd/core/low/low_private.h", "int inside(void);\n")
        self.put("gatewayd/core/high/more.c", '#include "gatewayd/core/low/low_private.h"\n')
        status, out = self.judge(build=False)
        self.assertEqual(status, 1)
        self.assertIn("gatewayd/core/low/low_private.h is private to gatewayd/core/low", out)

    def test_a_room_that_names_one_below_it_in_the_list(self):
        self.put("gatewayd/rooms", "lib/base: gatewayd\ngatewayd: lib/base\n")
        status, out = self.judge(build=False)
        self.assertNotEqual(status, 0)
        self.assertIn("gatewayd does not stand above it", out)

    def judge_libraries(self):
        """Runs a copy of includes.sh over the tree; returns (status, output)."""
        with open(f"{RULES}/includes.sh", encoding="utf-8") as f:
            self.put("test/rules/includes.sh", f.read())
        done = subprocess.run(["sh", f"{self.folder.name}/test/rules/includes.sh"], capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr

    def test_sqlite_outside_its_engine(self):
        self.put("gatewayd/core/store/sqlite/engine.c", "#include <sqlite3.h>\nint n(void) { return sqlite3_threadsafe(); }\n")
        self.assertEqual(self.judge_libraries()[0], 0)
        self.put("gatewayd/core/store/hold.c", "#include <sqlite3.h>\n")
        self.put("gatewayd/core/store/duty.c", "\nint sqlite3_threadsafe(void);\n")
        status, out = self.judge_libraries()
        self.assertEqual(status, 1)
        self.assertIn("gatewayd/core/store/hold.c:1: <sqlite3.h> belongs to core/store/sqlite", out)
        self.assertIn("gatewayd/core/store/duty.c:2: only core/store/sqlite calls SQLite", out)
        self.assertIn("2 breaches", out)

    def test_a_state_that_is_changed_past_its_diagram(self):
        self.put("gatewayd/core/copy/state.c", "int state(void) { return store_set_state(1); }\n")
        self.assertEqual(self.judge_libraries()[0], 0)
        self.put("gatewayd/core/hold/hold.c", "\n\nint hold(void) { return store_set_state(1); }\n")
        status, out = self.judge_libraries()
        self.assertEqual(status, 1)
        self.assertIn("gatewayd/core/hold/hold.c:3: an exchange's state changes by exchange_become() alone", out)

    def test_a_readme_without_a_room(self):
        self.put("gatewayd/core/README.md", "| `low` | what | `low.h` |\n")
        status, out = self.judge(build=False)
        self.assertEqual(status, 1)
        self.assertIn("gatewayd/core/README.md: has the rooms low; gatewayd/rooms has low high", out)
        self.put("gatewayd/core/README.md", "| `low` | what | `low.h` |\n| `high` | what | `high.h` |\n")
        self.assertEqual(self.judge(build=False)[0], 0)


class Sections(unittest.TestCase):
    def judge(self, daemon, ctl):
        with tempfile.TemporaryDirectory() as folder:
            for name, dropped in (("daemon", daemon), ("ctl", ctl)):
                with open(f"{folder}/{name}", "w", encoding="utf-8") as f:
                    f.writelines(f"/usr/bin/ld: removing unused section '.text.{n}' in file '{where}'\n" for n, where in dropped)
            done = subprocess.run([sys.executable, f"{RULES}/sections.py", f"{folder}/daemon", f"{folder}/ctl"],
                                  capture_output=True, text=True, cwd=f"{RULES}/../..")
            return done.returncode, done.stdout

    def for_tests(self):
        with open(f"{RULES}/for_tests.txt", encoding="utf-8") as f:
            return [(line.split()[0], "b/lib.a(x.o)") for line in f if line.strip() and line[0] != "#"]

    def test_what_stands_with_its_reason_passes(self):
        status, out = self.judge(self.for_tests(), self.for_tests())
        self.assertEqual(status, 0, out)

    def test_a_function_that_neither_program_reaches(self):
        dead = [("forgotten", "b/lib_json.a(splice.o)")]
        status, out = self.judge(self.for_tests() + dead, self.for_tests() + dead)
        self.assertEqual(status, 1)
        self.assertIn("b/lib_json.a(splice.o): forgotten is reached by no program", out)
        self.assertIn("sections: 1 unreferenced", out)

    def test_one_that_a_program_reaches_is_alive(self):
        status, out = self.judge(self.for_tests() + [("used", "b/lib_json.a(splice.o)")], self.for_tests())
        self.assertEqual(status, 0, out)

    def test_a_command_that_no_command_line_reaches(self):
        status, out = self.judge(self.for_tests(), self.for_tests() + [("forgotten", "b/gatewayd_ctl.a(x.o)")])
        self.assertEqual(status, 1, out)

    def test_a_reason_for_what_is_reached(self):
        status, out = self.judge(self.for_tests()[1:], self.for_tests()[1:])
        self.assertEqual(status, 1)
        self.assertIn("is reached by a program, or gone", out)


class Threats(unittest.TestCase):
    """The threat model names tests that are there, and one for each threat."""

    HEAD = "# Threats\n| Threat | Control | Shown by |\n|---|---|---|\n"

    def judge(self, text):
        with tempfile.TemporaryDirectory() as root:
            for path, content in (("doc/threat-model.md", text), ("test/a/check_x.c", "START_TEST(one_bit)\n{\n}\n"),
                                  ("test/e2e/b/check_y.py", "    def test_it(self):\n")):
                os.makedirs(os.path.dirname(f"{root}/{path}"), exist_ok=True)
                with open(f"{root}/{path}", "w", encoding="utf-8") as f:
                    f.write(content)
            done = subprocess.run([sys.executable, f"{RULES}/threats.py", root], capture_output=True, text=True)
            return done.returncode, done.stdout

    def test_what_is_there(self):
        status, out = self.judge(self.HEAD + "| a | b | `check_x.c::one_bit`, `check_y.py::test_it` |\n| c | d | `check_x.c` |\n")
        self.assertEqual(status, 0, out)
        self.assertIn("threats: 2, tests named: 3, missing: 0", out)

    def test_a_file_that_is_gone(self):
        status, out = self.judge(self.HEAD + "| a | b | `check_z.c` |\n")
        self.assertEqual(status, 1)
        self.assertIn("doc/threat-model.md:4: there is no test check_z.c", out)

    def test_a_case_that_is_gone(self):
        status, out = self.judge(self.HEAD + "| a | b | `check_x.c::one` |\n")
        self.assertEqual(status, 1)
        self.assertIn("doc/threat-model.md:4: check_x.c has no case one", out)

    def test_a_threat_without_a_test(self):
        status, out = self.judge(self.HEAD + "| a `check_x.c` | b | by nothing |\n")
        self.assertEqual(status, 1)
        self.assertIn("doc/threat-model.md:4: names no test", out)

    def test_no_threats(self):
        self.assertEqual(self.judge("# Nothing\n")[0], 1)


if __name__ == "__main__":
    result = unittest.main(exit=False, argv=sys.argv[:1]).result
    failed = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)
