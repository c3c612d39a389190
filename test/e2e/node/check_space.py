"""While there is little room no new record is taken, everything else goes on, and taking records begins again by itself."""

import json
import mmap
import os
import struct
import subprocess
import unittest

import agreements
from once import once
from world import ROOT, World, read, run, sanitized, wait_for

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
MIB = 256  # blocks


def library():
    def make(folder):
        subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-o", f"{folder}/free_space.so", f"{HERE}/free_space.c"], check=True)
    return f"{once('space', make)}/free_space.so"


@unittest.skipIf(sanitized(), "the sanitizer wants to be loaded first")
class Space(unittest.TestCase):
    def setUp(self):
        self.world = w = World()
        self.addCleanup(w.close)
        w.agreement(agreements.passenger(digest=agreements.digest_of(f"{ROOT}/schema/records/passenger.schema.json")))
        path = f"{w.folder}/free"
        with open(path, "wb") as f:
            f.write(bytes(8))
        with open(path, "r+b") as f:
            self.file = mmap.mmap(f.fileno(), 8)
        self.leave(300)
        self.south = w.south
        w.north.start()
        w.south.start(("env", f"LD_PRELOAD={library()}", f"FREE_SPACE={path}"))
        self.client = w.client("south")

    def leave(self, mib):
        """So much is free of a file system of a million blocks, whose 5 % are 195 MiB."""
        self.file[:] = struct.pack("=q", mib * MIB)

    def ready(self):
        status, body = self.south.get_monitor("/readyz")
        return status == 200, body

    def post(self, client, n=1):
        return client.request("POST", "/v1/agreements/pax/records", agreements.envelope(agreements.passenger_record(n)))

    def test_no_record_is_taken_until_there_is_room(self):
        north = self.world.client("north")
        status, _, body = self.post(north)
        self.assertEqual(status, 201, body)
        (item,) = wait_for(lambda: self.client.inbox()["items"])
        self.leave(150)
        wait_for(lambda: not self.ready()[0])
        self.assertEqual(self.ready()[1].splitlines()[0], "not ready: too little room is left for new records")
        self.assertIn("are free there: no new record is taken until there is more", read(self.south.log))
        before = self.south.ask("status")["store"]["exchanges"]
        status, headers, body = self.post(self.client, 2)
        self.assertEqual((status, json.loads(body)["type"].rsplit("/", 1)[1]), (503, "no-space"))
        self.assertTrue(int(dict((k.lower(), v) for k, v in headers.items())["retry-after"]) > 0)
        self.assertEqual(self.south.ask("status")["store"]["exchanges"], before, "nothing is half done")
        # What a partner sends waits there.
        status, _, body = self.post(north, 3)
        self.assertEqual(status, 201, body)
        wait_for(lambda: (o := self.world.north.ask("outbox")) and o[0]["last_error"] == "no-space")
        # Reading, acknowledging and erasing go on.
        self.assertEqual(len(self.client.inbox()["items"]), 1)
        self.assertEqual(self.client.ack(item["id"])[0], 200)
        wait_for(lambda: self.south.ask("status")["store"]["payloads"] == 0)
        # Not before there is a little more than the reserve.
        self.leave(200)
        self.assertEqual(self.post(self.client, 2)[0], 503)
        self.leave(300)
        wait_for(lambda: self.ready()[0])
        self.assertEqual(self.post(self.client, 2)[0], 201)
        self.assertEqual(len(wait_for(lambda: self.client.inbox()["items"])), 1)
        wait_for(lambda: self.world.north.ask("outbox") == [])

    def test_no_copy_for_a_backup_takes_the_room_that_is_to_stay_free(self):
        keeper = f"{self.world.folder}/keeper"
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj",
            "/CN=keeper", "-keyout", f"{keeper}.key", "-out", f"{keeper}.pem")
        words = ["store", "backup", "--certificate", f"{keeper}.pem", f"{self.world.folder}/safe"]
        self.leave(100)
        code, _, err = self.south.ctl(*words, ok=False)
        self.assertEqual(code, 1)
        self.assertIn("there is no room for a copy beside it", err)
        self.leave(300)
        self.south.ctl(*words)


if __name__ == "__main__":
    unittest.main()
