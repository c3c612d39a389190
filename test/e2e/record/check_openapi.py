"""What /openapi.json says is so: each of its examples is sent to a gateway, and what comes back is answered as it says; its routes
are those of the table, and its schemas those of schema/."""

import copy
import hashlib
import json
import os
import re
import unittest

from world import GATEWAYCTL, ROOT, Client, World, read, run, wait_for, write

ROLES = {"SYSTEM": "system", "GATEWAY": "gateway", "OVERSIGHT": "oversight", "ACTORS": "actors", "ANY_ROLE": "any"}


def resolve(document, node):
    """What a reference within the document is of."""
    while "$ref" in node:
        found = document
        for token in node["$ref"].removeprefix("#/").split("/"):
            found = found[token.replace("~1", "/").replace("~0", "~")]
        node = found
    return node


def embedded(name, prefix):
    """A schema of schema/ as the document holds it: its definitions are schemas of their own, and a condition that generators do
    not know is left to the file."""
    doc = json.loads(read(f"{ROOT}/schema/{name}.schema.json"))
    definitions = doc.pop("$defs")
    for word in ("$schema", "$id", "if", "then", "else"):
        doc.pop(word, None)

    def moved(node):
        if isinstance(node, list):
            return [moved(n) for n in node]
        if not isinstance(node, dict):
            return node
        return {k: "#/components/schemas/" + prefix + v.removeprefix("#/$defs/").capitalize() if k == "$ref" else moved(v)
                for k, v in node.items()}
    return {prefix: moved(doc), **{prefix + k.capitalize(): moved(v) for k, v in definitions.items()}}


def strict(node):
    """A schema that takes no member which it does not describe, with its references to the schemas of the document."""
    if isinstance(node, list):
        return [strict(n) for n in node]
    if not isinstance(node, dict):
        return node
    made = {k: v.replace("#/components/schemas/", "#/$defs/") if k == "$ref" else strict(v) for k, v in node.items()}
    if isinstance(made.get("properties"), dict) and "additionalProperties" not in made:
        made["additionalProperties"] = False
    return made


class Openapi(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = w = World()
        cls.addClassCleanup(w.close)
        draft = f"{w.folder}/pnr.json"
        w.north.ctl("agreement", "new", "--with", "south", "--preset", "pnr", draft)
        w.sign(draft)
        for n in w.nodes:
            n.ctl("agreement", "add", draft)
        auditor = w.authority.leaf("auditor", "spiffe://north.example/auditor")
        w.add_system(w.north, "north", "north-auditor", auditor[0], ("auditor",))
        w.start()
        gateway = [f"{w.south.folder}/tls/gateway.{x}" for x in ("pem", "key")]
        cls.clients = {"system": w.client("north"), "oversight": Client(w, w.north, *auditor), "gateway": Client(w, w.north, *gateway)}
        cls.clients["actors"] = cls.clients["gateway"]
        cls.recipient = w.client("south")
        status, _, body = cls.clients["system"].request("GET", "/openapi.json")
        assert status == 200, body
        cls.document = json.loads(body)
        cls.seen = {}           # what was answered, by (operation, status, media type)

    def operations(self):
        for path, methods in self.document["paths"].items():
            for method, operation in methods.items():
                yield method.upper(), path, operation

    def example(self, operation, name="released"):
        return next(o for _, _, o in self.operations() if o["operationId"] == operation)[
            "requestBody"]["content"]["application/json"]["examples"][name]["value"]

    # --- the table ---

    def test_it_has_every_route_and_no_other(self):
        table = re.findall(r'\{ "(GET|POST)", "([^"]+)", ([^.]+), \.handle', read(f"{ROOT}/gatewayd/core/routes.c"))
        self.assertGreater(len(table), 30)
        # A parameter that may have slashes stands in the document as the parts that it always has.
        spelled = {"/tile/**": "/tile/*/*", "/tile/entries/**": "/tile/entries/*", "/witnessed/**": "/witnessed/*/audit/*/*"}
        wanted = {(method, spelled.get(path, path)): [ROLES[r] for r in re.findall(r"SYSTEM|GATEWAY|OVERSIGHT|ACTORS|ANY_ROLE", roles)] or ["open"]
                  for method, path, roles in table}
        described = {(method, re.sub(r"\{[^}]+\}", "*", path)): operation["x-roles"] for method, path, operation in self.operations()}
        self.assertEqual(described, wanted)

    def test_it_is_self_contained_and_complete(self):
        def references(node):
            if isinstance(node, dict):
                for k, v in node.items():
                    if k == "$ref":
                        yield v
                    else:
                        yield from references(v)
            elif isinstance(node, list):
                for n in node:
                    yield from references(n)
        for ref in references(self.document):
            self.assertTrue(ref.startswith("#/components/"), ref)
            resolve(self.document, {"$ref": ref})
        tags = {t["name"] for t in self.document["tags"]}
        ids = [o["operationId"] for _, _, o in self.operations()]
        self.assertEqual(len(ids), len(set(ids)))
        self.assertTrue(self.document["servers"])
        for method, path, o in self.operations():
            with self.subTest(operation=o["operationId"]):
                self.assertTrue(set(o["tags"]) <= tags and o["tags"])
                self.assertEqual(re.findall(r"\{([^}]+)\}", path), [p["name"] for p in o.get("parameters", []) if p["in"] == "path"])
                self.assertIn("default", o["responses"])
                for status, r in o["responses"].items():
                    r = resolve(self.document, r)
                    for media, content in r["content"].items():
                        self.assertIn("schema", content, (status, media))
                    if status == "default" or status[0] in "45" and "application/problem+json" in r["content"]:
                        self.assertEqual(r["content"]["application/problem+json"]["schema"], {"$ref": "#/components/schemas/Problem"})
                self.assertTrue(method == "GET" or "requestBody" in o)

    def test_its_schemas_are_those_of_the_files(self):
        for name, prefix in (("envelope", "Envelope"), ("notice", "Notice")):
            for made, schema in embedded(name, prefix).items():
                self.assertEqual(self.document["components"]["schemas"][made], schema, made)

    # --- its examples ---

    def live(self):
        """Exchanges and items that paths can name: in the examples they are made up."""
        def released():
            status, answer = self.clients["system"].post("pnr", self.example("postRecord"))
            self.assertEqual(status, 201, answer)
            return answer["exchange"]

        def arrived(count):
            items = [i for i in self.recipient.inbox()["items"] if i["kind"] == "record"]
            return items if len(items) >= count else None
        first, second = released(), released()
        items = wait_for(lambda: arrived(2), 30)
        wait_for(lambda: json.loads(self.clients["system"].request("GET", f"/v1/exchanges/{first}")[2])["state"] == "delivered")
        origin = read(f"{self.world.south.folder}/audit.vkey").split("+")[0]
        host, _, node, epoch = origin.split("/")
        return {"first": first, "second": second, "item": items[0]["id"], "record": items[1]["exchange"],
                "origin_hash": hashlib.sha256(origin.encode()).hexdigest(), "witnessed": {"host": host, "node": node, "epoch": epoch}}

    def parameters(self, operation, live):
        """The path's parameters, and the query: examples, but for what is made up in them."""
        values = {p["name"]: p["example"] for p in operation.get("parameters", []) if "example" in p and p["in"] != "header"}
        name = operation["operationId"]
        if "exchange" in values and name != "postNotice":
            values["exchange"] = {"getRecord": live["record"], "recallExchange": live["second"]}.get(name, live["first"])
        if name == "acknowledge":
            values["item"] = live["item"]
        if name == "getMonitored":
            values["origin_hash"] = live["origin_hash"]
        if name == "getWitnessed":
            values.update(live["witnessed"])
        return values

    def cases(self, operation):
        """(name, media type, body, expected status) of each example: the status is the one whose example has the same name."""
        answers = {example: status for status, r in operation["responses"].items() if "$ref" not in r
                   for content in r.get("content", {}).values() for example in content.get("examples", {})}
        bodies = operation.get("requestBody", {}).get("content", {})
        if bodies:
            self.assertEqual(set(answers), {name for content in bodies.values() for name in content["examples"]}, "an example that nothing sends")
        for media, content in bodies.items():
            for name, example in content["examples"].items():
                yield name, media, example["value"], int(answers[name])
        if not bodies:
            # What has no example of an answer is no text: 200.
            yield "", None, None, int(min(answers.values(), default="200"))

    def sent(self, method, path, operation, live, case):
        name, media, body, _ = case
        values = self.parameters(operation, live)
        target = re.sub(r"\{([^}]+)\}", lambda m: str(values[m.group(1)]), path)
        query = "&".join(f"{p['name']}={values[p['name']]}" for p in operation.get("parameters", []) if p["in"] == "query" and p["name"] in values)
        role = operation["x-roles"][0]
        client = self.clients.get(role, self.clients["system"])
        if operation["operationId"] in ("getRecord", "fetchInbox", "acknowledge"):
            client = self.recipient
        fields = {"content_type": media} if media else {}
        if operation["operationId"] == "postRecord" and media == "application/json":
            fields["idempotency_key"] = f"example-{name}"
        if isinstance(body, str):
            body = body.encode()
        return client.request(method, target + ("?" + query if query else ""), body, **fields)

    def took(self, operation, status, fields, body):
        """Keeps an answer, to be judged with others by the schema of its status and media type."""
        described = operation["responses"].get(str(status))
        self.assertIsNotNone(described, f"{operation['operationId']} does not describe {status}")
        described = resolve(self.document, described)
        media = fields["content-type"].split(";")[0]
        self.assertIn(media, described["content"], (operation["operationId"], status))
        if status == 429 or status == 503:
            self.assertIn("retry-after", fields)
        for name in ("location", "idempotency-replayed", "retry-after", "ratelimit", "ratelimit-policy"):
            if name in fields:
                self.assertIn(name, {h.lower() for h in described["headers"]}, operation["operationId"])
        schema = described["content"][media]["schema"]
        if media == "application/x-ndjson":
            schema, values = schema["contentSchema"], [json.loads(line) for line in body.splitlines()]
        elif media.endswith("json"):
            values = [json.loads(body)]
        else:
            return
        self.seen.setdefault((operation["operationId"], str(status), media), (schema, []))[1].extend(values)

    def judge(self, schema, values, what):
        """By the project's own validator: members that the document does not describe are faults."""
        folder = f"{self.world.folder}/judged"
        os.makedirs(folder, exist_ok=True)
        write(f"{folder}/schema.json", json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema",
                                                  "$defs": strict(self.document["components"]["schemas"]), **strict(copy.deepcopy(schema))}))
        write(f"{folder}/values.ndjson", "".join(json.dumps(v) + "\n" for v in values))
        status, out, err = run(GATEWAYCTL, "schema", "validate", "--format", f"{folder}/schema.json", f"{folder}/values.ndjson", ok=False)
        self.assertEqual(status, 0, f"{what}: {out}{err}")

    def test_each_example_is_answered_as_described(self):
        live, count = self.live(), 0
        for method, path, operation in self.operations():
            for case in self.cases(operation):
                with self.subTest(operation=operation["operationId"], example=case[0]):
                    status, fields, body = self.sent(method, path, operation, live, case)
                    self.assertEqual(status, case[3], body)
                    self.took(operation, status, fields, body)
                    count += 1
        for what, (schema, values) in self.seen.items():
            with self.subTest(answer=what):
                self.judge(schema, values, what)
        print(f"{count} examples of {len(list(self.operations()))} operations were sent")

    def test_its_own_examples_fit_its_schemas(self):
        for _, _, o in self.operations():
            contents = [("request", media, c) for media, c in o.get("requestBody", {}).get("content", {}).items()]
            contents += [(status, media, c) for status, r in o["responses"].items() for media, c in resolve(self.document, r)["content"].items()]
            for where, media, c in contents:
                values = [e["value"] for e in c.get("examples", {}).values()]
                schema = c["schema"]
                if media == "application/x-ndjson":
                    schema, values = schema["contentSchema"], [json.loads(line) for v in values for line in v.splitlines()]
                if values and media.endswith("json"):
                    with self.subTest(operation=o["operationId"], where=where, media=media):
                        self.judge(schema, values, (o["operationId"], where))

    def test_who_may_not_is_told_so_as_described(self):
        """Each operation that is not for systems, asked by one."""
        asked = 0
        for method, path, operation in self.operations():
            if set(operation["x-roles"]) & {"system", "any", "open"}:
                continue
            values = {p["name"]: p["example"] for p in operation.get("parameters", []) if "example" in p}
            target = re.sub(r"\{([^}]+)\}", lambda m, v=values: str(v[m.group(1)]), path)
            with self.subTest(operation=operation["operationId"]):
                status, fields, body = self.clients["system"].request(method, target, b"{}" if method == "POST" else None)
                self.assertEqual((status, json.loads(body)["type"]), (403, "/problems/role-denied"))
                self.took(operation, status, fields, body)
                asked += 1
        self.assertGreater(asked, 8)
