"""gatewayctl doctor on nodes that are well, and on nodes that are not: what it looks at itself. What it finds of the daemon's
answers is judged in test/ctl/check_doctor.c."""

import json
import os
import unittest

import agreements
from world import IN_MEMORY, ROOT, World, read, wait_for


class Doctor(unittest.TestCase):
    def setUp(self):
        self.world = World(days=60)     # certificates live for 50 days
        self.addCleanup(self.world.close)
        self.world.agreement(agreements.passenger(digest=agreements.digest_of(f"{ROOT}/schema/records/passenger.schema.json")))
        self.south, self.north = self.world.south, self.world.north

    def findings(self):
        """Exit status, and (verdict, text) by check."""
        status, out, err = self.south.ctl("-o", "json", "doctor", ok=False)
        doc = json.loads(out or "{}")
        self.assertEqual(status, ["ok", "warning", "fault"].index(doc["verdict"]), err)
        found = {}
        for f in doc["findings"]:
            found.setdefault(f["check"], []).append((f["verdict"], f["text"]))
        return status, found

    def verdicts(self, found):
        return {check: max((v for v, _ in of), key=["ok", "warning", "fault"].index) for check, of in found.items()}

    def test_a_node_that_is_well_and_one_that_is_not(self):
        self.world.start()
        wait_for(lambda: "reached it at" in self.findings()[1]["partners"][0][1])
        self.south.ctl("store", "rehearsed")
        status, found = self.findings()
        verdicts = self.verdicts(found)
        well = {"set-up", "certificates", "revocations", "daemon", "clock", "space", "store", "rehearsal", "witnesses", "partners",
                "agreements", "duties", "waiting"}
        self.assertEqual({c: v for c, v in verdicts.items() if c in well}, dict.fromkeys(well, "ok"), found)
        self.assertEqual(found["backup"], [("warning", found["backup"][0][1])])
        self.assertIn("never yet", found["backup"][0][1])
        self.assertNotEqual(status, 0)
        self.assertRegex(self.south.ctl("doctor", ok=False)[1], r"(?m)^ok +clock +is trusted; cosigned ")
        # It asked, and was told, by its certificate.
        self.assertRegex(found["partners"][0][1], "north-gateway answers, knows this gateway as south-gateway, and reached it at 20")
        # Each by itself.
        os.chmod(f"{self.south.folder}/keys", 0o755)
        self.assertIn(("fault", "/keys"), [(v, "/keys" if "/keys: " in t else t) for v, t in self.findings()[1]["set-up"]])
        os.chmod(f"{self.south.folder}/keys", 0o700)
        self.south.change(space={"reserve_percent": 50, "reserve_mib": 1048576})
        self.assertIn(self.verdicts(self.findings()[1])["space"], ("warning", "fault"))
        self.south.change(space={})
        self.south.change(tls={**json.loads(read(self.south.config))["tls"], "revocations": "tls/none.crl"})
        self.assertIn("fetch the list of that authority", self.findings()[1]["revocations"][0][1])
        self.north.stop()
        status, found = self.findings()
        self.assertEqual(status, 2)
        self.assertRegex(found["partners"][0][1], "north-gateway is not reached at gw.north.example:")
        self.south.stop()
        status, found = self.findings()
        self.assertEqual((status, found["daemon"][0][0]), (2, "fault"))
        self.assertIn("start it", found["daemon"][0][1])

    def test_a_partner_that_knows_another_log(self):
        doc = json.loads(read(f"{self.north.folder}/partners/south-gateway.json"))
        doc["agency"] = "west"
        self.north.add_partner(doc)
        for suffix in ("", ".p7s"):
            os.unlink(f"{self.north.folder}/agreements/pax.json{suffix}")
        self.world.start()
        self.assertIn("takes this gateway for one of west", self.findings()[1]["partners"][0][1])

    def test_certificates_that_expire(self):
        self.world.close()
        self.world = World()            # for 20 days
        self.addCleanup(self.world.close)
        self.south = self.world.south
        self.assertRegex(self.findings()[1]["certificates"][0][1], "the gateway's certificate expires in 19 days")

    @unittest.skipUnless(IN_MEMORY, "there is no file system in memory")
    def test_a_store_in_memory(self):
        target = f"{IN_MEMORY}/gateway-doctor-{os.getpid()}"
        os.makedirs(target, mode=0o700)
        self.addCleanup(os.rmdir, target)
        self.south.change(store=f"{target}/gatewayd.db")
        self.assertIn(("fault", f"{target} lies in memory: all is lost with the power; put it on a disk"), self.findings()[1]["sync"])


if __name__ == "__main__":
    unittest.main()
