"""A gateway's TLS key is renewed after its partners were told by a signed statement: `partner pins` here, `partner pins-apply` there. Two
running nodes exchange records all the while, and none is refused; what is not the partner's own word is not taken."""

import http.client
import itertools
import json
import os
import shutil
import threading
import unittest

import agreements
from set_up_rows import Maker
from two_nodes import files
from world import GATEWAYCTL, GATEWAYD, ROOT, World, read, run, wait_for, write


def pins_of(node, partner="south-gateway"):
    return json.loads(read(f"{node.folder}/partners/{partner}.json"))["identity"]["pins"]


def pin_of(certificate):
    return json.loads(run(GATEWAYCTL, "pin", certificate)[1])["pins"][0]


class Pins(unittest.TestCase):
    def setUp(self):
        self.world = World()
        self.addCleanup(self.world.close)
        self.north, self.south = self.world.north, self.world.south
        self.maker = Maker(self.world, f"{self.world.folder}/maker")
        shutil.copy(f"{self.south.folder}/tls/gateway.key", f"{self.maker.folder}/good.key")
        self.old = pin_of(f"{self.south.folder}/tls/gateway.pem")

    def told(self, name, *more, node=None, signer=None, ok=True):
        """A statement of south's (or another node's) pins; returns its path without the ending."""
        node = node or self.south
        cert, key = signer or self.world.signers[node.agency]
        out = f"{self.world.folder}/{name}"
        status, text, err = node.ctl("partner", "pins", "--cert", cert, "--key", key, *more, out, ok=ok)
        return out if ok else (status, text + err)

    def apply(self, out, ok=True, node=None):
        status, text, err = (node or self.north).ctl("partner", "pins-apply", f"{out}.json", f"{out}.p7s", ok=ok)
        return text if ok else (status, err)

    def resigned(self, name, signer=None, **members):
        """What `name` says with other members, signed by south's signer or another, as openssl makes it."""
        doc = {**json.loads(read(f"{self.world.folder}/{name}.json")), **members}
        out = f"{self.world.folder}/other"
        write(f"{out}.json", json.dumps({k: v for k, v in doc.items() if v is not None}))
        cert, key = signer or self.world.signers["south"]
        run("openssl", "cms", "-sign", "-binary", "-in", f"{out}.json", "-signer", cert, "-inkey", key, "-md", "sha256", "-outform", "PEM",
            "-out", f"{out}.p7s")
        return out

    def refused(self, why, out):
        before = files(f"{self.north.folder}")
        status, err = self.apply(out, ok=False)
        self.assertEqual(status, 3, err)
        self.assertRegex(err, why)
        self.assertIn("nothing was changed", err)
        self.assertEqual(files(f"{self.north.folder}"), before)

    # --- the whole way, under load ---

    def test_a_key_is_renewed_and_no_delivery_is_refused(self):
        schema = agreements.digest_of(f"{ROOT}/schema/records/passenger.schema.json")
        self.world.agreement(agreements.passenger(digest=schema))
        self.world.start()
        sent, failed, stop = [], [], threading.Event()

        def send(agency, node):
            client = self.world.client(agency)
            for n in itertools.count():
                try:
                    status, answer = client.post("pax", agreements.envelope(agreements.passenger_record(n)))
                    (sent if status == 201 else failed).append((node, answer.get("exchange")))
                    failed.extend(item for item in node.ask("outbox") if item["last_error"])
                except (OSError, http.client.HTTPException, AssertionError) as e:
                    failed.append(e)
                if stop.wait(0.05):
                    break
            client.close()
        threads = [threading.Thread(target=send, args=(n.agency, n)) for n in (self.north, self.south)]
        for t in threads:
            t.start()
        try:
            def more(n=6):
                """As many again from each side."""
                targets = {node: sum(1 for of, _ in sent if of is node) + n for node in (self.north, self.south)}
                wait_for(lambda: failed or all(sum(1 for of, _ in sent if of is node) >= t for node, t in targets.items()))
            more()
            pair = self.maker.gateway("new", kind="P-384")
            said = self.apply(self.told("first", "--next", pair[0], "--number", "1"))
            self.assertRegex(said, rf"written, number 1 of south, issued .*\n +current +{self.old} .*\n +next +{pin_of(pair[0])} .* \(new here\)\n")
            self.assertEqual(pins_of(self.north), [self.old, pin_of(pair[0])])
            self.north.ctl("reload")
            more()
            self.maker.install(pair)
            self.south.ctl("reload")
            more()
            # Every connection anew, so that it is the new key that is judged.
            for node in (self.north, self.south):
                wait_for(lambda node=node: node.ask("outbox") == [] or failed)
            out = self.told("second", "--number", "2")
            self.assertNotIn("next", json.loads(read(f"{out}.json")))
            self.assertRegex(self.apply(out), rf"\n +current +{pin_of(pair[0])} .*\n +gone +{self.old}\n")
            self.assertEqual(pins_of(self.north), [pin_of(pair[0])])
            self.north.ctl("reload")
            more()
        finally:
            stop.set()
            for t in threads:
                t.join()
        for node in (self.north, self.south):
            wait_for(lambda node=node: node.ask("outbox") == [])
        self.assertEqual(failed, [])
        for node, exchange in sent:
            self.assertEqual(node.ask("exchange", "show", exchange)["exchange"]["state"], "delivered")
        self.assertIn("key-change", {e["operation"] for e in self.north.entries()})
        # Across a start of both, so that no connection of before is left.
        for node in (self.north, self.south):
            node.stop()
        self.world.start()
        status, answer = self.world.client("north").post("pax", agreements.envelope(agreements.passenger_record(7)))
        self.assertEqual(status, 201)
        wait_for(lambda: self.north.ask("exchange", "show", answer["exchange"])["exchange"]["state"] == "delivered")
        # The other way round: a key of which nobody was told does not deliver.
        self.maker.install(self.maker.gateway("untold", kind="P-256"))
        self.south.stop()
        self.south.start()
        self.world.client("north").post("pax", agreements.envelope(agreements.passenger_record(8)))
        wait_for(lambda: any(item["last_error"] for item in self.north.ask("outbox")))

    # --- what is not taken ---

    def test_what_is_not_the_partners_word_is_refused(self):
        new = self.maker.gateway("new", kind="P-384")[0]
        good = self.told("good", "--next", new, "--number", "5")
        doc = json.loads(read(f"{good}.json"))
        run(GATEWAYCTL, "schema", "validate", "--format", f"{ROOT}/schema/pins.schema.json", f"{good}.json")
        key = lambda pin, after="2099-01-01T00:00:00Z": {"pin": pin, "not_before": "2026-01-01T00:00:00Z", "not_after": after}
        # Signed by another, or by nobody.
        self.refused("it must be of who signs for south", self.resigned("good", self.world.signers["north"]))
        self.refused("it must be of who signs for south", self.resigned("good", self.world.authority.leaf("stranger", "spiffe://south.example/signer", "emailProtection")))
        out = self.resigned("good")
        write(f"{out}.json", read(f"{out}.json").replace('"number": 5', '"number": 6'))
        self.refused("it must be of who signs for south", out)
        write(f"{out}.p7s", "no signature")
        self.refused("it must be of who signs for south", out)
        self.refused("names another signer", self.resigned("good", by="0" * 64))
        # Another's, or nobody's.
        self.refused("of a gateway that no partner file is about", self.resigned("good", agency="west"))
        self.refused("of a gateway that no partner file is about", self.resigned("good", uri="spiffe://gw.south.example/gateway/gw2"))
        self.refused("this agency's own", self.told("own", node=self.north))
        # What it says.
        self.refused("is no statement of a gateway's pins", self.resigned("good", document="epochs"))
        self.refused("/current: .*not_after.*is missing", self.resigned("good", current={"pin": self.old, "not_before": doc["issued"]}))
        self.refused("issued in the future", self.resigned("good", issued="2099-01-01T00:00:00Z"))
        self.refused("has expired", self.resigned("good", current=key(self.old, "2026-01-02T00:00:00Z")))
        self.refused("has expired", self.resigned("good", next=key(pin_of(new), "2026-01-02T00:00:00Z")))
        self.refused("the same key as current and next", self.resigned("good", next=key(self.old)))
        self.refused("this gateway's own key", self.resigned("good", next=key(pin_of(f"{self.north.folder}/tls/gateway.pem"))))
        self.refused("a key that is pinned for north-system", self.resigned("good", next=key(pin_of(self.world.systems["north"][0]))))
        # Numbers grow.
        self.apply(good)
        before = files(self.north.folder)
        self.assertIn("says so already", self.apply(good))
        self.assertEqual(files(self.north.folder), before)
        self.refused("number 4, and 5 was taken already", self.resigned("good", number=4))
        self.refused("the number of another statement", self.resigned("good", next=None))
        path = f"{self.north.folder}/partners/south-gateway.json"
        changed = json.loads(read(path))
        changed["identity"]["pins"].pop()
        write(path, json.dumps(changed))
        self.refused("other keys were pinned since", good)
        self.assertEqual(json.loads(self.north.ctl("-o", "json", "partner", "pins-apply", *(f"{self.resigned('good', number=6)}{e}"
                                                                                        for e in (".json", ".p7s")))[1])["gone"], [])
        # A signer whose certificate has ended, though it signed while it held.
        cert, private = self.world.signers["south"]
        late = f"{self.maker.folder}/late"
        self.maker.issue(late, private, self.world.authority, "/CN=signer", "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n"
                         "extendedKeyUsage=emailProtection\nsubjectAltName=URI:spiffe://south.example/signer\n", past=True)
        shutil.copy(f"{late}.pem", f"{self.north.folder}/partners/signer-south.pem")
        out = self.resigned("good", number=7)
        run("faketime", "30 days ago", "openssl", "cms", "-sign", "-binary", "-in", f"{out}.json", "-signer", f"{late}.pem", "-inkey", private,
            "-md", "sha256", "-outform", "PEM", "-out", f"{out}.p7s")
        self.refused("does not hold now", out)
        # Nobody signs for it here.
        changed = json.loads(read(path))
        del changed["signers"]
        write(path, json.dumps(changed))
        self.refused("no signing certificate of south is pinned here", good)
        write(path, "{")
        self.assertRegex(self.apply(good, ok=False)[1], "does not load: mend it first")
        self.assertEqual(self.north.ctl("partner", "pins-apply", f"{good}.json", ok=False)[0], 2)
        self.assertEqual(self.north.ctl("partner", "pins-apply", f"{good}.json", f"{good}.none", ok=False)[0], 1)

    def test_what_partners_would_refuse_is_not_stated(self):
        pair = self.maker.gateway("new", kind="P-384")
        rows = (
            (("--next", f"{self.south.folder}/tls/gateway.pem"), None, "has the key of the gateway's certificate"),
            (("--next", self.maker.gateway("uri", kind="P-256", names=f"URI:spiffe://{self.south.host}/gateway/gw2,DNS:{self.south.host}")[0]),
             None, "another URI"),
            (("--next", self.maker.gateway("uses", kind="P-256", usage="serverAuth")[0]), None, "not for servers and clients both"),
            (("--next", self.maker.gateway("expired", kind="P-256", past=True)[0]), None, "has expired"),
            (("--next", f"{self.world.folder}/none.pem"), None, "none.pem"),
            ((), self.world.signers["north"], "is none of the signers of south"),
        )
        for words, signer, why in rows:
            status, err = self.told("bad", *words, signer=signer, ok=False)
            self.assertEqual(status, 1, err)
            self.assertIn(why, err)
            self.assertEqual([f for f in os.listdir(self.world.folder) if f.startswith("bad.")], [])
        self.assertEqual(self.told("bad", "--number", "0", ok=False)[0], 2)
        self.assertEqual(self.south.ctl("partner", "pins", f"{self.world.folder}/bad", ok=False)[0], 2)
        cert, private = self.world.signers["south"]
        late = f"{self.maker.folder}/late"
        self.maker.issue(late, private, self.world.authority, "/CN=signer", "extendedKeyUsage=emailProtection\n"
                         "subjectAltName=URI:spiffe://south.example/signer\n", past=True)
        self.assertIn("is not valid now", self.told("bad", signer=(f"{late}.pem", private), ok=False)[1])
        out = self.told("twice", "--next", pair[0])
        self.assertIn("twice.json", self.told("twice", "--next", pair[0], ok=False)[1])
        # The instant of its issue; and a partner's file keeps it.
        number = json.loads(read(f"{out}.json"))["number"]
        self.assertGreater(number, 1_700_000_000_000)
        self.apply(out)
        self.assertEqual(json.loads(read(f"{self.north.folder}/partners/south-gateway.json"))["pins_stated"]["number"], number)
        self.assertEqual(run(GATEWAYD, "-c", self.north.config, "-t")[0], 0)
        self.south.ctl("partner", "export", f"{self.world.folder}/south.partner")
        digits = self.south.ctl("partner", "export", f"{self.world.folder}/again.partner")[1]
        self.assertNotIn("pins_stated", read(f"{self.world.folder}/south.partner"))
        digits = digits.split("fingerprint ")[1].splitlines()[0]
        self.north.ctl("partner", "add", "--replace", "--fingerprint", digits, f"{self.world.folder}/again.partner")
        self.assertEqual(json.loads(read(f"{self.north.folder}/partners/south-gateway.json"))["pins_stated"]["number"], number)


if __name__ == "__main__":
    unittest.main()
