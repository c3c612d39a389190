"""Ten years of two agencies that send each other records: south's system does what its duties say, north's ignores them.
In the end each table holds exactly the records that it should, and both logs exactly the alarms. Steps of 45 days here;
YEARS_STEP=1 takes a day at a time."""

import json
import os
import unittest

from simulation import Simulation
from world import wait_for

STEP = int(os.environ.get("YEARS_STEP", "45"))
DAYS = 3650
MASK, COPY, RECEIPT = 180, 730, 30
TRAVEL = 1                              # a provider gives the receipt a day more, to travel


class Years(unittest.TestCase):
    def fires(self, due):
        """The first step at which something due on that day is seen; None: after the end."""
        at = -(-due // STEP) * STEP
        return at if at <= self.end else None

    def expected_state(self, sent):
        if self.fires(sent + COPY) is not None:
            return "erased"
        return "masked" if self.fires(sent + MASK) is not None else "kept"

    def expected_alarms(self, sent, grace):
        """What becomes overdue when nobody answers: the mask, and the erasure which takes its place."""
        mask, end = self.fires(sent + MASK), self.fires(sent + COPY)
        alarms = []
        overdue = self.fires(mask + grace) if mask is not None else None
        if overdue is not None and (end is None or overdue <= end):
            alarms.append("mask receipt is overdue")
        if end is not None and self.fires(end + grace) is not None:
            alarms.append("erase receipt is overdue")
        return alarms

    def incidents(self, node, member):
        return sorted((e.get(member), e.get("note")) for e in node.entries() if e["operation"] == "incident")

    def test_what_is_left_and_what_is_told(self):
        retention = {"payload": "P28D", "mask": f"P{MASK}D", "copy": f"P{COPY}D", "at_end": "erase", "receipt_within": f"P{RECEIPT}D"}
        with Simulation(retention, ("north",), DAYS + 2 * STEP) as s:
            sent, ids = list(range(0, DAYS, STEP)), {"north": [], "south": []}
            for number, day in enumerate(sent):
                self.assertEqual(s.now_days, day)
                for agency, known in ids.items():
                    known.append(s.post(agency, number))
                s.systems_run()
                s.advance(STEP)
            self.end = s.now_days
            s.systems_run()
            wait_for(s.quiet)

            states = [self.expected_state(day) for day in sent]
            self.assertEqual(set(states), {"erased", "masked", "kept"})
            self.assertEqual(s.table("south"), [(n, state, state == "erased") for n, state in enumerate(states, 1)])
            self.assertEqual(s.table("north"), [(n, "kept", 0) for n in range(1, len(sent) + 1)])

            # Of what south's system did nothing is overdue; of what north's did not, everything, in both logs.
            for node, member, grace in ((s.north, "origin", RECEIPT), (s.south, "exchange", RECEIPT + TRAVEL)):
                wanted = sorted((id, alarm) for id, day in zip(ids["south"], sent) for alarm in self.expected_alarms(day, grace))
                self.assertGreater(len(wanted), len(sent))
                self.assertEqual(self.incidents(node, member), wanted, node.agency)
            for node in s.nodes:
                self.assertEqual(node.ask("status")["store"]["payloads"], 0)
                self.assertEqual(node.ctl("audit", "verify")[0], 0)
            told = s.clients["north"]
            for id, state in zip(ids["north"], states):
                status, _, body = told.request("GET", f"/v1/exchanges/{id}")
                self.assertEqual((status, json.loads(body)["state"]), (200, "ended" if state == "erased" else "delivered"))
