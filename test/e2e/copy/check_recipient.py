"""doc/recipient.py against an inbox of the tests' own: what it keeps, what it does for each duty, and that it may be
killed at any step."""

import importlib.util
import json
import os
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import tempfile
import time
import unittest

from fake_inbox import Inbox
from world import IN_MEMORY, ROOT, Authority, run

PATH = f"{ROOT}/doc/recipient.py"
spec = importlib.util.spec_from_file_location("recipient", PATH)
recipient = importlib.util.module_from_spec(spec)
spec.loader.exec_module(recipient)

X = ["0192f000-0000-7000-8000-00000000000%d" % i for i in range(10)]
RECORD = '{"name":"CANARY-7","n":12345678901234567890.5000,"text":"\\u00e9 \\/","list":[{"a":1,"b":2},{"a":[3,{}]}],"a/b":0}'


class Killed(BaseException):
    """Stands for the end of the process: nothing of the program handles it."""


class Recipient(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="gw", dir=IN_MEMORY)
        cls.addClassCleanup(shutil.rmtree, cls.folder, True)
        cls.authority = ca = Authority(f"{cls.folder}/ca")
        cls.system = ca.leaf("system", "spiffe://south.example/system")
        cls.server = ca.server("gw.south.example")

    def setUp(self):
        self.inbox = Inbox(*self.server, self.authority.cert)
        self.addCleanup(self.inbox.close)
        self.db = f"{tempfile.mkdtemp(dir=self.folder)}/records.db"

    def words(self, *more):
        return ["--url", f"https://gw.south.example:{self.inbox.port}", "--certificate", self.system[0], "--key", self.system[1],
                "--authority", self.authority.cert, "--address", "127.0.0.1", *more, self.db]

    def once(self, *more, status=0):
        """Runs it as a user would; returns what it said on standard error."""
        got, out, err = run(sys.executable, PATH, *self.words("--once", *more), ok=False)
        self.assertEqual((got, out), (status, ""), err)
        return err

    def rows(self, columns="exchange, reference, version, state, record"):
        db = sqlite3.connect(self.db)
        try:
            return db.execute(f"SELECT {columns} FROM record ORDER BY number").fetchall()
        finally:
            db.close()

    def told(self, number):
        return json.loads(self.inbox.acks[number])

    def nothing_waits(self):
        self.assertEqual(self.inbox.waiting(), [])
        db = sqlite3.connect(self.db)
        self.assertEqual(db.execute("SELECT * FROM answer").fetchall(), [])
        db.close()

    def put_record(self, n=1, **more):
        return self.inbox.put("record", X[n], agreement="pax", erase_by="2027-11-28T06:00:00Z", record=RECORD, **more)

    def test_keeps_records_as_they_came(self):
        for n in (1, 2, 3):
            self.put_record(n)
        self.once()
        self.nothing_waits()
        self.assertEqual(self.rows(), [(X[n], f"R-00000{n}", 1, "kept", RECORD) for n in (1, 2, 3)])
        self.assertEqual(self.rows("agreement, erase_by, salt")[0], ("pax", "2027-11-28T06:00:00Z", "5a" * 16))
        self.assertEqual([self.told(n) for n in (1, 2, 3)], [{"reference": f"R-00000{n}"} for n in (1, 2, 3)])
        self.assertEqual(stat.S_IMODE(os.stat(self.db).st_mode), 0o600)

    def test_masks_in_place(self):
        self.put_record()
        duty = self.inbox.put("mask", X[1], pointers=["/list/*/a", "/list/1", "/a~1b", "/nowhere", "/name/x"])
        self.once()
        self.assertEqual(self.told(duty), {"result": "masked"})
        masked = '{"name":"CANARY-7","n":12345678901234567890.5000,"text":"\\u00e9 \\/","list":[{"a":null,"b":2},null],"a/b":null}'
        self.assertEqual(self.rows("state, record"), [("masked", masked)])
        self.nothing_waits()

    def test_masks_json_of_any_spacing(self):
        self.assertEqual(recipient.mask(' { "a" : [ 1 , { "b" : "x" } ] , "c" : { } , "d":[]} ', ["/a/*/b", "/c", "/d/*"]),
                         ' { "a" : [ 1 , { "b" : null } ] , "c" : null , "d":[]} ')
        self.assertEqual(recipient.mask('{"*":1,"b":2}', ["/*"]), '{"*":null,"b":null}')
        self.assertEqual(recipient.mask("[1,2]", [""]), "null")

    def test_erases_and_leaves_no_byte(self):
        self.put_record()
        self.once()
        with open(self.db, "rb") as f:
            self.assertIn(b"CANARY-7", f.read())
        duties = [self.inbox.put("erase", X[1]), self.inbox.put("recall", X[1]), self.inbox.put("erase", X[2]), self.inbox.put("mask", X[1], pointers=[])]
        self.once()
        self.assertEqual([self.told(d)["result"] for d in duties], ["erased", "erased", "not-found", "not-found"])
        self.assertEqual(self.rows("state, record, salt"), [("erased", None, None)])
        for name in os.listdir(os.path.dirname(self.db)):
            with open(f"{os.path.dirname(self.db)}/{name}", "rb") as f:
                self.assertNotIn(b"CANARY-7", f.read(), name)
        self.nothing_waits()

    def test_reviews_by_its_rule(self):
        self.put_record(1)
        first = self.inbox.put("review", X[1], due="2027-12-01T00:00:00Z")
        self.once("--keep-reviewed", "the trial goes on")
        self.assertEqual(self.told(first), {"result": "kept", "reason": "the trial goes on"})
        self.assertEqual(self.rows("state"), [("kept",)])
        second = self.inbox.put("review", X[1], due="2028-12-01T00:00:00Z")
        self.once()
        self.assertEqual(self.told(second), {"result": "erased"})
        self.assertEqual(self.rows("state, record"), [("erased", None)])

    def test_an_answer_that_comes_too_late_is_given_up(self):
        self.put_record(1)
        late = self.inbox.put("review", X[1], due="2020-12-01T00:00:00Z")
        self.inbox.due_over.add(late)
        self.once("--keep-reviewed", "the trial goes on")
        self.assertNotIn(late, self.inbox.acks)
        del self.inbox.items[late]
        gone = self.inbox.put("notify", X[1])
        self.inbox.busy = [(200, self.inbox.respond("GET", "/v1/inbox?after=0", None)[1], {}), Inbox.problem(404, "not-found")]
        self.once()
        self.assertNotIn(gone, self.inbox.acks)
        self.assertEqual(sqlite3.connect(self.db).execute("SELECT count(*) FROM answer").fetchone(), (0,))

    def test_returns_the_record_byte_for_byte_and_erases_it(self):
        self.put_record()
        duty = self.inbox.put("return", X[1])
        self.once()
        self.assertEqual(self.inbox.acks[duty], '{"result":"returned","salt":"' + "5a" * 16 + f'","record":{RECORD}}}')
        self.assertEqual(self.rows("state, record, salt"), [("returned", None, None)])
        self.nothing_waits()

    def test_a_correction_replaces_and_keeps_the_reference(self):
        self.put_record(1)
        self.put_record(2)
        self.once()
        self.inbox.put("correction", X[3], corrects=X[1], version=2, record='{"name":"right"}')
        self.inbox.put("correction", X[4], corrects=X[3], version=3, record='{"name":"righter"}')
        unknown = self.inbox.put("correction", X[5], corrects=X[9], version=2, record='{"name":"other"}')
        self.once()
        self.assertEqual(self.rows(), [
            (X[1], "R-000001", 1, "corrected", None), (X[2], "R-000002", 1, "kept", RECORD), (X[3], "R-000001", 2, "corrected", None),
            (X[4], "R-000001", 3, "kept", '{"name":"righter"}'), (X[5], "R-000005", 2, "kept", '{"name":"other"}')])
        self.assertEqual(self.told(unknown), {"reference": "R-000005"})
        duty = self.inbox.put("recall", X[1])
        self.once()
        self.assertEqual(self.told(duty), {"result": "erased"})

    def test_tells_people_or_says_why_not_yet(self):
        self.put_record(1)
        first = self.inbox.put("notify", X[1])
        self.once("--delay-notice", "inquiry", "2027-01-01T00:00:00Z")
        self.assertEqual(self.told(first), {"result": "delayed", "ground": "inquiry", "until": "2027-01-01T00:00:00Z"})
        self.assertEqual(self.rows("noticed"), [("delayed",)])
        second = self.inbox.put("notify", X[1])
        self.once()
        self.assertEqual(self.told(second), {"result": "notified"})
        self.assertEqual(self.rows("noticed"), [("notified",)])

    def test_a_bad_one_ignores_duties(self):
        self.put_record(1)
        duty = self.inbox.put("erase", X[1])
        self.once("--ignore-duties")
        self.assertEqual(self.inbox.waiting(), [duty])
        self.assertEqual(self.rows("state"), [("kept",)])

    def test_what_it_does_not_understand_it_leaves_to_people(self):
        self.put_record(1)
        odd = self.inbox.put("transmogrify", X[1])
        after = self.inbox.put("erase", X[1])
        self.assertIn("a duty of a kind that is not known", self.once(status=1))
        self.assertEqual(self.inbox.waiting(), [odd])
        self.assertEqual(self.told(after), {"result": "erased"})

    def test_a_gateway_that_refuses_is_away_or_busy(self):
        self.put_record(1)
        self.inbox.busy = [(200, self.inbox.respond("GET", "/v1/inbox?after=0", None)[1], {}), Inbox.problem(422, "envelope-invalid")]
        self.assertIn("/problems/envelope-invalid", self.once(status=1))
        self.once()
        self.nothing_waits()
        self.inbox.busy = [(503, "{}", {"retry-after": "1"})]
        self.once()
        self.inbox.busy = [(503, "{}", {})]
        self.assertIn("the gateway answered 503", self.once(status=1))
        self.inbox.close()
        self.assertIn("the gateway is not there", self.once(status=1))

    # --- killed ---

    def fill(self):
        """Everything at once; the same work for each run."""
        self.put_record(1), self.put_record(2), self.put_record(3), self.put_record(4)
        self.inbox.put("mask", X[1], pointers=["/name"])
        self.inbox.put("correction", X[5], corrects=X[2], version=2, record='{"name":"right"}')
        self.inbox.put("return", X[3])
        self.inbox.put("erase", X[4])
        self.inbox.put("review", X[5])

    def steps(self, kill_at):
        """One pass in this process, ended at the step of that number: before a statement, before a request is sent, or
        when it was answered and nobody heard. Returns whether it was reached."""
        left = [kill_at]

        def step():
            left[0] -= 1
            if left[0] == 0:
                raise Killed

        class Statements(sqlite3.Connection):
            def execute(self, *a):
                step()
                return super().execute(*a)

        class Heard(recipient.Gateway):
            def request(self, *a):
                step()
                answer = super().request(*a)
                step()
                return answer

        connect, gateway = sqlite3.connect, recipient.Gateway
        recipient.sqlite3.connect = lambda *a, **k: connect(*a, factory=Statements, **k)
        recipient.Gateway = Heard
        try:
            self.assertEqual(recipient.main(self.words("--once")), 0)
        except Killed:
            pass
        finally:
            recipient.sqlite3.connect, recipient.Gateway = connect, gateway
        return left[0] <= 0

    def outcome(self):
        return self.rows(), {n: self.inbox.acks[n] for n in sorted(self.inbox.acks)}

    def test_killed_at_each_step_ends_as_if_it_were_not(self):
        self.fill()
        self.once()
        self.nothing_waits()
        wanted = self.outcome()
        self.assertEqual([r[3] for r in wanted[0]], ["masked", "corrected", "returned", "erased", "erased"])
        kill_at = 0
        while True:
            kill_at += 1
            self.inbox.items, self.inbox.acks = {}, {}
            os.remove(self.db)
            self.fill()
            killed = self.steps(kill_at)
            if not killed:
                break
            self.assertEqual(recipient.main(self.words("--once")), 0)
            self.nothing_waits()
            self.assertEqual(self.outcome(), wanted, f"killed at step {kill_at}")
        self.assertGreater(kill_at, 60)

    def test_killed_by_a_signal_ends_as_if_it_were_not(self):
        self.fill()
        self.once()
        wanted = self.outcome()
        for tries in range(12):
            self.inbox.items, self.inbox.acks = {}, {}
            os.remove(self.db)
            self.fill()
            process = subprocess.Popen([sys.executable, PATH, *self.words("--every", "0.01")], stderr=subprocess.DEVNULL)
            time.sleep(0.08 + 0.02 * tries)
            process.send_signal(signal.SIGKILL)
            process.wait()
            self.once()
            self.nothing_waits()
            self.assertEqual(self.outcome(), wanted)
