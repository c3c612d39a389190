"""Agreements by commands: drafts, and what is signed taken into a node's folders; nothing that is there is replaced. No daemon runs."""

import json
import os
import shutil
import unittest

from two_nodes import TwoNodes, files
from world import GATEWAYCTL, GATEWAYD, ROOT, preset, read, run, write

PRESETS = ("cyber-threat", "fin-intel", "humanitarian", "pnr", "police-request")


class Drafting(TwoNodes):
    def test_each_draft_loads_and_lints_to_what_people_know(self):
        self.take()
        self.take(f"{self.folder}/north.partner", of="south")
        for name in PRESETS:
            path = f"{self.folder}/{name}.json"
            self.ctl("agreement", "new", "--with", "south", "--preset", name, path)
            findings = json.loads(run(GATEWAYCTL, "-o", "json", "agreement", "lint", path, ok=False)[1])
            asked = [f for f in findings if f["rule"] == "fill-in"]
            of_preset = json.loads(run(GATEWAYCTL, "-o", "json", "agreement", "lint", f"{ROOT}/conf/agreements/{name}.json", ok=False)[1])
            self.assertEqual({f["rule"] for f in findings if f["level"] != "note"} - {f["rule"] for f in of_preset}, {"fill-in"})
            self.assertGreater(len(asked), 5)
            text = read(path)
            self.assertEqual(text.count('"FILL IN,'), len(asked))
            for word in ("made up", "Northland", "Southmark", "example"):
                for line in text.split("\n"):
                    self.assertTrue(word not in line or "FILL IN" in line or '"A draft' in line, line)
            parties = json.loads(text)["parties"]
            self.assertEqual([p["name"] for p in parties], ["Agency of the made-up North", "Agency of the made-up South"])
            self.signed(path)
            self.assertIn(f"{name}.md", self.ctl("agreement", "add", path))
            run(GATEWAYCTL, "simulate", path, f"{self.folder}/{name}.ndjson")
        self.assertIn("5 agreements", run(GATEWAYD, "-c", f"{self.folder}/north/gatewayd.json", "-t")[1])

    def test_a_draft_between_other_agencies(self):
        """Names come from the partner files, wherever the example has its own."""
        run(GATEWAYCTL, "init", "--ca", f"{self.folder}/trial", "--agency", "west-1", "--host", "gw.west.example", "--listen",
            "127.0.0.1:8443", "--jurisdiction", "XW", f"{self.folder}/west")
        self.ctl("partner", "export", f"{self.folder}/west.partner", of="west")
        self.take(f"{self.folder}/west.partner")
        self.ctl("agreement", "new", "--with", "west-1", "--preset", "humanitarian", "--id", "aid", f"{self.folder}/aid.json")
        doc = json.loads(read(f"{self.folder}/aid.json"))
        self.assertEqual(doc["id"], "aid")
        self.assertEqual([p["agency"] for p in doc["parties"]], ["north", "west-1"])
        self.assertEqual({f["from"] for f in doc["flows"]} | {f["to"] for f in doc["flows"]}, {"north", "west-1"})
        self.assertIn("seat-west-1-agency", [s["id"] for s in doc["council"]["seats"]])
        self.assertNotIn("south", json.dumps({k: v for k, v in doc.items() if k != "notes"}).lower().replace("southmark", ""))
        self.assertEqual(doc["algorithms"], preset("humanitarian")["algorithms"])

    def test_drafts_are_refused_with_what_to_do(self):
        out = f"{self.folder}/x.json"
        self.assertIn("partner add", self.ctl("agreement", "new", "--with", "south", "--preset", "pnr", out, status=1))
        self.take()
        self.assertIn("own agency", self.ctl("agreement", "new", "--with", "north", "--preset", "pnr", out, status=1))
        self.assertIn("cyber-threat|", self.ctl("agreement", "new", "--with", "south", "--preset", "pn", out, status=2))
        self.ctl("agreement", "new", "--with", "south", out, status=2)
        self.assertFalse(os.path.exists(out))
        self.ctl("agreement", "new", "--with", "south", "--preset", "pnr", out)
        self.ctl("agreement", "new", "--with", "south", "--preset", "pnr", out, status=1)

    def test_what_does_not_load_is_taken_out_again(self):
        self.take()
        path = f"{self.folder}/pnr.json"
        self.ctl("agreement", "new", "--with", "south", "--preset", "pnr", path)
        self.refused("is signed first", "agreement", "add", path, status=1)
        trial = f"{self.folder}/north/trial"
        self.ctl("agreement", "sign", "--cert", f"{trial}/signer.pem", "--key", f"{trial}/signer.key", path)
        self.refused("taken out again", "agreement", "add", path)
        os.remove(f"{path}.p7s")
        self.signed(path)
        self.ctl("agreement", "add", path)
        bent = f"{self.folder}/bent.json"
        write(bent, read(path).replace("P7D", "P8D"))
        shutil.copy(f"{path}.p7s", f"{bent}.p7s")
        self.refused("taken out again", "agreement", "add", bent)
        write(path, "[]")
        self.refused("is no agreement", "agreement", "add", path, status=1)

    def test_an_agreement_takes_no_others_place(self):
        """Versions, and whatever is called the same, lie side by side; a name that no node reads is none."""
        self.take()
        for name in ("pnr", "fin-intel"):
            os.mkdir(f"{self.folder}/{name}")
            path = f"{self.folder}/{name}/agreement.json"
            self.ctl("agreement", "new", "--with", "south", "--preset", name, path)
            self.signed(path)
        one, two = (f"{self.folder}/{name}/agreement.json" for name in ("pnr", "fin-intel"))
        self.ctl("agreement", "add", one)
        self.refused("versions lie side by side", "agreement", "add", two, status=1)
        for suffix in ("", ".p7s"):
            shutil.copy(two + suffix, f"{self.folder}/fin-intel/.hidden.json{suffix}")
        self.refused("give it another name", "agreement", "add", f"{self.folder}/fin-intel/.hidden.json", status=1)
        for suffix in ("", ".p7s"):
            os.rename(two + suffix, f"{self.folder}/fin-intel/fin.json{suffix}")
        self.ctl("agreement", "add", f"{self.folder}/fin-intel/fin.json")
        self.assertEqual(len(os.listdir(f"{self.folder}/north/documents/assessments")), 2)
        before = files(f"{self.folder}/north")
        self.ctl("agreement", "add", one)
        self.assertEqual(files(f"{self.folder}/north"), before)
        self.assertIn("2 agreements", run(GATEWAYD, "-c", f"{self.folder}/north/gatewayd.json", "-t")[1])

    def test_those_who_decide_read_all_of_it(self):
        """No text of an agreement steers the terminal on which it is read, or hides what stands before it."""
        self.take()
        path, next_path = f"{self.folder}/pnr.json", f"{self.folder}/pnr-2.json"
        self.ctl("agreement", "new", "--with", "south", "--preset", "pnr", path)
        doc = json.loads(read(path))
        doc["purposes"][0]["title"] = "first\u202eline of it"
        doc["title"] = "Made up\u009b2J"
        write(next_path, json.dumps(doc))
        for words in (("summary", next_path), ("lint", next_path), ("diff", path, next_path)):
            _, out, err = run(GATEWAYCTL, "-c", f"{self.folder}/north/gatewayd.json", "agreement", *words, ok=False)
            for steers in "\x1b\x9b\u202e":
                self.assertNotIn(steers, out + err, words)
        self.assertIn("Made up??2J", run(GATEWAYCTL, "agreement", "summary", next_path, ok=False)[1])

    def test_a_draft_is_whole_or_not_there(self):
        self.take()
        write(f"{self.folder}/pnr.md", "of somebody else")
        words = ("agreement", "new", "--with", "south", "--preset", "pnr", f"{self.folder}/pnr.json")
        self.assertIn("nothing is overwritten", self.ctl(*words, status=1))
        self.assertFalse(os.path.exists(f"{self.folder}/pnr.json"))
        os.remove(f"{self.folder}/pnr.md")
        self.ctl(*words)
        self.assertIn("--id is", self.ctl(*words[:2], "--id", "../pnr", *words[2:-1], f"{self.folder}/x.json", status=1))


if __name__ == "__main__":
    unittest.main()
