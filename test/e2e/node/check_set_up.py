"""Set-ups that are broken as newcomers break them (broken_set_ups.py): gatewayd -t names each with its place and what to do,
a start refuses it or says the same, and a reload of a running daemon refuses it and leaves what was running."""

import json
import os
import re
import shutil
import subprocess
import time
import unittest

import agreements
import broken_set_ups
from ports import free_port
from set_up_rows import Maker
from world import GATEWAYCTL, GATEWAYD, ROOT, Client, Node, World, read, run, write

ROWS = [r for r in broken_set_ups.ROWS if os.geteuid() == 0 or r["place"] != "/user"]
# What a running daemon has open, or writes.
ITS_OWN = ("store", "log", "anchor", "run", "master", "slots")


def said(row, text):
    """Whether one line has the place and the words."""
    place, words = re.compile(row["place"]), re.compile(row["words"])
    return any(place.search(line) and words.search(line) for line in text.splitlines())


def set_up():
    world = World()
    world.agreement(agreements.passenger(digest=agreements.digest_of(f"{ROOT}/schema/records/passenger.schema.json")))
    maker = Maker(world, f"{world.folder}/maker")
    shutil.copy(f"{world.south.folder}/tls/gateway.key", f"{maker.folder}/good.key")
    return world, maker


class Twin(Node):
    """A node in a copy of another one's folder, which each row breaks anew."""

    def __init__(self, of, folder):                    # pylint: disable=super-init-not-called
        self.__dict__.update(of.__dict__)
        self.folder, self.config, self.log, self.good = folder, f"{folder}/gatewayd.json", f"{folder}.log", of.folder
        self.port, self.monitor = free_port(), free_port()

    def mend(self):
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(self.good, self.folder)
        self.change(listen=[f"127.0.0.1:{self.port}"], monitor=[f"127.0.0.1:{self.monitor}"])


class Refused(unittest.TestCase):
    """-t and a start, over a folder that no daemon has."""

    def setUp(self):
        self.world, self.maker = set_up()
        self.addCleanup(self.world.close)
        self.twin = self.maker.node = Twin(self.world.south, f"{self.world.folder}/twin")

    def start(self, row):
        """Whether a start ends as the row says, with its words; what it said."""
        with open(self.twin.log, "wb") as log:
            process = subprocess.Popen([GATEWAYD, "-c", self.twin.config], stdout=log, stderr=log)
        try:
            deadline = time.monotonic() + 30
            while time.monotonic() < deadline and process.poll() is None:
                if row["start"] is None and said(row, read(self.twin.log)):
                    return True, ""
                time.sleep(0.01)
            text = read(self.twin.log)
            return process.poll() == row["start"] and said(row, text), f"start: {process.poll()}: {text}"
        finally:
            process.terminate()
            process.wait()

    def check(self, row):
        status, out, err = self.twin.check()
        return status == row["check"] and said(row, out + err), f"-t: {status}: {out}{err}"

    def test_every_one_is_named(self):
        self.twin.mend()
        status, out, err = self.twin.check()
        self.assertEqual(status, 0, out + err)
        wrong = []
        for row in ROWS:
            self.twin.mend()
            row["break"](self.twin, self.maker)
            for named, text in (self.check(row), self.start(row)):
                if not named:
                    wrong.append(f"{row['name']}: {text}")
            if self.maker.held:
                self.maker.held.close()
                self.maker.held = None
        print(f"{len(ROWS)} broken set-ups, {len(ROWS) - len({w.split(':')[0] for w in wrong})} named")
        self.assertEqual(wrong, [], "\n".join(wrong))
        self.assertGreaterEqual(len(ROWS), 60)

    @unittest.skipUnless(os.geteuid() == 0, "needs root")
    def test_the_account_that_serves_looks(self):
        """Root may read and write everything: what the account of `user` may not is told all the same."""
        self.twin.mend()
        self.twin.change(user="nobody")
        os.chmod(self.world.folder, 0o755)
        status, out, err = self.twin.check()
        self.assertEqual(status, 78, out + err)
        self.assertRegex(err, r"tls/gateway\.key: cannot open: Permission denied")
        self.assertRegex(err, r"gatewayd\.json:\d+:\d+: /store: .*cannot be written by uid \d+ .*give it to that account")
        done, out, err = run(GATEWAYD, "-c", self.twin.config, ok=False)
        self.assertEqual(done, 78, out + err)
        self.assertRegex(err, r"/store: .*cannot be written by uid \d+ .*give it to that account")

    def test_what_does_nothing_is_told(self):
        """All is well, and yet something does not do what it seems to: -t says it, and a start starts."""
        self.twin.mend()
        partners = f"{self.twin.folder}/partners"
        north = json.loads(read(f"{partners}/north-gateway.json"))
        write(f"{partners}/north-gateway.json", json.dumps({**north, "endpoint": {**north["endpoint"], "host": self.twin.host},
                                                            "rates": {"agreements": {"pxa": {"records_per_day": 5}}}}))
        for doc in ({"id": "nobody", "agency": "south", "jurisdiction": "XS", "roles": ["system"]},
                    {"id": "anna", "agency": "south", "jurisdiction": "XS", "roles": ["officer"], "signers": ["signer-north.pem"]},
                    {"id": "berit", "agency": "south", "jurisdiction": "XS", "roles": ["officer"]},
                    {"id": "office", "agency": "south", "jurisdiction": "XS", "roles": ["supervisor"], "oversees": ["nrth"]}):
            write(f"{partners}/{doc['id']}.json", json.dumps(doc))
        write(f"{self.twin.folder}/hosts", "# made up\n192.0.2.300 gw.north.example\n\ngw.north.example 192.0.2.1\n192.0.2.1\n"
                                           "192.0.2.1 gw.north.example # right\n")
        self.twin.change(resolver={"hosts": "hosts"})
        status, out, err = self.twin.check()
        self.assertEqual(status, 0, out + err)
        for words in ("north-gateway.json: /endpoint/host: is the `host` of this node", "/rates/agreements/pxa: is no agreement of this node",
                      "nobody.json: /identity: is not there", "anna.json: /training_until: is not there", "berit.json: /signers: names no",
                      "office.json: /oversees/0: is no agency", "hosts:2: says nothing", "hosts:4: says nothing", "hosts:5: says nothing"):
            self.assertIn(words, err)
        self.assertNotIn("hosts:6", err)
        self.assertEqual(sum("note:" in line and " expires in " not in line for line in err.splitlines()), 9, err)
        write(f"{partners}/north-gateway.json", json.dumps({m: v for m, v in north.items() if m != "endpoint"}))
        self.assertIn("north-gateway.json: /endpoint: is not there, so nothing is delivered to it", self.twin.check()[2])

    def test_every_error_at_once(self):
        self.twin.mend()
        for name in ("no_certificate_yet", "a_secret_that_others_may_read", "a_partner_with_a_slip", "an_agreement_without_signature",
                     "the_vkey_of_another_node"):
            next(r for r in ROWS if r["name"] == name)["break"](self.twin, self.maker)
        status, _, err = self.twin.check()
        self.assertEqual(status, 78)
        for words in ("gateway.pem: cannot open", "idempotency.key: ", "north-gateway.json:", "pax.json: has no signature", "/audit/vkey: "):
            self.assertIn(words, err)


class Kept(unittest.TestCase):
    """A reload, of one daemon that goes on."""

    def setUp(self):
        self.world, self.maker = set_up()
        self.addCleanup(self.world.close)
        self.south, self.good = self.world.south, f"{self.world.folder}/good"
        shutil.copytree(self.south.folder, self.good)
        self.south.start()
        # By a file of its own, whatever the broken one says of the socket.
        self.way = f"{self.world.folder}/way.json"
        write(self.way, json.dumps({"control": f"{self.south.folder}/run/control.sock"}))

    def reload(self):
        return run(GATEWAYCTL, "-c", self.way, "reload", ok=False)

    def mend(self):
        """All but what the daemon has open."""
        for top, folders, files in os.walk(self.south.folder):
            at = os.path.relpath(top, self.south.folder)
            folders[:] = [f for f in folders if f not in ITS_OWN]
            for name in files:
                if not os.path.exists(f"{self.good}/{at}/{name}") and not name.startswith(ITS_OWN):
                    os.unlink(f"{top}/{name}")
        for top, folders, files in os.walk(self.good):
            at = f"{self.south.folder}/{os.path.relpath(top, self.good)}"
            shutil.copystat(top, at)
            for name in files:
                if not name.startswith(ITS_OWN):
                    shutil.copy2(f"{top}/{name}", f"{at}/{name}")
            folders[:] = [f for f in folders if f not in ITS_OWN]
        os.chmod(f"{self.south.folder}/store", 0o700)

    def certificate(self):
        client = Client(self.world, self.south, *self.world.systems["south"])
        client.connect()
        shown = client.connection.sock.getpeercert(binary_form=True)
        client.close()
        return shown

    def test_every_one_is_refused(self):
        shown = self.certificate()
        wrong, taken = [], 0
        for row in ROWS:
            if row["reload"] is None:
                continue
            taken += 1
            self.mend()
            row["break"](self.south, self.maker)
            status, out, err = self.reload()
            if status != row["reload"] or not said(row, out + err):
                wrong.append(f"{row['name']}: reload: {status}: {out}{err}")
            if self.south.process.poll() is not None or self.south.get_monitor("/livez")[0] != 200:
                wrong.append(f"{row['name']}: no longer serves")
                break
        self.mend()
        print(f"{taken} broken set-ups reloaded, {taken - len({w.split(':')[0] for w in wrong})} told")
        self.assertEqual(wrong, [], "\n".join(wrong))
        self.assertEqual(self.reload()[0], 0)
        self.assertEqual(self.certificate(), shown)

    def test_what_is_taken_at_a_start_only(self):
        self.south.change(store="store/other.db")
        status, _, err = self.reload()
        self.assertEqual(status, 1)
        self.assertRegex(err, r"gatewayd\.json:\d+:\d+: /store: is taken at a start only, and is another now: put it back")
        self.assertIn("nothing was taken: what was running stays", err)
        self.mend()
        self.south.change(listen=[f"127.0.0.1:{free_port()}"], monitor=[])
        status, out, err = self.reload()
        self.assertEqual(out, "reloaded\n")
        for member in ("listen", "monitor"):
            self.assertIn(f"warning: {member}: is taken at a start only; restart the daemon for it", err)


if __name__ == "__main__":
    unittest.main()
