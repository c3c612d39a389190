"""Metrics: both text forms, what they count, what they never say; and the alerts of doc/prometheus-rules.yaml with the document
that says what to do. promtool, of Debian's package prometheus, judges where it is installed."""

import json
import os
import re
import shutil
import subprocess
import unittest
import urllib.request

import openmetrics
from world import ROOT, World, preset, read, wait_for

# As Prometheus 2.42 asks.
PROMETHEUS = ("application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
              "text/plain;version=0.0.4;q=0.5,*/*;q=0.1")
STAGES = ["read", "decide", "queue", "commit", "answer", "request", "delivery"]
RULES = f"{ROOT}/doc/prometheus-rules.yaml"


def promtool(test, *words, **options):
    if not shutil.which("promtool"):
        test.skipTest("promtool is not installed (Debian package prometheus)")
    return subprocess.run(["promtool", *words], capture_output=True, text=True, timeout=60, check=False, **options)


def envelope(name="released"):
    return json.loads(read(f"{ROOT}/conf/records/pnr/{name}.json"))


def scrape(node, accept):
    request = urllib.request.Request(f"http://127.0.0.1:{node.monitor}/metrics", headers={"Accept": accept} if accept else {})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.headers["content-type"], answer.read().decode()


def leaves(value):
    """Every scalar of a record, as text."""
    if isinstance(value, dict):
        return [leaf for v in value.values() for leaf in leaves(v)]
    if isinstance(value, list):
        return [leaf for v in value for leaf in leaves(v)]
    return [str(value)]


class Metrics(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = World()
        cls.world.agreement(preset("pnr"))
        cls.world.agreement({**preset("pnr"), "id": "pnr-unused"})
        cls.world.start()
        north, south = cls.world.client("north"), cls.world.client("south")
        assert north.post("pnr", envelope(), key="one")[0] == 201
        assert north.post("pnr", envelope(), key="one")[0] == 201
        assert north.post("pnr", envelope("refused-purpose-not-permitted"))[0] == 403
        assert north.post("no-such-agreement", envelope())[0] == 404
        wait_for(lambda: south.inbox()["items"])
        wait_for(lambda: 'witness_lag_entries 0' in scrape(cls.world.north, None)[1])

    @classmethod
    def tearDownClass(cls):
        cls.world.close()

    def test_promtool_has_no_finding(self):
        for node in self.world.nodes:
            done = promtool(self, "check", "metrics", input=scrape(node, None)[1])
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))

    def test_the_form_that_is_asked_for(self):
        for accept, open_ in ((PROMETHEUS, True), ("application/openmetrics-text", True), (None, False), ("*/*", False), ("text/plain", False),
                              ("application/openmetrics-text;version=0.0.1", False), ("application/openmetrics-text;q=0", False),
                              ("application/openmetrics-text;q=0.4, text/plain;q=0.5", False)):
            media, text = scrape(self.world.north, accept)
            self.assertEqual(media, "application/openmetrics-text; version=1.0.0; charset=utf-8" if open_
                             else "text/plain; version=0.0.4; charset=utf-8", accept)
            self.assertEqual(text.endswith("# EOF\n"), open_, accept)

    def test_both_forms_have_the_same_samples(self):
        _, text = scrape(self.world.north, PROMETHEUS)
        classic = {line.rsplit(" ", 1)[0] for line in scrape(self.world.north, None)[1].splitlines() if not line.startswith("#")}
        self.assertEqual(classic, {line.rsplit(" ", 1)[0] for line in text.splitlines() if not line.startswith("#")})

    def test_what_is_counted(self):
        families = openmetrics.parse(scrape(self.world.north, PROMETHEUS)[1])
        found = openmetrics.values(families)
        for outcome, n in (("released", 0), ("released-transformed", 1), ("held", 0), ("refused", 1), ("replayed", 1)):
            self.assertEqual(found["gatewayd_outcomes_total", (("agreement", "pnr"), ("outcome", outcome))], n, outcome)
            self.assertEqual(found["gatewayd_outcomes_total", (("agreement", "pnr-unused"), ("outcome", outcome))], 0, outcome)
        self.assertEqual(found["gatewayd_outcomes_total", (("agreement", ""), ("outcome", "refused"))], 1)
        for stage, least in zip(STAGES, (4, 4, 3, 3, 4, 4, 1)):
            self.assertGreaterEqual(found["gatewayd_stage_duration_seconds_count", (("stage", stage),)], least, stage)
        self.assertEqual([dict(labels)["stage"] for name, labels in families["gatewayd_stage_duration_seconds"].samples if name.endswith("_sum")], STAGES)
        self.assertEqual([dict(labels)["place"] for _, labels in families["gatewayd_disk_free_bytes"].samples], ["store", "keys", "mirror", "anchor"])
        for name in ("certificate_expires_seconds", "witness_lag_entries", "budget_limit_bytes", "queue_jobs", "start_time_seconds"):
            self.assertIn((f"gatewayd_{name}", ()), found)
        for family in families.values():
            self.assertTrue(family.help and family.help.endswith("."), family.name)
            self.assertEqual(family.unit, next((u for u in ("seconds", "bytes") if family.name.endswith(f"_{u}")), None), family.name)

    def test_labels_are_of_the_configuration(self):
        """Agreements, agencies, and words of the gateway's own."""
        allowed = {"agreement": {"", "pnr", "pnr-unused"}, "recipient": {"south"}, "stage": set(STAGES), "place": {"store", "keys", "mirror", "anchor"},
                   "outcome": {"released", "released-transformed", "held", "refused", "replayed"}, "what": {"deliveries", "notices"}}
        for (_, labels) in openmetrics.values(openmetrics.parse(scrape(self.world.north, PROMETHEUS)[1])):
            for name, value in labels:
                self.assertIn(name, {*allowed, "event", "reason", "version", "le"})
                self.assertIn(value, allowed.get(name, {value}), name)

    def test_no_value_of_a_record_and_no_case(self):
        sent = envelope()
        secrets = {v for v in leaves(sent["record"]) + [sent["case"]] if len(v) > 6}
        self.assertGreater(len(secrets), 10)
        for node in self.world.nodes:
            for accept in (PROMETHEUS, None):
                text = scrape(node, accept)[1]
                self.assertEqual([v for v in secrets if v in text], [])

    def test_every_alert_looks_at_what_is_there(self):
        """A metric that only comes with what it is about may be missing: it is told of here."""
        later = {"gatewayd_timestamp_latest_seconds", "gatewayd_revocation_due_seconds", "gatewayd_waiting", "gatewayd_failed"}
        there = {name for name, _ in openmetrics.values(openmetrics.parse(scrape(self.world.north, PROMETHEUS)[1]))}
        asked = set(re.findall(r"gatewayd_\w+", " ".join(re.findall(r"expr: (.*)", read(RULES)))))
        self.assertGreater(len(asked), 20)
        self.assertEqual(asked - there - later, set())


class Rules(unittest.TestCase):
    def test_promtool_takes_the_rules(self):
        done = promtool(self, "check", "rules", RULES)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_each_alert_comes_with_its_cause_and_not_before(self):
        done = promtool(self, "test", "rules", f"{ROOT}/doc/prometheus-rules.test.yaml")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        tested = re.findall(r"alertname: (\w+)", read(f"{ROOT}/doc/prometheus-rules.test.yaml"))
        self.assertEqual(sorted(tested), sorted(2 * re.findall(r"alert: (\w+)", read(RULES))))

    def test_each_alert_names_a_heading_that_is_there(self):
        alerts, runbooks = re.findall(r"alert: (\w+)", read(RULES)), re.findall(r"runbook: (\S+)", read(RULES))
        self.assertEqual(len(alerts), len(runbooks))
        for alert, where in zip(alerts, runbooks):
            path, anchor = where.split("#")
            text = read(os.path.join(ROOT, path))
            # As GitHub makes them: lower case, punctuation gone, hyphens for spaces.
            anchors = {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-"): h for h in re.findall(r"^#+ (.*)$", text, re.M)}
            self.assertIn(anchor, anchors, alert)
            self.assertIn(f"## {anchors[anchor]}\n`{alert}`, ", text)


class Reader(unittest.TestCase):
    """The reader of this test takes no more than the grammar does."""

    def test_what_it_takes(self):
        text = '# TYPE a_seconds gauge\n# UNIT a_seconds seconds\n# HELP a_seconds As \\"it\\" is.\na_seconds{x="\\\\\\n"} 1.5\n# EOF\n'
        self.assertEqual(openmetrics.values(openmetrics.parse(text)), {("a_seconds", (("x", "\\\n"),)): 1.5})

    def test_what_it_refuses(self):
        histogram = '# TYPE h histogram\nh_bucket{le="1.0"} 2\nh_bucket{le="+Inf"} 3\nh_count 3\nh_sum 1.0\n'
        openmetrics.parse(histogram + "# EOF\n")
        for bad in ("a 1\n", "# EOF\n# EOF\n", "# TYPE a gauge\na 1\n# EOF\n# TYPE b gauge\n", "a 1\n# EOF\n",
                    "# TYPE a gauge\na 1\na 1\n# EOF\n", "# TYPE a gauge\na  1\n# EOF\n", "# TYPE a counter\na 1\n# EOF\n",
                    "# TYPE a counter\na_total -1\n# EOF\n", "# TYPE a gauge\n# UNIT a seconds\na 1\n# EOF\n", "# TYPE a gauge\n# TYPE a gauge\n# EOF\n",
                    "# TYPE a gauge\na 1\n# HELP a Late.\n# EOF\n", "# TYPE a gauge\na 1\n# TYPE b gauge\nb 1\n# TYPE a gauge\n# EOF\n",
                    '# TYPE a gauge\na{x="1",x="2"} 1\n# EOF\n', '# TYPE a gauge\na{x="1} 1\n# EOF\n', "# TYPE a info\na_info 2\n# EOF\n",
                    '# TYPE a gauge\n# HELP a An "a".\na 1\n# EOF\n', "# comment\n# EOF\n",
                    histogram.replace("h_count 3", "h_count 4") + "# EOF\n", histogram.replace('"+Inf"', '"2.0"') + "# EOF\n",
                    histogram.replace('"1.0"} 2', '"1.0"} 4') + "# EOF\n", histogram.replace('"1.0"', '"1"') + "# EOF\n"):
            with self.assertRaises(openmetrics.Malformed, msg=bad):
                openmetrics.parse(bad)


if __name__ == "__main__":
    unittest.main()
