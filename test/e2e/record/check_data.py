"""Real schemas and records over two gateways: Open Ownership, Synthea patients on FHIR, STIX. Skipped with a line
where the test data are absent (GATEWAY_TEST_DATA)."""

import base64
import glob
import json
import os
import subprocess
import tempfile
import unittest
import urllib.parse

import agreements
from agreements import PSEUDONYM
from world import DATA, World, wait_for

HAVE = os.path.isdir(DATA)


def strings_of(value):
    """Every string and number in a JSON value, as text."""
    if isinstance(value, dict):
        for v in value.values():
            yield from strings_of(v)
    elif isinstance(value, list):
        for v in value:
            yield from strings_of(v)
    elif isinstance(value, str):
        yield value


class Pair(World):
    """Two running gateways under one agreement, whose schemas lie in both schema folders."""

    def __init__(self, doc, schemas):
        super().__init__()
        for n in self.nodes:
            for i, path in enumerate(schemas):
                with open(path, "rb") as source, open(f"{n.folder}/schemas/s{i}.json", "wb") as out:
                    out.write(source.read())
        self.agreement(doc)
        self.start()

    def exchange(self, name, envelopes):
        """Posts all in batches of lines, below the largest body; returns the answers."""
        c, answers, batches = self.client("north"), [], [[]]
        for line in (json.dumps(e, ensure_ascii=False) for e in envelopes):
            if sum(map(len, batches[-1])) + len(line) > 600000:
                batches.append([])
            batches[-1].append(line)
        for batch in batches:
            lines = "\n".join(batch).encode()
            status, _, body = c.request("POST", f"/v1/agreements/{name}/records", lines, content_type="application/x-ndjson")
            assert status == 200, (status, body[:300])
            answers += [json.loads(l) for l in body.decode().strip().split("\n")]
        return answers

    def arrived(self, n):
        """What south's system fetches, each acknowledged, until n records are there."""
        items, c = [], self.client("south")

        def more():
            page = c.inbox(items[-1]["id"] if items else 0)["items"]
            items.extend(page)
            return len(items) >= n
        wait_for(more, seconds=90)
        return items


@unittest.skipUnless(HAVE, "GATEWAY_TEST_DATA not found")
class Bods(unittest.TestCase):
    def test_people(self):
        """Persons of Open Ownership: type and nationality kept, identifiers pseudonymised, births cut, addresses dropped."""
        folder = f"{DATA}/bods/schema"
        files = sorted(glob.glob(f"{folder}/*.json"))
        by_id = {json.load(open(f, encoding="utf-8"))["$id"]: f for f in files}
        references = [{"uri": u, "digest": agreements.digest_of(f)} for u, f in by_id.items() if u != "urn:person"]
        doc = agreements.make("bods", [{
            "name": "person", "input": agreements.digest_of(by_id["urn:person"]), "references": references,
            "ignored_keywords": ["version", "propertyOrder", "codelist", "openCodelist", "titleSingular"],
        }], {"ownership": "person"}, [
            ("/personType", "operational", "keep", None),
            ("/isComponent", "operational", "keep", None),
            ("/nationalities/*/code", "quasi-identifier", "keep", None),
            ("/nationalities/*/name", "quasi-identifier", "keep", None),
            ("/names/*/fullName", "direct-identifier", "pseudonym", {"domain": "person", "normalise": "text"}),
            ("/identifiers/*/id", "direct-identifier", "pseudonym", PSEUDONYM),
            ("/birthDate", "quasi-identifier", "date-trunc", {"to": "year"}),
        ])
        people = []
        for f in sorted(glob.glob(f"{DATA}/bods/examples/*.json")):
            for s in json.load(open(f, encoding="utf-8")):
                if isinstance(s, dict) and s.get("recordType") == "person":
                    people.append(s["recordDetails"])
        with Pair(doc, files) as w:
            answers = w.exchange("bods", [agreements.envelope(p, "ownership") for p in people])
            self.assertEqual({a["status"] for a in answers}, {201}, [a for a in answers if a["status"] != 201][:2])
            records = [i["record"] for i in w.arrived(len(people))]
        self.assertEqual(len(records), len(people))
        text = json.dumps(records, ensure_ascii=False)
        for p in people:
            for n in p.get("names", []):
                self.assertNotIn(f'"{n["fullName"]}"', text)
            for a in p.get("addresses", []):
                self.assertNotIn(json.dumps(a.get("address", "-no-"), ensure_ascii=False), text)
        self.assertEqual(sum(len(r.get("nationalities", [])) for r in records), sum(len(p.get("nationalities", [])) for p in people))
        print(f"bods: {len(people)} people exchanged")


def encodings(value):
    """The forms in which a value could hide."""
    raw = value.encode()
    yield raw
    yield json.dumps(value)[1:-1].encode()
    yield urllib.parse.quote(value).encode()
    yield raw.hex().encode()
    for shift in range(3):
        coded = base64.b64encode(b"\0" * shift + raw)[(0, 4, 4)[shift]:-4]
        if len(coded) >= 12:
            yield coded
            yield coded.replace(b"+", b"-").replace(b"/", b"_")


def search(values, haystack, folder):
    """Which values are found in the haystack, in any encoding; the UTF-16 forms by looking without the zero bytes."""
    patterns = {e: v for v in values for e in encodings(v)}
    with open(f"{folder}/patterns", "wb") as f:
        f.write(b"\n".join(patterns) + b"\n")
    with open(f"{folder}/haystack", "wb") as f:
        f.write(haystack + b"\n" + haystack.replace(b"\0", b""))
    done = subprocess.run(["grep", "-a", "-o", "-F", "-f", f"{folder}/patterns", f"{folder}/haystack"],
                          env={"LC_ALL": "C", "PATH": os.environ["PATH"]}, capture_output=True, check=False)
    return sorted({(patterns[hit], hit) for hit in done.stdout.splitlines()})


def identifying(patient):
    """Names, SSN, passport, licence, addresses and telephone numbers of a patient: values that must not be anywhere."""
    for n in patient.get("name", []):
        yield n.get("family", "")
        yield from n.get("given", [])
    for i in patient.get("identifier", []):
        yield i.get("value", "")
    for a in patient.get("address", []):
        yield from a.get("line", [])
        yield a.get("postalCode", "")
    for t in patient.get("telecom", []):
        yield t.get("value", "")
    for e in patient.get("extension", []):
        if e["url"].endswith("mothersMaidenName"):
            yield e["valueString"]


@unittest.skipUnless(HAVE, "GATEWAY_TEST_DATA not found")
class Fhir(unittest.TestCase):
    def test_patients_leave_no_trace(self):
        """615 Synthea patients: no name, SSN, passport or address is found in what leaves, stores, logs, errors, mirrors."""
        schema = f"{DATA}/fhir/fhir.schema.json"
        with open(schema, encoding="utf-8") as f:
            whole = json.load(f)
        uri = whole.get("$id") or whole["id"]
        doc = agreements.make("fhir", [{
            "name": "patient", "input": "", "references": [{"uri": uri, "digest": agreements.digest_of(schema)}],
            "dialect": "draft-06", "ignored_keywords": ["discriminator", "id"],
        }], {"health": "patient"}, [
            ("/resourceType", "operational", "keep", None),
            ("/gender", "quasi-identifier", "keep", None),
            ("/birthDate", "quasi-identifier", "date-trunc", {"to": "year"}),
            ("/maritalStatus/text", "quasi-identifier", "keep", None),
            ("/id", "direct-identifier", "pseudonym", PSEUDONYM),
            ("/name/*/family", "direct-identifier", "pseudonym", {"domain": "person", "normalise": "text"}),
        ])
        with open(f"{DATA}/fhir/patients.ndjson", encoding="utf-8") as f:
            patients = [json.loads(l) for l in f if l.strip()]
        wrapper = {"$schema": "http://json-schema.org/draft-06/schema#", "$id": "urn:test:patient", "$ref": f"{uri}#/definitions/Patient"}
        with tempfile.TemporaryDirectory() as tmp:
            path = f"{tmp}/wrapper.json"
            with open(path, "w", encoding="utf-8") as f:
                json.dump(wrapper, f)
            doc["schemas"][0]["input"] = agreements.digest_of(path)
            with Pair(doc, [schema, path]) as w:
                answers = w.exchange("fhir", [agreements.envelope(p, "health") for p in patients])
                self.assertEqual({a["status"] for a in answers}, {201}, [a for a in answers if a["status"] != 201][:1])
                # Errors too: the same people with a value that does not fit.
                broken = [agreements.envelope({**p, "birthDate": p["name"][0]["family"]}, "health") for p in patients[:50]]
                errors = w.exchange("fhir", broken)
                self.assertEqual({e["status"] for e in errors}, {422})
                items = w.arrived(len(patients))
                for n in w.nodes:
                    n.stop()
                haystack = json.dumps(answers + errors + items, ensure_ascii=False).encode()
                for n in w.nodes:
                    for path in [n.log, *glob.glob(f"{n.folder}/store/*"), *glob.glob(f"{n.folder}/log/*"), *glob.glob(f"{n.folder}/anchor/*")]:
                        with open(path, "rb") as f:
                            haystack += f.read()
        # The stores keep the public schema itself, whose lists of licences have a few words that are names too.
        with open(schema, encoding="utf-8") as f:
            public = f.read()
        values = {v for p in patients for v in identifying(p) if len(v) >= 6 and v not in public}
        with tempfile.TemporaryDirectory() as tmp:
            # The search finds what is there: one value is planted beside what was really seen.
            planted = sorted(values)[0]
            self.assertTrue(search(values, base64.b64encode(b"xy" + planted.encode() + b"zzzz"), tmp))
            hits = search(values, haystack, tmp)
        print(f"fhir: {len(patients)} patients, {len(values)} identifying values searched in {len(haystack)} bytes: {len(hits)} hits")
        self.assertEqual(hits, [])


@unittest.skipUnless(HAVE, "GATEWAY_TEST_DATA not found")
class Stix(unittest.TestCase):
    def test_objects_arrive_identical(self):
        """ICS ATT&CK objects under a subtree agreement: those with a schema arrive as they are, the others are refused."""
        files = {}
        for f in sorted(glob.glob(f"{DATA}/stix/schemas/*/*.json")):
            with open(f, encoding="utf-8") as source:
                files[json.load(source)["$id"]] = f
        named = {os.path.basename(f)[:-5]: u for u, f in files.items() if "/sdos/" in f or "/sros/" in f or f.endswith("marking-definition.json")}
        with open(f"{DATA}/stix/ics-attack.json", encoding="utf-8") as f:
            objects = json.load(f)["objects"]
        kinds = sorted({o["type"] for o in objects} & set(named))
        schemas = [{"name": k, "input": agreements.digest_of(files[named[k]]),
                    "references": [{"uri": u, "digest": agreements.digest_of(p)} for u, p in files.items() if u != named[k]]} for k in kinds]
        doc = agreements.make("stix", schemas, {f"cti-{k}": k for k in kinds}, [("", "operational", "keep", None, {"subtree": True})])

        def wrap(o):
            return agreements.envelope(o, f"cti-{o['type']}", schema=o["type"])
        with Pair(doc, list(files.values())) as w:
            answers = w.exchange("stix", [wrap(o) for o in objects])
            sent = [o for o, a in zip(objects, answers) if a["status"] == 201]
            refused = [(o, a) for o, a in zip(objects, answers) if a["status"] != 201]
            for o, a in refused:
                self.assertNotIn(o["type"], named, a)
                self.assertEqual(a["type"], "/problems/purpose-not-permitted")
            items = w.arrived(len(sent))
        key = lambda o: o["id"]
        for before, after in zip(sorted(sent, key=key), sorted((i["record"] for i in items), key=key)):
            self.assertEqual(json.dumps(before), json.dumps(after))
        print(f"stix: {len(sent)} objects arrived identical, {len(refused)} of types without a schema refused")
        self.assertEqual((len(sent), len(refused)), (1576, 250))
