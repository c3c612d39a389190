"""Gateways in a row: north and south, and those behind south, whom north does not know. Each agreement is between two."""

import json
import shutil

import agreements
from world import ROOT, Node, World, write

SCHEMA = agreements.digest_of(f"{ROOT}/schema/records/passenger.schema.json")
SCALES = ["europol-handling", "europol-source", "tlp-2.0"]


class Row(World):
    def __init__(self, behind=(("east", "XE"),), **options):
        super().__init__(**options)
        for agency, jurisdiction in behind:
            node = Node(self, agency, jurisdiction)
            setattr(self, agency, node)
            self.nodes.append(node)
            self.signers[agency] = self.authority.leaf(f"signer-{agency}", f"spiffe://{agency}.example/signer", "emailProtection")
            self.systems[agency] = self.authority.leaf(f"system-{agency}", f"spiffe://{agency}.example/system")
            self.add_system(node, agency, f"{agency}-system", self.systems[agency][0])
        known = self.nodes[1:]
        for n in known:
            write(f"{n.folder}/hosts", "".join(f"127.0.0.1 {o.host}\n" for o in self.nodes))
            for other in known:
                shutil.copy(self.signers[other.agency][0], f"{n.folder}/partners/signer-{other.agency}.pem")
                doc = {"id": other.agency, "agency": other.agency, "jurisdiction": other.jurisdiction, "roles": []}
                if other is not n:
                    doc = other.describe()
                n.add_partner({**doc, "signers": [f"signer-{other.agency}.pem"]})

    def between(self, name, one, other, onward=None, change=None, **more):
        """An agreement of two of them, by which `one` gives and `other` gets; `change` is called with it."""
        doc = agreements.passenger(name, SCHEMA, handling={"scales": SCALES}, **({"onward": onward} if onward else {}), **more)
        doc["parties"] = [{"agency": n.agency, "name": f"Agency {n.agency}", "jurisdiction": n.jurisdiction,
                           "supervisor": f"Supervisor of {n.agency}"} for n in (one, other)]
        doc["flows"] = [{"from": one.agency, "to": other.agency, "purposes": ["border"], "stored": "case system"}]
        if change:
            change(doc)
        path = f"{self.folder}/{name}.json"
        write(path, json.dumps(doc, indent=2))
        self.sign(path, (one.agency, other.agency))
        for n in (one, other):
            n.add_agreement(path)

    def quiet(self):
        """Nothing is on the way between those that are up."""
        def waits(node):
            status = node.ask("status")
            return status["store"]["outbox"] + status["store"]["notices"] + status["writer"]["queued"]
        return not any(waits(n) for n in self.nodes if n.process)
