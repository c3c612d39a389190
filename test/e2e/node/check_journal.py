"""What both processes say on standard error: the journal's form, the level and its change by a reload, and nothing of a record."""

import json
import os
import re
import shutil
import socket
import ssl
import unittest

from world import ROOT, World, preset, read, run, wait_for, write

LEVELS = {"error": "3", "warning": "4", "notice": "5", "info": "6", "debug": "7"}
VALUE = r'(?:"(?:[^"\\]|\\["\\])*"|[^ "=\\]+)'
LINE = re.compile(rf'<([3-7])>level=([a-z]+) process=(core|edge) msg="((?:[^"\\]|\\["\\])*)"((?: [a-z_]+={VALUE})*)')


def parsed(text):
    """(level, process, message, fields) of each line; a line of another form is an error."""
    found = []
    for line in text.splitlines():
        m = LINE.fullmatch(line)
        assert m and LEVELS[m[2]] == m[1], line
        found.append((m[2], m[3], m[4], {k: v.strip('"') for k, v in re.findall(rf" ([a-z_]+)=({VALUE})", m[5])}))
    return found


def envelope(name="released"):
    return json.loads(read(f"{ROOT}/conf/records/pnr/{name}.json"))


class Journal(unittest.TestCase):
    def setUp(self):
        self.world = World()
        self.addCleanup(self.world.close)
        self.world.agreement(preset("pnr"))
        self.north = self.world.north
        self.at = 0

    def said(self):
        """What was said since this was asked last."""
        with open(self.north.log, encoding="utf-8") as f:
            f.seek(self.at)
            text = f.read()
            self.at = f.tell()
        return text

    def set_log(self, **log):
        self.north.change(log=log)
        self.north.ctl("reload")

    def stranger(self):
        """What the edge warns of: a handshake without a certificate."""
        context = ssl._create_unverified_context()
        try:
            with socket.create_connection(("127.0.0.1", self.north.port), timeout=5) as raw, \
                    context.wrap_socket(raw, server_hostname=self.north.host) as tls:
                tls.recv(1)
        except OSError:
            pass

    def test_lines_of_both_processes(self):
        self.north.change(log={"level": "debug", "form": "journal"})
        self.north.start()
        north = self.world.client("north")
        status, answer = north.post("pnr", envelope())
        self.assertEqual(status, 201)
        self.assertEqual(north.post("pnr", envelope("refused-purpose-not-permitted"))[0], 403)
        self.stranger()
        # South does not run: what waits is told with its recipient and reason.
        wait_for(lambda: "unreachable" in read(self.north.log) and "no_certificate" in read(self.north.log))
        self.north.stop()
        said = parsed(self.said())
        self.assertEqual({process for _, process, _, _ in said}, {"core", "edge"})
        decided = [(m, f) for level, _, m, f in said if level == "debug"]
        self.assertEqual([(f["partner"], f["agreement"], f["outcome"], f["reason"]) for _, f in decided],
                         [("north-system", "pnr", "released-transformed", "none"), ("north-system", "pnr", "refused", "purpose-not-permitted")])
        self.assertEqual(decided[0][1]["exchange"], answer["exchange"])
        waits = next(f for level, _, _, f in said if level == "warning" and f.get("recipient") == "south")
        self.assertEqual((waits["reason"], waits["exchange"], waits["trace"]), ("unreachable", answer["exchange"], decided[0][1]["trace"]))
        self.assertIn(("warning", "edge"), {(level, process) for level, process, m, _ in said if "no_certificate" in m})
        secrets = [v for v in re.findall(r'"([^"]{7,})"', json.dumps(list(envelope()["record"].values()))) if v not in envelope()["record"]]
        self.assertGreater(len(secrets), 5)
        text = read(self.north.log)
        self.assertEqual([v for v in secrets + [envelope()["case"]] if v in text and not re.fullmatch(r"[a-z_]+", v)], [])

    def test_the_level_changes_by_a_reload(self):
        self.north.change(log={"level": "error", "form": "journal"})
        self.north.start()
        north = self.world.client("north")
        self.said()

        def round_of(edge=True):
            self.assertEqual(north.post("pnr", envelope())[0], 201)
            if edge:
                self.stranger()
            self.north.ctl("status")
            return [(level, process) for level, process, _, _ in parsed(self.said())]

        self.set_log(level="error", form="journal")
        self.assertEqual(round_of(), [])
        self.set_log(level="debug", form="journal")
        seen = set()
        wait_for(lambda: seen.update(round_of()) or {("notice", "core"), ("debug", "core"), ("warning", "edge")} <= seen)
        self.set_log(level="notice", form="journal")
        wait_for(lambda: not any(level == "debug" for level, _ in round_of(False)))
        self.set_log(form="plain")
        wait_for(lambda: "gatewayd: notice: configuration reloaded\n" in self.said())

        def plain():
            """The edge takes it within a moment."""
            with socket.create_connection(("127.0.0.1", self.north.port), timeout=5) as raw:
                raw.sendall(b"no TLS\r\n")
                raw.recv(100)
            return re.search(r"^gatewayd edge\[\d+\]: .*not_tls", read(self.north.log), re.M)
        wait_for(plain, every=1)

    def test_where_standard_error_is_the_journal(self):
        """As the service manager says it (systemd.exec(5)); a name of something else counts for nothing."""
        open(self.north.log, "a", encoding="utf-8").close()
        st = os.stat(self.north.log)
        self.addCleanup(os.environ.pop, "JOURNAL_STREAM", None)
        os.environ["JOURNAL_STREAM"] = f"{st.st_dev}:{st.st_ino}"
        self.north.start().stop()
        said = parsed(self.said())
        self.assertEqual({process for _, process, _, _ in said}, {"core", "edge"})
        os.environ["JOURNAL_STREAM"] = f"{st.st_dev}:{st.st_ino + 1}"
        self.north.start().stop()
        self.assertTrue(all(line.startswith("gatewayd") for line in self.said().splitlines()))
        # A start that fails says so in that form, too.
        os.environ["JOURNAL_STREAM"] = f"{st.st_dev}:{st.st_ino}"
        self.north.change(log={"level": "loud"})
        with self.assertRaises(AssertionError):
            self.north.start()
        self.assertTrue([m for level, _, m, _ in parsed(self.said()) if level == "error" and "/log/level" in m])

    def test_lnav_reads_them(self):
        if not shutil.which("lnav"):
            self.skipTest("lnav is not installed")
        self.north.change(log={"level": "debug", "form": "journal"})
        self.north.start()
        self.assertEqual(self.world.client("north").post("pnr", envelope())[0], 201)
        self.north.stop()
        lines = self.said().splitlines()
        # As journalctl -o short-iso prints them: without the level, which it takes off.
        write(f"{self.world.folder}/short.log", "".join(f"2026-11-30T19:09:22+0000 gw1 gatewayd[7]: {line[3:]}\n" for line in lines))
        home = {**os.environ, "HOME": self.world.folder}
        run("lnav", "-i", f"{ROOT}/doc/gatewayd.lnav.json", env=home)
        out = run("lnav", "-n", "-c", ";SELECT log_level, process, count(*) AS n FROM gatewayd_journal GROUP BY 1, 2", "-c", ":write-csv-to -",
                  f"{self.world.folder}/short.log", env=home)[1]
        counted = {(level, process): int(n) for level, process, n in re.findall(r"^(\w+),(core|edge),(\d+)$", out, re.M)}
        self.assertEqual(sum(counted.values()), len(lines), out)
        self.assertEqual(counted["debug", "core"], 1)

    def test_a_level_that_is_none(self):
        self.north.change(log={"level": "loud"})
        status, _, err = self.north.check()
        self.assertEqual(status, 78)
        self.assertRegex(err, r"gatewayd\.json:\d+:\d+: /log/level: ")


if __name__ == "__main__":
    unittest.main()
