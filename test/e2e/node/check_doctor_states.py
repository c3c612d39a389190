"""Each state in which gatewayctl doctor finds fault, set up on two running nodes: the line that names it, and the exit status."""

import json
import os
import re
import shutil
import sqlite3
import stat
import struct
import subprocess
import sys
import unittest

import agreements
import check_foreign_reader
import check_space
from moved_clock import MovedClock
from set_up_rows import crl
from check_witness import audit_option
from world import GATEWAYCTL, ROOT, World, read, run, sanitized, wait_for, write

DAY = 86400


class States(unittest.TestCase):
    def begin(self, moved_clock=False, days=400, start=True, agreement=None):
        self.world = w = World(days=days, moved_clock=moved_clock)
        self.addCleanup(w.close)
        self.north, self.south = w.north, w.south
        for node in w.nodes:
            audit_option(node, witness_every_s=1)
        schema = agreements.digest_of(f"{ROOT}/schema/records/passenger.schema.json")
        w.agreement(agreements.passenger(digest=schema, **(agreement or {})))
        if start:
            w.start()

    def look(self, node=None, wrap=(), program=GATEWAYCTL):
        """Exit status and lines."""
        status, out, _ = run(*wrap, program, "-c", (node or self.south).config, "doctor", ok=False)
        return status, out.splitlines()

    def says(self, verdict, check, words, **options):
        """That a line names the state, and that the exit status is at least what it is worth; what it says of others is theirs."""
        status, lines = self.look(**options)
        self.assertTrue(any(re.match(rf"{verdict} +{check} +.*{words}", line) for line in lines), f"{verdict} {check} {words}: {lines}")
        worst = max(("ok", "warning", "fault").index(line.split()[0]) for line in lines)
        self.assertEqual(status, worst, lines)
        self.assertGreaterEqual(status, ("ok", "warning", "fault").index(verdict))

    def soon(self, verdict, check, words, **options):
        """The same once the node has noticed."""
        wait_for(lambda: any(re.match(rf"{verdict} +{check} +.*{words}", line) for line in self.look(**options)[1]))
        self.says(verdict, check, words, **options)

    def post(self, agency="north", n=1, status=201):
        got, answer = self.world.client(agency).post("pax", agreements.envelope(agreements.passenger_record(n)))
        self.assertEqual(got, status, answer)
        return answer.get("exchange")

    def well(self, **options):
        """All is well but what the test leaves: then a state that is said was not said before."""
        self.south.ctl("store", "rehearsed")
        keeper = f"{self.world.folder}/keeper"
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "9", "-subj", "/CN=keeper",
            "-keyout", f"{keeper}.key", "-out", f"{keeper}.pem")
        self.south.ctl("store", "backup", "--certificate", f"{keeper}.pem", f"{self.world.folder}/safe")
        self.soon("ok", "partners", "reached it at", **options)
        status, lines = self.look(**options)
        self.assertEqual(status, 0, [l for l in lines if not l.startswith("ok")])

    # --- the machine and the set-up ---

    def test_set_up_and_disks(self):
        self.begin()
        self.well()
        folder = self.south.folder
        for path, mode, words in ((f"{folder}/keys", 0o755, "/keys"), (f"{folder}/tls/gateway.key", 0o644, "gateway.key")):
            was = stat.S_IMODE(os.stat(path).st_mode)
            os.chmod(path, mode)
            self.says("fault", "set-up", words)
            os.chmod(path, was)
        path = f"{folder}/partners/north-gateway.json"
        text = read(path)
        write(path, text.replace('"roles"', '"rolls"'))
        self.says("fault", "set-up", r"/rolls: the schema knows no such member here; did you mean \"roles\"")
        write(path, text)

    @unittest.skipIf(sanitized(), "the sanitizer wants to be loaded first")
    def test_room_on_disks(self):
        """Of a file system whose 5 % are 195 MiB."""
        self.begin()
        self.well()
        path = f"{self.world.folder}/free"
        wrap = ("env", f"LD_PRELOAD={check_space.library()}", f"FREE_SPACE={path}")
        for mib, verdict, words in ((1000, "ok", "1000 MiB are free"),
                                    (300, "warning", "300 MiB are free, and from 195 on no new record is taken; make room"),
                                    (150, "fault", "150 MiB are free, and 195 are to stay so: no new record is taken; make room")):
            with open(path, "wb") as f:
                f.write(struct.pack("=q", mib * check_space.MIB))
            self.says(verdict, "space", words, wrap=wrap)

    def test_certificates_and_lists(self):
        self.begin()
        self.well()
        tls = json.loads(read(self.south.config))["tls"]
        authority = f"{self.world.folder}/ca/ca"
        self.south.change(tls={**tls, "revocations": "tls/list.crl"})
        for days, verdict, words in ((-1, "fault", "is past its next update, .*; fetch the list of that authority and reload"),
                                     (7, "ok", "the next list is due in 16[78] hours")):
            crl(self.south, authority, f"{self.south.folder}/tls/list.crl", days)
            self.says(verdict, "revocations", words)
        later = MovedClock(f"{self.world.folder}/later")
        later.move(int(6.5 * DAY))
        self.says("warning", "revocations", "the next list is due in 1[12] hours; fetch it and reload", wrap=later.wrap)
        os.unlink(f"{self.south.folder}/tls/list.crl")
        self.says("fault", "revocations|set-up", "list.crl")
        self.south.change(tls=tls)
        # The world's certificates live for 390 days.
        later.move(368 * DAY)
        self.says("warning", "certificates", "the gateway's certificate expires in 1\\d days", wrap=later.wrap)
        later.move(20 * DAY)
        self.says("fault", "certificates", "the gateway's certificate expired at ", wrap=later.wrap)

    # --- what comes due: the person's clock ---

    def test_what_comes_due(self):
        self.begin(start=False, agreement={"consent": {"withdrawals": "north"}})
        path = f"{self.south.folder}/documents/withdrawals.json"
        write(path, json.dumps({"document": "withdrawals", "agreement": "pax", "issuer": "north", "number": 1, "issued": agreements.instant(-1),
                                "next_update": agreements.instant(5), "salt": "5a" * 32, "withdrawn": []}))
        self.world.sign(path, ("north",))
        self.world.start()
        self.says("warning", "backup", "the last backup of the store: never yet; gatewayctl store backup")
        self.says("warning", "rehearsal", "the last rehearsal of a restore: never yet; restore a backup")
        self.well()
        later = MovedClock(f"{self.world.folder}/later")
        # Days from now, and what is said then that was not before.
        for days, rows in ((4.5, (("warning", "documents", "the next withdrawals of north in 0 days; have it issued"),)),
                           (6, (("fault", "documents", "the next withdrawals of north was due [01] days ago"),
                                ("warning", "partners", "north-gateway: its clock and this one are 5\\d{5} s apart"))),
                           (9, (("warning", "backup", "the last backup of the store: 9 days ago, and 7 are the most"),)),
                           (80, (("warning", "agreements", "agreement pax: review of its impact assessment in 1\\d days; hold it"),)),
                           (180, (("warning", "agreements", "agreement pax: review in 1\\d days; hold the review"),
                                  ("fault", "agreements", "agreement pax: review of its impact assessment was due \\d+ days ago"))),
                           (340, (("warning", "agreements", "agreement pax: sunset in 2\\d days; have a new version signed"),
                                  ("fault", "agreements", "agreement pax: review was due 1\\d\\d days ago"))),
                           (370, (("fault", "agreements", "agreement pax: sunset was due \\d days ago"),
                                  ("warning", "rehearsal", "the last rehearsal of a restore: 370 days ago, and 365 are the most")))):
            later.move(int(days * DAY) - later.seconds)
            for row in rows:
                self.says(*row, wrap=later.wrap)

    def test_a_version_whose_place_another_took(self):
        """It stays where it is for what was decided by it, and nobody has to review it any more."""
        self.begin(agreement={"review": {"interval": "P1Y", "next": agreements.instant(5)}})
        self.says("warning", "agreements", "agreement pax: review in 4 days")
        schema = agreements.digest_of(f"{ROOT}/schema/records/passenger.schema.json")
        self.world.agreement(agreements.passenger(digest=schema, version="2", effective_from=agreements.instant(-0.5), supersedes={
            "digest": agreements.digest_of(f"{self.world.folder}/pax.json"), "grace_until": agreements.instant(3)}), name="pax-2")
        lines = self.look()[1]
        self.assertTrue(any(re.match("ok +agreements +agreement pax: version 1 was replaced by another", line) for line in lines), lines)
        self.assertFalse(any("review in 4 days" in line for line in lines), lines)

    # --- the daemon's own ---

    def test_daemon(self):
        self.begin()
        self.well()
        self.south.ctl("drain")
        self.says("warning", "daemon", "is draining: no new record is taken; gatewayctl drain off ends that")
        self.south.ctl("drain", "off")
        # gatewayctl of another build, which is all that tells them apart.
        own = self.south.ask("status")["build"].encode()
        other = f"{self.world.folder}/gatewayctl"
        with open(GATEWAYCTL, "rb") as f:
            program = f.read()
        self.assertIn(own + b"\0", program)
        with open(other, "wb") as f:
            f.write(program.replace(own + b"\0", b"x" * len(own) + b"\0"))
        os.chmod(other, 0o755)
        self.says("warning", "daemon", "serves build .*, and gatewayctl is x+; restart the daemon if it was changed", program=other)
        self.south.stop()
        self.says("fault", "daemon", "start it, and look at its log")

    def test_clock_that_is_not_confirmed(self):
        self.begin(moved_clock=True, start=False)
        for node in self.world.nodes:      # nobody confirms it
            for name in os.listdir(f"{node.folder}/partners"):
                path = f"{node.folder}/partners/{name}"
                doc = json.loads(read(path)) if name.endswith(".json") else {}
                if doc.get("audit", {}).pop("witness_vkey", None):
                    write(path, json.dumps(doc))
        self.south.start()
        self.says("warning", "clock", "nobody confirms it: no witness has cosigned and no timestamp was had")
        self.south.stop()
        self.world.clock.move(5 * DAY)
        self.south.start()
        self.says("fault", "clock", "more than 72 hours.*: nothing is erased; set the clock right, or have it confirmed", wrap=self.world.wrap)

    def test_store(self):
        self.begin()
        self.well()
        # A program that holds an old state of it.
        self.south.change(space={"write_ahead_mib": 64})
        self.south.ctl("reload")
        reader = subprocess.Popen([sys.executable, "-c", check_foreign_reader.READER, f"{self.south.folder}/store/gatewayd.db"],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            reader.stdout.readline()
            client, record = self.world.client("south"), agreements.passenger_record(1)
            record["travellers"] *= 90
            for _ in range(2000):
                client.post("pax", agreements.envelope(record))
                if self.south.ask("status")["store"]["write_ahead_held"]:
                    break
            self.says("warning", "store", f"another program \\(process {reader.pid}\\) keeps its write-ahead log")
        finally:
            reader.kill()
            reader.communicate()
        # A payload that was altered on the disk.
        self.post(n=2)
        wait_for(lambda: self.world.client("south").inbox()["items"])
        self.south.stop()
        db = sqlite3.connect(f"{self.south.folder}/store/gatewayd.db")
        self.assertGreater(db.execute("UPDATE payload SET sealed = CAST(substr(sealed, 1, 60) || x'00' || substr(sealed, 62) AS BLOB) "
                                      "WHERE seq = (SELECT max(seq) FROM inbox)").rowcount, 0)
        db.commit()
        db.close()
        audit_option(self.south, rebuild_every_s=1)
        self.south.start()
        self.soon("fault", "store", "1 payloads are damaged; gatewayctl store check names them")

    def test_duties_and_what_waits(self):
        self.begin(moved_clock=True, agreement={"retention": {"payload": "P28D", "copy": "P1Y", "mask": "PT1M", "receipt_within": "PT5M",
                                                              "at_end": "erase", "mask_pointers": ["/itinerary"]}})
        clock, north = self.world.clock, {"node": self.north, "wrap": self.world.wrap}
        self.says("ok", "duties", "none is overdue", **north)
        self.post()
        for item in wait_for(lambda: self.world.client("south").inbox()["items"]):
            self.assertEqual(self.world.client("south").ack(item["id"])[0], 200)
        clock.move(90)
        wait_for(lambda: self.north.ctl("retention", "run", ok=False) and self.south.ctl("retention", "run", ok=False) and
                 any(i["kind"] == "mask" for i in self.world.client("south").inbox()["items"]))
        clock.move(3600)
        for node in self.world.nodes:
            node.ctl("retention", "run", ok=False)
        # The recipient's gateway knows first.
        self.soon("fault", "duties", "1 duties are overdue; gatewayctl retention overdue lists them", wrap=self.world.wrap)
        self.assertEqual([d["duty"] for d in self.south.ask("retention", "overdue")], ["mask"])
        # A partner that is away, and the time after which a record has failed.
        self.south.stop()
        self.north.change(delivery={"first_retry_ms": 100, "longest_retry_ms": 1000, "deadline": "PT1H"})
        self.north.ctl("reload")
        self.says("fault", "partners", "south-gateway is not reached at gw.south.example:", **north)
        self.post(n=2)
        self.soon("warning", "waiting", "1 .* wait for south: ", **north)
        clock.move(2 * 3600)
        self.soon("fault", "waiting", "1 .* to south are past their deadline .*; gatewayctl outbox shows them: retry or expire", **north)

    # --- partners and witnesses ---

    def test_a_witness_that_is_silent(self):
        self.begin(start=False)
        audit_option(self.north, witness_silence_s=1)
        self.world.start()
        self.soon("ok", "witnesses", "none is silent", node=self.north)
        self.south.stop()
        self.post()
        self.soon("warning", "witnesses", "1 owe a cosignature for too long; the log names them, and why", node=self.north)

    def changed(self, node, partner, change):
        """One partner file with `change` made to it, taken by that node; returns what puts it back."""
        path = f"{node.folder}/partners/{partner}.json"
        text = read(path)
        doc = json.loads(text)
        change(doc)
        write(path, json.dumps(doc))
        node.ctl("reload")

        def back():
            write(path, text)
            node.ctl("reload")
        return back

    def test_partners(self):
        self.begin()
        self.well()
        third = run(GATEWAYCTL, "init", "--agency", "west", "--node", "gw1", "--host", "gw.west.example", "--listen", "127.0.0.1:8443",
                    f"{self.world.folder}/west")
        self.assertEqual(third[0], 0)
        host = self.south.host
        other = read(f"{self.world.folder}/west/audit.vkey").strip()
        rows = (
            # whose file, of whom, what is wrong in it, what south is told
            (self.north, "south-gateway", lambda d: d["identity"].update(pins=["ab" * 32]), "fault", "north-gateway refuses this gateway with 40[13] "),
            (self.north, "south-gateway", lambda d: d["audit"].update(vkey=other), "fault", f"north-gateway knows another log of this gateway \\({re.escape(other)}\\)"),
            (self.south, "north-gateway", lambda d: d["audit"].update(vkey=other), "fault", "north-gateway has the log .*, and its file another one"),
            (self.south, "north-gateway", lambda d: d["endpoint"].update(port=1), "fault", "north-gateway is not reached at gw.north.example:1"),
        )
        for node, partner, change, verdict, words in rows:
            back = self.changed(node, partner, change)
            self.says(verdict, "partners", words)
            back()
            self.soon("ok", "partners", "north-gateway answers, knows this gateway as south-gateway")
        # A line of hosts with a tab, as the gateway itself reads it.
        write(f"{self.south.folder}/hosts", f"127.0.0.1\t{self.north.host}\n127.0.0.1\t{host}\n")
        self.says("ok", "partners", "north-gateway answers")

    def test_the_way_back(self):
        """North has an address of this gateway at which nobody is."""
        self.begin(start=False)
        path = f"{self.north.folder}/partners/south-gateway.json"
        doc = json.loads(read(path))
        doc["endpoint"]["port"] = 1
        write(path, json.dumps(doc))
        self.world.start()
        words = "north-gateway answers, and has not reached this gateway itself {}; look at the way back \\(its endpoint of this gateway is gw.south.example:{}"
        self.says("warning", "partners", words.format("yet", "1,"))
        doc["endpoint"]["port"] = self.south.port
        write(path, json.dumps(doc))
        self.north.ctl("reload")
        self.soon("ok", "partners", "reached it at")

    def test_nobody_to_ask(self):
        self.begin(start=False)
        os.unlink(f"{self.south.folder}/partners/north-gateway.json")
        for name in os.listdir(f"{self.south.folder}/agreements"):
            os.unlink(f"{self.south.folder}/agreements/{name}")
        self.south.start()
        self.says("warning", "partners", "no partner's gateway could be asked")


if __name__ == "__main__":
    unittest.main()
