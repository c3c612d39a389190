"""Persons who act under an agreement: a council of seats with certificates of their own, pinned at every node, and acts that they sign."""

import datetime
import json
import uuid

import agreements
from world import GATEWAYCTL, ROOT, Client, World, run, write

# Seat: constituency, agency of its partner file.
SEATS = {"seat-north": ("agency", "north"), "seat-south": ("agency", "south"), "seat-privacy": ("privacy", "dpa"),
         "seat-ombud": ("ombudsperson", "ombud")}
COUNCIL = {"seats": [{"id": seat, "constituency": of} for seat, (of, _) in SEATS.items()], "threshold": 2, "must_include": ["privacy"],
           "must_sign": False}


def instant(days=0.0):
    at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=days)
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


class Council:
    """The seats of `world`'s agreement; acts are made and signed as openssl does it."""

    def __init__(self, world, agreement):
        self.world, self.number = world, 0
        self.people = {}
        for seat, (_, agency) in SEATS.items():
            self.people[seat] = cert, _ = world.authority.leaf(seat, f"spiffe://{agency}.example/{seat}", "emailProtection")
            for node in world.nodes:
                run("cp", cert, f"{node.folder}/partners/{seat}.pem")
                node.add_partner({"id": seat, "agency": agency, "jurisdiction": "XX", "roles": ["council"], "signers": [f"{seat}.pem"]})
        self.agreement = agreement["id"]
        self.digest = agreements.digest_of(f"{world.folder}/{self.agreement}.json")
        cert, key = world.authority.leaf("messenger", "spiffe://council.example/messenger")
        identity = json.loads(run(GATEWAYCTL, "pin", cert)[1])
        for node in world.nodes:
            node.add_partner({"id": "messenger", "agency": "council", "jurisdiction": "XX", "roles": ["council", "supervisor"], "oversees": ["north", "south"], "identity": identity})
        self.clients = {node.agency: Client(world, node, cert, key) for node in world.nodes}

    def act(self, kind, about=None, **members):
        doc = {"act": kind, "id": str(uuid.uuid4()), "status": "Actual", "agreement": {"id": self.agreement, "digest": self.digest},
               "about": about or {}, "issued": instant(), "collect_until": instant(7), "ground": "a made-up ground"}
        if kind in ("suspend", "restrict-tier", "authorise"):
            doc["until"] = instant(5)
        doc.update(members)
        return json.dumps({k: v for k, v in doc.items() if v is not None}, indent=1)

    def sign(self, text, seat, *options):
        self.number += 1
        path = f"{self.world.folder}/act-{self.number}"
        write(path, text)
        cert, key = self.people[seat] if isinstance(seat, str) else seat
        run("openssl", "cms", "-sign", "-binary", "-in", path, "-signer", cert, "-inkey", key, "-md", "sha256", "-outform", "PEM",
            "-out", f"{path}.p7s", *options)
        with open(f"{path}.p7s", encoding="ascii") as f:
            return f.read()

    def show(self, text, *seats, node="north", signatures=None):
        """Submits; (status, answer)."""
        given = signatures if signatures is not None else [self.sign(text, seat) for seat in seats]
        status, _, body = self.clients[node].request("POST", "/v1/acts", {"act": text, "signatures": given})
        return status, json.loads(body)

    def state(self, digest, node="north"):
        status, _, body = self.clients[node].request("GET", f"/v1/acts/{digest}")
        return json.loads(body)["state"] if status == 200 else None


def world_with_council(change=lambda doc: doc, **more):
    """`change`: what an agreement of the test's own has otherwise."""
    w = World(**more)
    doc = agreements.passenger(digest=agreements.digest_of(f"{ROOT}/schema/records/passenger.schema.json"))
    doc["council"] = COUNCIL
    w.agreement(change(doc))
    return w, Council(w, doc)
