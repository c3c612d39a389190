"""What random agreements mean, through two real gateways: records under agreements of test/meaning are posted to north, and
what arrives in the inbox of south's system is what meaning.py says, byte for byte; what it refuses or holds never does."""

import os
import re
import sys
import unittest

import agreements
from check_exchange import leaf_of
from world import ROOT, World, read, wait_for, write

sys.path.insert(0, f"{ROOT}/test/meaning")
import jsontext  # noqa: E402
import meaning  # noqa: E402
import random_world  # noqa: E402
import run as comparison  # noqa: E402

AGREEMENTS, RECORDS = 12, 5
DATES = {"effective_from": -1, "sunset": 365}
STATUS = {"released": (201,), "released-transformed": (201,), "held": (202,), "refused": (403, 422, 503)}


def in_force(doc):
    """The same agreement, with dates around today."""
    doc.update({name: agreements.instant(days) for name, days in DATES.items()})
    doc["review"]["next"] = doc["assessment"]["next_review"] = agreements.instant(200)
    doc["assessment"]["approved_at"] = agreements.instant(-10)
    doc["algorithms"][0]["expires"] = agreements.instant(3000)
    for x in doc["exceptions"]:
        x["expires"] = agreements.instant(300)
    return doc


class Sample:
    """Worlds that load beside no floor, under one overlay that narrows each of them."""

    def __init__(self, seed):
        self.worlds, self.overlay, n = [], {"version": "1", "rules": []}, 0
        while len(self.worlds) < AGREEMENTS:
            w = random_world.make(f"{seed}/{n}", RECORDS, f"m{n}")
            in_force(w["agreement"])
            w["floor"] = None
            for e in w["envelopes"]:
                e.pop("onward_of", None)        # nothing has come to north
            own = [{**o, "id": f"m{n}-{o['id']}", "agreement": f"m{n}"} for o in (w["overlay"] or {}).get("rules", [])]
            w["overlay"] = {"version": "1", "rules": own}
            n += 1
            try:
                found = meaning.load(w["agreement"], None, w["overlay"], w["schemas"], b"0" * 32)
            except meaning.Fault:
                continue
            if any(meaning.decide(found, e).outcome.startswith("released") for e in w["envelopes"]):
                self.worlds.append(w)
                self.overlay["rules"] += own


class Meaning(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.seed = int(os.environ.get("SEED", 1))
        cls.sample = Sample(cls.seed)
        cls.world = w = World()
        cls.addClassCleanup(w.close)
        for n in w.nodes:
            for place in cls.sample.worlds:
                for name, schema in place["schemas"].items():
                    write(f"{n.folder}/schemas/{place['agreement']['id']}-{name}.json", random_world.text_of(schema))
        for place in cls.sample.worlds:
            w.agreement(place["agreement"])
        w.north.change(overlay="overlay.json")
        cls.without_idle_rules(w.north)
        w.start()
        cls.north, cls.south = w.client("north"), w.client("south")
        cls.secret = bytes.fromhex(read(f"{w.north.folder}/keys/pseudonym.key"))

    @classmethod
    def without_idle_rules(cls, node):
        """The overlay without the rules of which the gateway says that they narrow nothing: the second opinion goes on without
        that advice, and so tries whether it is right."""
        path = f"{node.folder}/overlay.json"
        write(path, jsontext.spelled(cls.sample.overlay))
        said = "".join(node.check()[1:])
        idle = {int(i) for i in re.findall(r"overlay\.json:\d+:\d+: /rules/(\d+): narrows nothing", said)}
        rules = [r for i, r in enumerate(cls.sample.overlay["rules"]) if i not in idle]
        write(path, jsontext.spelled({**cls.sample.overlay, "rules": rules}))

    def arrived(self, n):
        """Record and its bytes' surroundings by the digest that south noted, of everything in the inbox."""
        items, after = {}, 0

        def more():
            nonlocal after
            status, _, body = self.south.request("GET", f"/v1/inbox?after={after}")
            self.assertEqual(status, 200)
            for item in jsontext.parse(body.decode())["items"]:
                after = max(after, int(item["id"].text))
                if item["kind"] == "record":
                    shown = self.world.south.ask("exchange", "show", item["exchange"])
                    items[shown["entry"]["input"]] = item["record"], item["caveats"], body.decode()
            return len(items) >= n
        wait_for(more, seconds=30)
        return items

    def test_what_arrives_is_what_was_agreed(self):
        due, counts = [], {}
        for w in self.sample.worlds:
            agreement = meaning.load(w["agreement"], None, w["overlay"], w["schemas"], self.secret)
            for i, envelope in enumerate(w["envelopes"]):
                expected = meaning.decide(agreement, envelope)
                status, answer = self.north.post(w["agreement"]["id"], jsontext.spelled(envelope))
                where = f"seed {self.seed}, {w['agreement']['id']}, envelope {i}: {expected.outcome} {sorted(expected.reasons)}"
                self.assertIn(status, STATUS[expected.outcome], f"{where}: {answer}")
                counts[expected.outcome] = counts.get(expected.outcome, 0) + 1
                if status == 201:
                    self.assertEqual(answer["outcome"], expected.outcome, where)
                    due.append((leaf_of(answer["receipt"])["output"], expected.record, expected.caveats, where))
        arrived = self.arrived(len(due))
        self.assertEqual(set(arrived), {digest for digest, *_ in due})
        for digest, expected, caveats, where in due:
            record, came, body = arrived[digest]
            self.assertEqual(caveats, came, where)
            self.assertTrue(comparison.matches(expected, record, {}),
                            f"{where}: {comparison.shown(expected)}, and {jsontext.canonical(record)} arrived")
            self.assertIn(jsontext.canonical(record), body, where)
        print(f"{AGREEMENTS} agreements, {sum(counts.values())} records over two gateways: {len(due)} arrived, as was agreed; "
              + ", ".join(f"{n} {o}" for o, n in sorted(counts.items())) + f" (seed {self.seed})")


if __name__ == "__main__":
    unittest.main()
