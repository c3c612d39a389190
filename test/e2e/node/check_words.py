"""What gatewayctl says to whoever does not know its words: help, hints for what is mistyped, completion of shells, and what stands
on a terminal of 80 columns. No daemon runs."""

import fcntl
import json
import os
import pty
import re
import shutil
import struct
import subprocess
import tempfile
import termios
import unittest

from world import GATEWAYCTL, read, run


def on_terminal(*words, columns=80, **env):
    """Status and screen of a command whose output is a terminal."""
    main, side = pty.openpty()
    fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with subprocess.Popen([GATEWAYCTL, *words], stdin=subprocess.DEVNULL, stdout=side, stderr=side, env={**os.environ, **env}) as p:
        os.close(side)
        screen = b""
        try:
            while piece := os.read(main, 65536):
                screen += piece
        except OSError:
            pass  # the other end is closed
        p.wait(timeout=30)
    os.close(main)
    return p.returncode, screen.decode().replace("\r\n", "\n")


class Words(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="words")
        cls.config = f"{cls.folder}/north/gatewayd.json"
        run(GATEWAYCTL, "init", "--ca", f"{cls.folder}/trial", "--agency", "north", "--host", "gw.north.example", "--listen",
            "127.0.0.1:8443", f"{cls.folder}/north")
        cls.table = json.loads(run(GATEWAYCTL, "-o", "json", "help")[1])

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    def says(self, status, pattern, *words):
        got, out, err = run(GATEWAYCTL, "-c", self.config, *words, ok=False)
        self.assertEqual(got, status, out + err)
        self.assertRegex(out + err, pattern)
        return out, err

    def test_help_that_was_asked_for_is_no_failure(self):
        screen = self.says(0, "usage: gatewayctl", "--help")[0]
        for words in (("help",), ("-h",)):
            self.assertEqual(self.says(0, ".", *words)[0], screen)
        out, err = self.says(2, "usage: gatewayctl")
        self.assertEqual((out, err), ("", screen))
        self.assertEqual({c["command"].split()[0] for c in self.table} - set(re.findall(r"[a-z]+", screen)), set())
        self.assertLessEqual(len(screen.split("\n")), 24)
        self.assertLessEqual(max(len(line) for line in screen.split("\n")), 80)
        for c in self.table:
            words = c["command"].split()
            page = self.says(0, r"usage: gatewayctl ", "help", *words)[0]
            self.assertEqual(run(GATEWAYCTL, *words, "--help")[1], page)
            for option in c["options"]:
                self.assertIn(option, page)
            self.assertLessEqual(max(len(line) for line in page.split("\n")), 110, c["command"])
        listing = self.says(0, "audit tail", "help", "all")[0]
        for c in self.table:
            self.assertIn(f"  {c['command']} ", listing)
        self.says(0, r"(?m)^  audit tail .*\n(.*\n)*  audit archive", "help", "audit")

    def test_the_nearest_is_named(self):
        for words, pattern in ((("audit", "tial"), r"no command audit tial\nDid you mean audit tail\?"),
                               (("tail",), r"Did you mean audit tail\?"), (("agreemnt", "lint"), r"Did you mean agreement lint\?"),
                               (("sent",), r"Did you mean send\?"), (("audit",), r"audit takes one of these words: tail verify"),
                               (("outbox", "rety"), r"Did you mean outbox retry\?"),
                               (("help", "audit", "tial"), r"Did you mean audit tail\?"),
                               (("audit", "tail", "--folow"), r"usage: gatewayctl audit tail(.*\n)*Did you mean --follow\?"),
                               (("init", "--agancy=north"), r"Did you mean --agency\?"),
                               (("frobnicate",), r"no command frobnicate\n`gatewayctl help` lists them"),
                               (("status", "more"), r"usage: gatewayctl status \n"), (("-o", "xml", "status"), "-o json"),
                               (("--verbose",), "--help")):
            out, err = self.says(2, pattern, *words)
            self.assertEqual(out, "")
        self.assertNotIn("Did you mean", self.says(2, "usage", "audit", "tail", "--xyzzy-plugh")[1])

    def test_a_daemon_that_is_away_says_how_to_start_it(self):
        self.says(5, r"unreachable.*gatewayd -c ", "status")

    def test_a_file_that_is_no_receipt(self):
        self.says(1, "this is no receipt", "audit", "verify-receipt", self.config)
        out = self.says(1, ".", "-o", "json", "audit", "verify-receipt", self.config)[0]
        self.assertEqual(json.loads(out)["reason"], "no-receipt")

    def complete(self, *words):
        """What bash offers behind these words, of which the last is under way."""
        script = run(GATEWAYCTL, "completion", "bash")[1]
        typed = " ".join(f"'{w}'" for w in ("gatewayctl", *words))
        done = subprocess.run(["bash", "-c", f"{script}\nCOMP_WORDS=({typed}); COMP_CWORD={len(words)}\n_gatewayctl\n"
                               "printf '%s\\n' \"${COMPREPLY[@]}\""], capture_output=True, text=True, timeout=30, check=False,
                              cwd=f"{self.folder}/north")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout.split()

    def test_bash_completes(self):
        self.assertEqual(self.complete("aud"), ["audit"])
        self.assertEqual(set(self.complete("")), {c["command"].split()[0] for c in self.table} | {"help"})
        self.assertEqual(set(self.complete("audit", "ver")), {"verify", "verify-receipt"})
        self.assertEqual(self.complete("-c", "x.json", "audit", "ta"), ["tail"])
        self.assertEqual(set(self.complete("audit", "tail", "--")),
                         {o for c in self.table if c["command"] == "audit tail" for o in c["options"] if o[:2] == "--"} | {"--help"})
        self.assertIn("--resolve", self.complete("inbox", "list", "--"))
        self.assertEqual(self.complete("retention", "histogram", "--per", ""), ["day", "week", "month"])
        self.assertEqual(self.complete("help", "par"), ["partner"])
        self.assertEqual(set(self.complete("help", "audit", "mi")), {"mirror", "mirror-key", "missing"})
        self.assertEqual(self.complete("audit", "verify", "--key", "aud"), ["audit.vkey"])
        self.assertEqual(self.complete("send", "gate"), ["gatewayd.json"])

    def test_scripts_are_scripts(self):
        for shell in ("bash", "zsh"):
            script = run(GATEWAYCTL, "completion", shell)[1]
            if shutil.which(shell):
                done = subprocess.run([shell, "-n"], input=script, capture_output=True, text=True, timeout=30, check=False)
                self.assertEqual((done.returncode, done.stderr), (0, ""), shell)
        self.says(2, "usage", "completion", "fish")

    def test_tables_fit_eighty_columns(self):
        for words in (("partner", "list"), ("agreement", "list"), ("help",), ("help", "all")):
            status, screen = on_terminal("-c", self.config, *words)
            self.assertEqual(status, 0, screen)
            self.assertLessEqual(max(len(line) for line in screen.split("\n")), 80, screen)
        self.assertIn("spiffe://gw.north.example/system", self.says(0, ".", "partner", "list")[0])
        for columns in (60, 80, 120, 200):
            screen = on_terminal("-c", self.config, "partner", "list", columns=columns)[1]
            self.assertLessEqual(max(len(line) for line in screen.split("\n")), columns, screen)

    def test_colours_are_for_terminals(self):
        log = f"{self.folder}/log"
        with open(log, "w", encoding="utf-8") as f:
            f.write('{"index":0,"operation":"disclosure","outcome":"refused","reason":"tier-unknown","time":1767225600000}\n')
        self.assertIn("\033[31m", on_terminal("audit", "tail", log)[1])
        self.assertNotIn("\033", on_terminal("audit", "tail", log, NO_COLOR="1")[1])
        self.assertNotIn("\033", run(GATEWAYCTL, "audit", "tail", log)[1])
        self.assertEqual(json.loads(run(GATEWAYCTL, "-o", "json", "audit", "tail", log)[1]), json.loads(read(log)))
