"""gatewayctl inbox against an inbox of the tests' own: what it lists, writes, acknowledges and refuses."""

import json
import os
import shutil
import stat
import subprocess
import tempfile
import unittest

from fake_inbox import Inbox
from world import GATEWAYCTL, Authority, run, wait_for, write

X = ["0192f000-0000-7000-8000-00000000000%d" % i for i in range(10)]
RECORD = '{"name":"Made Up","n":12345678901234567890.5000,"text":"\\u00e9 \\/","list":[1,2]}'


class Commands(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="gw")
        cls.addClassCleanup(shutil.rmtree, cls.folder, True)
        cls.authority = ca = Authority(f"{cls.folder}/ca")
        cls.system = ca.leaf("system", "spiffe://south.example/system")
        cls.server = ca.server("gw.south.example")

    def setUp(self):
        self.inbox = Inbox(*self.server, self.authority.cert)
        self.addCleanup(self.inbox.close)
        self.to = tempfile.mkdtemp(dir=self.folder)
        self.connection = {"--url": f"https://gw.south.example:{self.inbox.port}", "--certificate": self.system[0],
                           "--key": self.system[1], "--authority": self.authority.cert,
                           "--resolve": f"gw.south.example:{self.inbox.port}:127.0.0.1"}

    def words(self, command, json_output=False):
        options = [w for pair in self.connection.items() for w in pair]
        return [GATEWAYCTL, *(["-o", "json"] if json_output else []), "inbox", command, *options]

    def ctl(self, command, *words, status=0, json_output=False, **options):
        got, out, err = run(*self.words(command, json_output), *words, ok=False, **options)
        self.assertEqual(got, status, (out, err))
        return out, err

    def fill(self):
        self.inbox.put("record", X[1], agreement="pax", erase_by="2027-11-28T06:00:00Z", record=RECORD)
        self.inbox.put("erase", X[2], agreement="pax", own_reference="R-\u20ac\u009b7", due="2026-12-01T00:00:00Z", escalated=2, why="term")
        self.inbox.put("correction", X[3], agreement="pax", corrects=X[1], version=2, record=RECORD)

    def test_list_shows_what_waits_and_changes_nothing(self):
        self.fill()
        out, _ = self.ctl("list")
        lines = out.splitlines()
        self.assertEqual([l.split()[:3] for l in lines[1:]], [["1", "record", X[1]], ["2", "erase", X[2]], ["3", "correction", X[3]]])
        self.assertIn("2026-12-01T00:00:00Z", lines[2])
        self.assertNotIn("Made Up", out)
        self.assertIn("R-?????7", lines[2], "nothing that a terminal would act on")
        self.assertEqual(self.inbox.acks, {})
        out, _ = self.ctl("list", "--after", "1", json_output=True)
        items = [json.loads(l) for l in out.splitlines()]
        self.assertEqual([i["id"] for i in items], [2, 3])
        self.assertEqual(items[0]["escalated"], 2)
        self.assertNotIn("record", items[1])
        self.assertNotIn("salt", items[1])

    def test_fetch_writes_each_item_as_it_came(self):
        self.fill()
        write(f"{self.to}/.1.new", "left by a run that was killed")
        out, _ = self.ctl("fetch", self.to)
        self.assertEqual(out, "3 fetched, 0 acknowledged, 1 duties\n")
        self.assertEqual(sorted(os.listdir(self.to)), ["1.json", "2.json", "3.json"])
        for number in (1, 2, 3):
            path = f"{self.to}/{number}.json"
            self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
            with open(path, encoding="utf-8") as f:
                self.assertEqual(f.read(), self.inbox.items[number])
        self.assertEqual(self.inbox.acks, {})

    def test_fetch_acknowledges_records_and_no_duty(self):
        self.fill()
        out, err = self.ctl("fetch", "--ack", self.to, json_output=True)
        self.assertEqual(json.loads(out), {"fetched": 3, "acknowledged": 2, "duties": 1})
        self.assertIn("1 duties were not acknowledged", err)
        self.assertEqual(self.inbox.acks, {1: "", 3: ""})
        # a duty that escalated replaces its file
        self.inbox.items[2] = self.inbox.items[2].replace('"escalated":2', '"escalated":3')
        self.ctl("fetch", self.to)
        with open(f"{self.to}/2.json", encoding="utf-8") as f:
            self.assertEqual(json.load(f)["escalated"], 3)

    def test_fetch_acknowledges_nothing_that_it_could_not_write(self):
        self.fill()
        os.mkdir(f"{self.to}/1.json")
        out, err = self.ctl("fetch", "--ack", self.to, status=1)
        self.assertIn("cannot rename", err)
        self.assertEqual(out, "0 fetched, 0 acknowledged, 0 duties\n")
        self.assertEqual(self.inbox.acks, {})
        # A new folder is its owner's alone; one in a folder that is not there is not made.
        new = f"{self.to}/new"
        self.assertIn("3 fetched, 0 acknowledged", self.ctl("fetch", new)[0])
        self.assertEqual(os.stat(new).st_mode & 0o777, 0o700)
        self.assertIn("cannot open", self.ctl("fetch", f"{self.to}/no/where", status=1)[1])

    def test_ack_says_what_came_of_it(self):
        self.fill()
        out, _ = self.ctl("ack", "--reference", 'R "1"', "1")
        self.assertEqual(out, "acknowledged\n")
        self.assertEqual(json.loads(self.inbox.acks[1]), {"reference": 'R "1"'})
        self.assertEqual(self.ctl("ack", "1")[0], "was acknowledged before; nothing changed\n")
        self.assertEqual(json.loads(self.ctl("ack", "--result", "erased", "2", json_output=True)[0])["first"], True)
        self.assertEqual(self.inbox.acks[2], '{"result":"erased"}')
        review, notify = self.inbox.put("review", X[1], due="2026-12-01T00:00:00Z"), self.inbox.put("notify", X[1])
        self.assertIn("envelope-invalid", self.ctl("ack", "--result", "kept", str(review), status=1)[1])
        self.ctl("ack", "--result", "kept", "--reason", "trial goes on", str(review))
        self.assertEqual(json.loads(self.inbox.acks[review]), {"result": "kept", "reason": "trial goes on"})
        self.ctl("ack", "--result", "delayed", "--ground", "inquiry", "--until", "2027-01-01T00:00:00Z", str(notify))
        self.assertEqual(json.loads(self.inbox.acks[notify]), {"result": "delayed", "ground": "inquiry", "until": "2027-01-01T00:00:00Z"})
        self.assertIn("not-found", self.ctl("ack", "99", status=1)[1])

    def test_ack_returns_a_record_byte_for_byte(self):
        self.fill()
        self.ctl("fetch", "--ack", self.to)
        back = self.inbox.put("return", X[1])
        self.ctl("ack", "--result", "returned", "--returned", f"{self.to}/1.json", str(back))
        self.assertEqual(self.inbox.acks[back], '{"result":"returned","salt":"' + "5a" * 16 + f'","record":{RECORD}}}')
        self.assertIn("is no fetched record", self.ctl("ack", "--result", "returned", "--returned", f"{self.to}/2.json", "2", status=1)[1])

    def test_wrong_use(self):
        for command, *words in (("list", "extra"), ("list", "--every", "3"), ("list", "--after", "-1"), ("fetch",), ("ack",), ("ack", "0"),
                                ("ack", "../1"), ("follow", "--every", "0"), ("follow", "--ack"), ("list", "--ack"),
                                ("ack", "--until", "tomorrow", "1"), ("ack", "--unknown", "1")):
            self.ctl(command, *words, status=2)
        self.ctl("ack", "--reason", "x" * 5000, "1", status=1)
        self.assertEqual(self.inbox.requests, [])

    def test_a_connection_comes_from_options_then_environment_then_a_file(self):
        self.fill()
        names = {"--url": "url", "--certificate": "certificate", "--key": "key", "--authority": "authority", "--resolve": "resolve"}
        full = {names[k]: v for k, v in self.connection.items()}
        shutil.copy(self.system[0], f"{self.to}/beside.pem")
        path = f"{self.to}/connection.json"
        write(path, json.dumps({**full, "certificate": "beside.pem", "url": "https://gw.south.example:1"}))
        clean = {k: v for k, v in os.environ.items() if not k.startswith("GATEWAY_")}
        self.connection = {}
        self.ctl("list", status=1, env=clean)
        self.ctl("list", "--connection", path, status=5, env=clean)
        self.ctl("list", env={**clean, "GATEWAY_CONNECTION": path, "GATEWAY_URL": full["url"]})
        self.ctl("list", "--url", full["url"], env={**clean, "GATEWAY_CONNECTION": path, "GATEWAY_URL": "https://gw.south.example:1"})
        for bad in ({**full, "more": "1"}, {**full, "key": 1}, [full]):
            write(path, json.dumps(bad))
            self.assertIn("connection.json", self.ctl("list", "--connection", path, status=1, env=clean)[1])

    def test_a_gateway_that_is_away_or_answers_nonsense(self):
        self.fill()
        for text in ("[]", '{"items":[],"next":-1}', '{"items":{},"next":0}', '{"items":[1],"next":1}', '{"items":[{"id":1}],"next":1}',
                     '{"items":[{"id":"../1","kind":"record"}],"next":1}', '{"items":[{"id":1,"kind":"record"}],"next":0}', "{"):
            self.inbox.busy = [(200, text, {})]
            self.ctl("fetch", self.to, status=1)
        self.assertEqual(os.listdir(self.to), [])
        self.inbox.busy = [(403, '{"type":"/problems/role-denied","title":"\\u001b]0;x"}', {})]
        self.assertIn("403, role-denied: The role of this certificate does not permit this.", self.ctl("list", status=1)[1])
        self.inbox.busy = [(502, "<html>", {})]
        self.assertIn("the gateway answered 502", self.ctl("list", status=5)[1])
        self.inbox.busy = [(404, '{"type":"/problems/of-tomorrow"}', {})]
        self.assertIn("404, a problem that this version does not know", self.ctl("list", status=1)[1])
        self.inbox.busy = [(200, '{"id":2,"acknowledged":true}', {})]
        self.ctl("ack", "1", status=1)
        self.inbox.busy = [(429, "{}", {"retry-after": "1"})]
        self.assertEqual(len(self.ctl("list")[0].splitlines()), 4)
        self.connection["--url"] = "https://gw.south.example:1"
        self.ctl("list", status=5)

    def test_follow_shows_what_comes_and_outlasts_a_gateway_that_is_away(self):
        self.fill()
        with open(f"{self.to}/err", "wb") as err:
            follower = subprocess.Popen([*self.words("follow", True), "--every", "1"], stdout=subprocess.PIPE, stderr=err, text=True)
        try:
            self.assertEqual([json.loads(follower.stdout.readline())["id"] for _ in range(3)], [1, 2, 3])
            asked = len(self.inbox.requests)
            self.inbox.busy = [(503, "{}", {})]
            wait_for(lambda: len(self.inbox.requests) > asked + 1)
            self.inbox.put("mask", X[4], pointers=["/name"])
            self.assertEqual(json.loads(follower.stdout.readline())["pointers"], ["/name"])
            self.inbox.busy = [(403, "{}", {})]
            self.assertEqual(follower.wait(20), 1)
        finally:
            follower.kill()
            follower.wait()
            follower.stdout.close()
