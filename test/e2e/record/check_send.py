"""gatewayctl send: a file of envelopes goes to a gateway as a partner's system would send it. Each record is decided once, whatever
happens to the client, the connection or the gateway, and each result stands in a file."""

import contextlib
import json
import os
import pty
import select
import signal
import sqlite3
import subprocess
import time
import unittest

import agreements
from check_batch import guarded
from world import GATEWAYCTL, ROOT, World, read, run, wait_for, write


class Send(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = w = World()
        cls.addClassCleanup(w.close)
        schema = agreements.digest_of(f"{ROOT}/schema/records/passenger.schema.json")
        w.agreement(agreements.passenger(digest=schema))
        w.agreement(guarded("groups", schema, k=3, fields=["/travellers/*/api/nationality"], otherwise="refuse"))
        cls.node = w.south
        cls.feed = w.authority.leaf("feed", "spiffe://north.example/feed")
        w.add_system(cls.node, "north", "north-feed", cls.feed[0])
        cls.node.change(limits={"threads": 2})
        cls.node.start()
        cls.connection = f"{w.folder}/connection.json"
        write(cls.connection, json.dumps({"url": f"https://{cls.node.host}:{cls.node.port}", "certificate": cls.feed[0], "key": cls.feed[1],
                                          "authority": w.authority.cert, "resolve": f"{cls.node.host}:{cls.node.port}:127.0.0.1"}))

    def setUp(self):
        self.name = self._testMethodName
        self.file = f"{self.world.folder}/{self.name}.ndjson"

    @staticmethod
    def envelope(n, good=True, **more):
        record = agreements.passenger_record(n) if good else {"locator": 1}
        return agreements.envelope(record, **more)

    def write(self, lines, path=None):
        with open(path or self.file, "w", encoding="utf-8") as f:
            f.writelines((l if isinstance(l, str) else json.dumps(l)) + "\n" for l in lines)

    def words(self, *more, json_too=True, file=None):
        return [GATEWAYCTL, *(["-o", "json"] if json_too else []), "send", "--connection", self.connection, "--agreement", "pax", *more,
                file or self.file]

    def send(self, expected, *more):
        status, out, err = run(*self.words(*more), ok=False)
        self.assertEqual(status, expected, err)
        return json.loads(out), err

    def results(self):
        with open(f"{self.file}.results", encoding="utf-8") as f:
            return [json.loads(l) for l in f]

    def released(self):
        """How many exchanges the gateway has in all."""
        with contextlib.closing(sqlite3.connect(f"file:{self.node.folder}/store/gatewayd.db?mode=ro", uri=True)) as db:
            return db.execute("SELECT count(*) FROM exchange").fetchone()[0]

    def test_a_whole_file_with_receipts(self):
        before = self.released()
        self.write([self.envelope(1), "", self.envelope(2, key="mine-2"), "  \r", self.envelope(3)])
        done, _ = self.send(0, "--vkey", f"{self.node.folder}/audit.vkey")
        self.assertEqual(done, {"records": 3, "released": 3, "held": 0, "refused": 0, "not_sent": 0, "complete": True})
        got = self.results()
        self.assertEqual([(r["line"], r["status"]) for r in got], [(1, 201), (3, 201), (5, 201)])
        self.assertEqual(got[1]["key"], "mine-2")
        run_id = json.loads(read(f"{self.file}.state"))["run"]
        self.assertEqual([got[0]["key"], got[2]["key"]], [f"{run_id}-1", f"{run_id}-5"])
        self.assertTrue(all(r["receipt"].startswith("c2sp.org/tlog-proof@v1") for r in got))
        for path in (f"{self.file}.state", f"{self.file}.results"):
            self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
        # Once more does nothing; what was added since is sent.
        self.assertEqual(self.send(0)[0]["records"], 3)
        with open(self.file, "a", encoding="utf-8") as f:
            f.write(json.dumps(self.envelope(4)))       # without a line feed
        self.assertEqual(self.send(0)[0]["records"], 4)
        self.assertEqual(self.released() - before, 4)
        text = run(*self.words(json_too=False))[1]
        self.assertEqual(text, f"4 records: 4 taken (0 held), 0 refused, 0 not sent; results in {self.file}.results\n")

    def test_what_is_refused_and_what_is_not_sent(self):
        self.write([self.envelope(1), self.envelope(2, good=False), "[1]", "{\"key\":7}", "{\"a\":", self.envelope(3, key="k"),
                    self.envelope(4, key="k"), self.envelope(5)])
        done, _ = self.send(3, "--vkey", f"{self.node.folder}/audit.vkey")
        self.assertEqual((done["released"], done["refused"], done["not_sent"], done["complete"]), (3, 2, 3, True))
        got = self.results()
        self.assertEqual([r["status"] for r in got], [201, 422, None, None, None, 201, 422, 201])
        self.assertIn("exchange", got[1])
        self.assertEqual(got[1]["problem"]["status"], 422)
        self.assertEqual(got[6]["problem"]["type"], "/problems/key-reused")
        self.assertEqual(got[2], {"line": 3, "status": None, "problem": {"title": "is not a JSON object"}})
        self.assertEqual(self.send(3)[0], done)

    def start(self, *more, **options):
        return subprocess.Popen(self.words(*more), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)

    def done_lines(self):
        try:
            return json.loads(read(f"{self.file}.state"))["lines"]
        except (OSError, ValueError):
            return 0

    def each_once(self, before, count):
        got = self.results()
        self.assertEqual([r["line"] for r in got], list(range(1, count + 1)))
        self.assertEqual({r["status"] for r in got}, {201})
        self.assertEqual(len({r["exchange"] for r in got}), count)
        self.assertEqual(self.released() - before, count)

    def test_killed_again_and_again(self):
        before, count, kills = self.released(), 4000, 0
        self.write(self.envelope(n % 900) for n in range(count))
        while kills < 6:
            at = self.done_lines()
            process = self.start()
            # Between two syncs as well: after some time, not after a number.
            wait_for(lambda: self.done_lines() > at or process.poll() is not None, 30, 0.01)
            time.sleep(0.05 * kills)
            process.send_signal(signal.SIGKILL)
            process.communicate()
            kills += 1
            if self.done_lines() == count:
                break
        self.send(0, "--vkey", f"{self.node.folder}/audit.vkey")
        self.each_once(before, count)
        print(f"{kills} kills, {count} records, each once")

    def test_the_gateway_goes_down_meanwhile(self):
        before, count = self.released(), 3000
        self.write(self.envelope(n % 900) for n in range(count))
        process = self.start()
        for how in (signal.SIGTERM, signal.SIGKILL):
            at = self.done_lines()
            wait_for(lambda: self.done_lines() > at or process.poll() is not None, 30, 0.01)
            self.node.stop(how)
            time.sleep(0.5)
            self.node.start()
        out, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 0, err)
        self.assertEqual(json.loads(out)["released"], count)
        self.each_once(before, count)

    def test_rates_are_kept_to(self):
        path = f"{self.node.folder}/partners/north-feed.json"
        doc, before = json.loads(read(path)), self.released()
        try:
            write(path, json.dumps({**doc, "rates": {"records_per_second": 40}}))
            self.node.ctl("reload")
            self.write(self.envelope(n) for n in range(130))
            began = time.monotonic()
            self.send(0)
            self.assertGreater(time.monotonic() - began, 1.5)
            self.each_once(before, 130)
            write(path, json.dumps({**doc, "rates": {"records_per_day": 10}}))
            self.node.ctl("reload")
            self.file += ".day"
            self.write(self.envelope(n) for n in range(300))
            done, err = self.send(1, "--patience", "2")
            self.assertEqual(done["complete"], False)
            self.assertRegex(err, "rate-limited: Too many requests; try again later. It wants to be left alone for [0-9]+ s: run this again then")
        finally:
            write(path, json.dumps(doc))
            self.node.ctl("reload")
        self.send(0)
        self.assertEqual([r["line"] for r in self.results()], list(range(1, 301)))
        self.assertEqual(self.released() - before, 430)

    def test_a_pipe_and_what_comes_slowly(self):
        state, self.file = f"{self.world.folder}/pipe.state", f"{self.world.folder}/pipe"
        words = self.words("--state", state, "--results", f"{self.file}.results", file="-")
        process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for n in range(3):
            process.stdin.write(json.dumps(self.envelope(n)) + "\n" + '{"purpose":')     # and half of the next
            process.stdin.flush()
            # Its result is there before the next line is whole.
            wait_for(lambda: os.path.exists(state) and len(self.results()) == 2 * n + 1, 10)
            process.stdin.write("0}\n")
            process.stdin.flush()
            wait_for(lambda: len(self.results()) == 2 * n + 2, 10)
        process.stdin.close()
        self.assertEqual((process.wait(30), json.loads(process.stdout.read())["records"]), (3, 6))
        process.stdout.close()
        self.assertEqual(run(*self.words(file="-"), ok=False)[0], 2)

    def test_a_terminal_shows_how_far_it_is(self):
        self.write(self.envelope(n % 900) for n in range(1500))
        ours, theirs = pty.openpty()
        process = subprocess.Popen(self.words(), stdout=subprocess.PIPE, stderr=theirs)
        os.close(theirs)
        shown = b""
        while select.select([ours], [], [], 30)[0]:
            try:
                shown += os.read(ours, 65536)
            except OSError:
                break
        os.close(ours)
        process.communicate()
        self.assertEqual(process.returncode, 0)
        self.assertRegex(shown.decode(), r"\[#*\.+\] [0-9]+/1500  [0-9]+ records/s  ETA 0:00:[0-9]{2}")
        self.assertTrue(shown.endswith(b"\r\x1b[K"))

    def test_what_it_does_not_begin_with(self):
        self.write([self.envelope(1)])
        self.send(0)
        # Another agreement, other records, a receipt of another log, results that are gone.
        status, _, err = run(GATEWAYCTL, "send", "--connection", self.connection, "--agreement", "other", self.file, ok=False)
        self.assertEqual((status, "is of a run under another agreement" in err), (1, True))
        self.write([self.envelope(2)])
        status, _, err = run(*self.words(), ok=False)
        self.assertEqual((status, "the first 1 lines are not those that were sent before" in err), (1, True), err)
        self.write([])
        status, _, err = run(*self.words(), ok=False)
        self.assertEqual((status, "the records end before what was sent of them" in err), (1, True), err)
        self.write([self.envelope(1)])
        os.truncate(f"{self.file}.results", 1)
        status, _, err = run(*self.words(), ok=False)
        self.assertEqual((status, "is shorter than its state file says" in err), (1, True), err)
        os.unlink(f"{self.file}.state")
        status, _, err = run(*self.words(), ok=False)
        self.assertEqual((status, "is there without the state file" in err), (1, True), err)
        os.unlink(f"{self.file}.results")
        status, _, err = run(*self.words("--vkey", f"{self.world.north.folder}/audit.vkey"), ok=False)
        self.assertEqual(status, 4, err)
        self.assertEqual(run(GATEWAYCTL, "send", self.file, ok=False)[0], 2)

    def test_what_the_gateway_does_not_take_at_all(self):
        self.write(self.envelope(n) for n in range(6))
        words = [GATEWAYCTL, "send", "--connection", self.connection, "--agreement", "groups", self.file]
        status, _, err = run(*words, ok=False)
        self.assertEqual((status, "413, batch-bounded: A k-guard" in err, "--batch" in err), (1, True, True), err)
        self.assertEqual(self.results(), [])
        # In batches of six each nationality is there more than twice; one more line alone is too few.
        self.assertEqual(run(*words, "--batch", "6")[0], 0)
        self.write(self.envelope(n) for n in range(7))
        self.assertEqual(run(*words, "--batch", "6", ok=False)[0], 3)
        self.assertEqual([r["status"] for r in self.results()], [201] * 6 + [403])

    def test_who_is_not_let_in(self):
        self.write([self.envelope(1)])
        stranger = self.world.authority.leaf("stranger", "spiffe://north.example/stranger")
        words = [GATEWAYCTL, "send", "--connection", self.connection, "--agreement", "pax", self.file]
        status, _, err = run(*words, "--certificate", stranger[0], "--key", stranger[1], ok=False)
        self.assertEqual((status, "partner-unknown" in err), (1, True), err)
        # An address where nobody is: not for as long as one waits for a gateway that was there.
        began = time.monotonic()
        status, _, err = run(*words, "--url", f"https://{self.node.host}:1", "--resolve", f"{self.node.host}:1:127.0.0.1", ok=False)
        self.assertEqual(status, 5, err)
        self.assertLess(time.monotonic() - began, 10)


if __name__ == "__main__":
    unittest.main()
