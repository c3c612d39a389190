"""How nodes come to know each other, by commands alone: init, csr, partner files and their fingerprints. No
daemon runs here; `make check-first-hour` has two that exchange a record."""

import json
import os
import pty
import re
import shutil
import subprocess
import unittest

from two_nodes import TwoNodes, files, fingerprint
from world import GATEWAYCTL, GATEWAYD, ROOT, preset, read, run, write


class Joining(TwoNodes):
    # --- init, csr ---

    def test_what_init_writes_passes_the_check(self):
        status, out, err = run(GATEWAYD, "-c", f"{self.folder}/north/gatewayd.json", "-t")
        self.assertEqual((status, err), (0, ""))
        self.assertIn("2 partners, 0 agreements: all is well", out)
        self.assertEqual(json.loads(self.ctl("describe"))["jurisdiction"], "XN")

    def test_init_overwrites_nothing(self):
        words = ("init", "--agency", "north", "--host", "gw.north.example", "--listen", "127.0.0.1:8443")
        self.refused("is not empty", *words, f"{self.folder}/north", status=1)
        for wrong, why in ((("--jurisdiction", "Northland"), "ISO 3166-1"), (("--agency", "North Land"), "a-z"),
                           (("--listen", "8443"), "ADDRESS:PORT"), (("--contact", "x" * 201), "200 bytes"),
                           (("--host", "h" * 65), "64 characters"), (("--host", "gw north"), "as DNS has it"),
                           (("--host", "gw.north.example/x"), "as DNS has it"), (("--host", "gw..north"), "as DNS has it"),
                           (("--host", "-gw.north"), "as DNS has it"), (("--host", "gw.north."), "as DNS has it"),
                           (("--name", "a\x1b[2Jb"), "without control characters")):
            self.assertRegex(self.ctl(*words, *wrong, f"{self.folder}/new", status=1), why)
            self.assertFalse(os.path.exists(f"{self.folder}/new"))

    def test_init_begins_only_where_it_can_end(self):
        """A configuration that is there is found before a key is made, and what an interrupted run left is named."""
        words = ("init", "--agency", "north", "--host", "gw.north.example", "--listen", "127.0.0.1:8443")
        os.mkdir(f"{self.folder}/new")
        write(f"{self.folder}/new/gatewayd.json", "{}")
        self.assertIn("is there already", self.ctl(*words, f"{self.folder}/new", status=1))
        self.assertEqual(os.listdir(f"{self.folder}/new"), ["gatewayd.json"])
        os.remove(f"{self.folder}/new/gatewayd.json")
        os.makedirs(f"{self.folder}/new/keys")
        write(f"{self.folder}/new/keys/pseudonym.key", "")
        self.assertIn("init was interrupted", self.ctl(*words, f"{self.folder}/new", status=1))
        self.assertEqual(os.listdir(f"{self.folder}/new"), ["keys"])
        os.mkdir(f"{self.folder}/half")
        write(f"{self.folder}/half/trial-ca.key", "cut")
        self.assertIn("was made", self.ctl("init", "--ca", f"{self.folder}/half"))

    def test_init_as_the_unit_has_it(self):
        root = f"{self.folder}/root"
        self.ctl("init", "--system", "--root", root, "--agency", "north", "--host", "gw.north.example", "--jurisdiction", "XN")
        conf = json.loads(read(f"{root}/etc/gatewayd/gatewayd.json"))
        unit = read(f"{ROOT}/systemd/gatewayd.service")
        self.assertIn(f"LoadCredential=tls.key:/etc/gatewayd/tls/gateway.key\n", unit)
        self.assertTrue(os.path.exists(f"{root}/etc/gatewayd/tls/gateway.key"))
        example = json.loads(read(f"{ROOT}/conf/gatewayd.json"))
        for member in ("monitor", "store", "keys", "partners", "agreements", "documents", "schemas", "control"):
            self.assertEqual(conf[member], example[member], member)
        self.assertEqual({m: example["tls"][m] for m in conf["tls"]}, conf["tls"])
        self.assertEqual({m: example["audit"][m] for m in conf["audit"]}, conf["audit"])
        self.assertEqual(conf["user"], re.search(r"(?m)^User=(.*)$", unit).group(1))
        for state in re.search(r"(?m)^StateDirectory=(.*)$", unit).group(1).split():
            mode = os.stat(f"{root}/var/lib/{state}").st_mode & 0o777
            self.assertEqual(oct(mode)[2:], re.search(r"(?m)^StateDirectoryMode=0(.*)$", unit).group(1), state)
        run(GATEWAYCTL, "schema", "validate", "--format", f"{ROOT}/schema/node.schema.json", f"{root}/etc/gatewayd/gatewayd.json")

    def test_requests_ask_for_what_each_needs(self):
        for kind, usage in (("gateway", "TLS Web Server Authentication, TLS Web Client Authentication"),
                            ("system", "TLS Web Client Authentication"), ("signer", "E-mail Protection"),
                            ("officer", "E-mail Protection"), ("auditor", "TLS Web Client Authentication")):
            out = f"{self.folder}/{kind}"
            self.assertIn("Next:", self.ctl("csr", "--for", kind, "--name", "anna", out))
            text = run("openssl", "req", "-in", f"{out}.csr", "-noout", "-verify", "-text")[1]
            self.assertRegex(text, rf"Extended Key Usage: *\n *{usage}\n")
            self.assertRegex(text, r"Key Usage: critical\n *Digital Signature\n")
            self.assertIn(f"URI:spiffe://gw.north.example/{kind}/{'gw1' if kind == 'gateway' else 'anna'}", text)
            self.assertEqual("DNS:gw.north.example" in text, kind == "gateway")
            self.assertEqual(os.stat(f"{out}.key").st_mode & 0o777, 0o600)
            self.ctl("csr", "--for", kind, out, status=1)  # never overwritten
            self.ctl("ca", "sign", "--ca", f"{self.folder}/trial", "--for", kind, f"{out}.csr", f"{out}.pem")
            run("openssl", "verify", "-x509_strict", "-CAfile", f"{self.folder}/trial/trial-ca.pem", f"{out}.pem")
        subject = run("openssl", "x509", "-in", f"{self.folder}/trial/trial-ca.pem", "-noout", "-subject")[1]
        self.assertIn("TRIAL ONLY", subject)
        self.assertIn("--for", self.ctl("csr", "--for", "nobody", f"{self.folder}/x", status=2))
        self.assertIn("request", self.ctl("ca", "sign", "--ca", f"{self.folder}/trial", f"{self.folder}/trial/trial-ca.pem",
                                          f"{self.folder}/x", status=1))

    # --- partner files ---

    def test_a_partner_is_taken_and_changes_nothing_twice(self):
        self.assertIn(fingerprint(f"{self.folder}/south.partner"), self.ctl("partner", "export", f"{self.folder}/south.partner", of="south"))
        self.take()
        doc = json.loads(read(f"{self.folder}/north/partners/south-gateway.json"))
        self.assertEqual((doc["agency"], doc["jurisdiction"], doc["roles"], doc["name"]),
                         ("south", "XS", ["gateway"], "Agency of the made-up South"))
        self.assertEqual(read(f"{self.folder}/north/partners/{doc['signers'][0]}"), read(f"{self.folder}/south/trial/signer.pem"))
        before = files(f"{self.folder}/north")
        self.assertIn("is there already", self.take())
        self.assertEqual(files(f"{self.folder}/north"), before)
        self.assertIn("gw.south.example:8443", self.ctl("partner", "list"))
        self.assertEqual(len(json.loads(self.ctl("-o", "json", "partner", "list"))), 3)
        self.assertIn("3 partners", run(GATEWAYD, "-c", f"{self.folder}/north/gatewayd.json", "-t")[1])

    def test_the_fingerprint_is_compared(self):
        path = f"{self.folder}/south.partner"
        said = fingerprint(path)
        other = said[:-1] + str((int(said[-1]) + 1) % 10)
        for wrong in (other, said[:-6], said + " 00000", "", "no digits"):
            self.refused("its fingerprint is", "partner", "add", "--fingerprint", wrong, path)
        self.refused("--fingerprint", "partner", "add", path)
        with open(path, "a", encoding="utf-8") as f:
            f.write("\n")
        self.refused("its fingerprint is", "partner", "add", "--fingerprint", said, path)
        self.take(said=fingerprint(path).replace(" ", "-"))

    def on_terminal(self, answer, *words):
        """Runs on a terminal of its own, types the answer, and gives status and screen."""
        main, side = pty.openpty()
        with subprocess.Popen([GATEWAYCTL, "-c", f"{self.folder}/north/gatewayd.json", *words], stdin=side, stdout=side,
                              stderr=side) as p:
            os.close(side)
            os.write(main, answer.encode())
            p.wait(timeout=30)
        screen = b""
        try:
            while piece := os.read(main, 65536):
                screen += piece
        except OSError:
            pass  # the other end is closed
        os.close(main)
        return p.returncode, screen.decode()

    def test_on_a_terminal_it_asks(self):
        status, screen = self.on_terminal("no\n", "partner", "add", f"{self.folder}/south.partner")
        self.assertEqual(status, 3, screen)
        self.assertIn(fingerprint(f"{self.folder}/south.partner"), screen)
        self.assertFalse(os.path.exists(f"{self.folder}/north/partners/south-gateway.json"))
        status, screen = self.on_terminal("yes\n", "partner", "add", f"{self.folder}/south.partner")
        self.assertEqual(status, 0, screen)
        status, screen = self.on_terminal("south\npnr\n", "agreement", "new", f"{self.folder}/asked.json")
        self.assertEqual(status, 0, screen)
        self.assertEqual(json.loads(read(f"{self.folder}/asked.json"))["id"], "pnr")

    def bent(self, change):
        """South's file with something changed; its path."""
        doc = json.loads(read(f"{self.folder}/south.partner"))
        change(doc)
        path = f"{self.folder}/bent.partner"
        write(path, json.dumps(doc, indent=2))
        return path

    def test_a_file_that_contradicts_itself_is_refused(self):
        north = json.loads(read(f"{self.folder}/north.partner"))
        run(GATEWAYCTL, "init", "--ca", f"{self.folder}/other")
        stranger = read(f"{self.folder}/other/trial-ca.pem")
        pin = "0" * 64
        for why, change in (
                ("format", lambda d: d.update(format=2)),
                ("partner", lambda d: d.pop("partner")),
                ("partner", lambda d: d["partner"].update(id="../../evil")),
                ("gateway alone", lambda d: d["partner"].update(roles=["gateway", "supervisor"])),
                ("gateway alone", lambda d: d["partner"].update(roles=["supervisor"])),
                ("pin or URI", lambda d: d["partner"]["identity"].update(pins=[pin])),
                ("pin or URI", lambda d: d["partner"]["identity"].update(uri="spiffe://gw.south.example/gateway/gw2")),
                ("pin or URI", lambda d: d.update(certificate=north["certificate"])),
                ("cannot be read", lambda d: d.update(certificate="none")),
                ("cannot be read", lambda d: d.pop("authority")),
                ("did not sign", lambda d: d.update(authority=stranger)),
                ("another host", lambda d: d["partner"]["endpoint"].update(host="gw.north.example")),
                ("no address", lambda d: d["partner"].pop("endpoint")),
                ("no address", lambda d: d["partner"]["audit"].update(vkey=d["partner"]["audit"]["witness_vkey"])),
                ("number", lambda d: d["signers"].append(d["signers"][0])),
                ("signer", lambda d: d.update(signers=["none"]))):
            path = self.bent(change)
            self.refused(why, "partner", "add", "--fingerprint", fingerprint(path), path)
        write(f"{self.folder}/none.partner", "no JSON")
        self.refused("partner export", "partner", "add", "--fingerprint", "1", f"{self.folder}/none.partner")
        signer = f"{self.folder}/south/trial/system.pem"
        path = self.bent(lambda d: (d.update(certificate=read(signer)), d["partner"].update(
            identity=json.loads(run(GATEWAYCTL, "pin", signer)[1]))))
        self.refused("servers and clients", "partner", "add", "--fingerprint", fingerprint(path), path)

    def test_a_certificate_that_ended_is_refused(self):
        path = f"{self.folder}/south.partner"
        done = subprocess.run(["faketime", "-f", "+100d", GATEWAYCTL, "-c", f"{self.folder}/north/gatewayd.json", "partner", "add",
                               "--fingerprint", fingerprint(path), path], capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 3, done.stdout + done.stderr)
        self.assertIn("not valid now", done.stderr)

    def test_what_contradicts_the_configuration_is_refused(self):
        self.refused("this agency's own", "partner", "add", "--fingerprint", fingerprint(f"{self.folder}/north.partner"),
                     f"{self.folder}/north.partner")
        self.refused("no IPv4", "partner", "add", "--address", "gw.south.example", "--fingerprint",
                     fingerprint(f"{self.folder}/south.partner"), f"{self.folder}/south.partner")
        self.take()
        for why, change in (("another jurisdiction", lambda d: d["partner"].update(jurisdiction="XX")),
                            ("something else already .contact.", lambda d: d["partner"].update(contact="somebody")),
                            ("as another agency's", lambda d: d["partner"].update(agency="west", id="west-gateway"))):
            path = self.bent(change)
            self.refused(why, "partner", "add", "--fingerprint", fingerprint(path), path)
        path = self.bent(lambda d: d["partner"].update(contact="somebody"))
        self.take(path, "--replace")
        self.assertEqual(json.loads(read(f"{self.folder}/north/partners/south-gateway.json"))["contact"], "somebody")
        write(f"{self.folder}/north/partners/broken.json", "{")
        self.refused("mend it first", "partner", "add", "--fingerprint", fingerprint(path), path)

    def test_a_partner_speaks_of_itself_alone(self):
        """What is this node's to say, or another agency's, no partner's file brings."""
        run(GATEWAYCTL, "init", "--ca", f"{self.folder}/other")
        stranger = read(f"{self.folder}/other/trial-ca.pem")
        for why, change in (
                ("/rates: is this node's to say", lambda d: d["partner"].update(rates={"records_per_second": 0})),
                ("/weight: is this node's to say", lambda d: d["partner"].update(weight=100)),
                ("/training_until: is this node's to say", lambda d: d["partner"].update(training_until="2099-01-01T00:00:00Z")),
                ("/oversees: is this node's to say", lambda d: d["partner"].update(oversees=["north"])),
                ("/id: of the gateway of this agency is south-gateway", lambda d: d["partner"].update(id="east")),
                ("/id: ", lambda d: d["partner"].update(id="seat-north-agency")),
                ("/id: ", lambda d: d["partner"].update(id="north-system")),
                ("nothing to do with its certificate", lambda d: d.update(authority=d["authority"] + stranger)),
                ("/name: has characters that steer", lambda d: d["partner"].update(name="South\n  fingerprint  00000 00000")),
                ("/contact: has characters that steer", lambda d: d["partner"].update(contact="\x1b[2J")),
                ("/contact: has characters that steer", lambda d: d["partner"].update(contact="a\u202eb"))):
            path = self.bent(change)
            self.refused(why, "partner", "add", "--fingerprint", fingerprint(path), path)
            self.assertNotIn("\x1b", self.ctl("partner", "add", "--fingerprint", "1", path, status=3))
        listed = json.loads(read(f"{self.folder}/north/partners/north.json"))
        listed["name"] = "å …\u009b\u202e\x7fb"
        write(f"{self.folder}/north/partners/north.json", json.dumps(listed))
        out = self.ctl("-o", "json", "partner", "list")
        self.assertFalse(set("\u009b\u202e\x7f") & set(out))
        self.assertIn(listed, json.loads(out))
        self.assertIn('"å …', out)
        path = self.bent(lambda d: d["partner"].update({"a\x1b[2J": 1}))
        self.assertNotIn("\x1b", self.ctl("partner", "add", "--fingerprint", fingerprint(path), path, status=3))

    def test_an_address_of_another_agency(self):
        run(GATEWAYCTL, "init", "--ca", f"{self.folder}/trial", "--agency", "west", "--host", "gw.south.example", "--node", "gw9", "--listen",
            "127.0.0.1:8443", "--jurisdiction", "XW", f"{self.folder}/west")
        self.ctl("partner", "export", f"{self.folder}/west.partner", of="west")
        self.take()
        self.refused("has this address as another agency's", "partner", "add", "--replace", "--fingerprint",
                     fingerprint(f"{self.folder}/west.partner"), f"{self.folder}/west.partner")
        doc = json.loads(read(f"{self.folder}/north/partners/south.json")) if os.path.exists(
            f"{self.folder}/north/partners/south.json") else {"id": "west", "agency": "east", "jurisdiction": "XE", "roles": []}
        write(f"{self.folder}/north/partners/west.json", json.dumps(doc))
        os.remove(f"{self.folder}/north/partners/south-gateway.json")
        self.refused("has this name as another agency's", "partner", "add", "--replace", "--fingerprint",
                     fingerprint(f"{self.folder}/west.partner"), f"{self.folder}/west.partner")

    def test_what_this_node_says_of_a_partner_stays(self):
        self.take()
        path = f"{self.folder}/north/partners/south-gateway.json"
        doc = json.loads(read(path))
        doc.update(weight=3, rates={"records_per_second": 5})
        write(path, json.dumps(doc))
        self.assertIn("is there already", self.take())
        bent = self.bent(lambda d: d["partner"].update(contact="somebody"))
        self.take(bent, "--replace")
        after = json.loads(read(path))
        self.assertEqual((after["weight"], after["rates"], after["contact"]), (3, {"records_per_second": 5}, "somebody"))
        self.assertNotIn("earlier", after["audit"])
        # A log that begins anew: receipts of the old one are still verified.
        shutil.rmtree(f"{self.folder}/south")
        run(GATEWAYCTL, "init", "--ca", f"{self.folder}/trial", "--agency", "south", "--host", "gw.south.example", "--listen",
            "127.0.0.1:8443", "--jurisdiction", "XS", f"{self.folder}/south")
        self.ctl("partner", "export", f"{self.folder}/again.partner", of="south")
        self.take(f"{self.folder}/again.partner", "--replace")
        self.assertEqual(json.loads(read(path))["audit"]["earlier"], [doc["audit"]["vkey"]])
        self.assertEqual(json.loads(read(path))["weight"], 3)
        self.assertEqual(run(GATEWAYD, "-c", f"{self.folder}/north/gatewayd.json", "-t")[0], 0)

    def test_a_signers_certificate_is_never_overwritten(self):
        """Neither one that was pinned by hand nor those of the file before, which counts until it is replaced."""
        self.ctl("csr", "--for", "signer", "--name", "two", f"{self.folder}/two")
        self.ctl("ca", "sign", "--ca", f"{self.folder}/trial", "--for", "signer", f"{self.folder}/two.csr", f"{self.folder}/two.pem")
        self.ctl("partner", "add", "--role", "signer", "--agency", "south", "--jurisdiction", "XS", f"{self.folder}/two.pem")
        pinned = read(f"{self.folder}/north/partners/south-signer-1.pem")
        self.take()
        self.assertEqual(read(f"{self.folder}/north/partners/south-signer-1.pem"), pinned)
        doc = json.loads(read(f"{self.folder}/north/partners/south-gateway.json"))
        first = f"{self.folder}/north/partners/{doc['signers'][0]}"
        self.assertEqual(read(first), read(f"{self.folder}/south/trial/signer.pem"))
        # The same file with another signer is another file.
        path = self.bent(lambda d: d.update(signers=[pinned]))
        self.refused("something else already .signers.", "partner", "add", "--fingerprint", fingerprint(path), path)
        self.take(path, "--replace")
        self.assertEqual(read(first), read(f"{self.folder}/south/trial/signer.pem"))
        doc = json.loads(read(f"{self.folder}/north/partners/south-gateway.json"))
        self.assertEqual([read(f"{self.folder}/north/partners/{name}") for name in doc["signers"]], [pinned])
        self.refused("signs for south already", "partner", "add", "--role", "signer", "--agency", "south", f"{self.folder}/two.pem", status=1)

    def test_no_private_key_leaves(self):
        """A file with certificate and key in one is taken, and of it the certificate goes on."""
        self.ctl("csr", "--for", "signer", "--name", "two", f"{self.folder}/two")
        self.ctl("ca", "sign", "--ca", f"{self.folder}/trial", "--for", "signer", f"{self.folder}/two.csr", f"{self.folder}/two.pem")
        write(f"{self.folder}/both.pem", read(f"{self.folder}/two.key") + read(f"{self.folder}/two.pem"))
        self.ctl("partner", "add", "--role", "signer", f"{self.folder}/both.pem")
        for at, _, names in os.walk(f"{self.folder}/north/partners"):
            for name in names:
                self.assertNotIn("PRIVATE", read(f"{at}/{name}"), name)
        shutil.copy(f"{self.folder}/both.pem", f"{self.folder}/north/partners/north-signer-2.pem")
        self.ctl("partner", "export", f"{self.folder}/given.partner")
        self.assertNotIn("PRIVATE", read(f"{self.folder}/given.partner"))
        self.assertEqual(len(json.loads(read(f"{self.folder}/given.partner"))["signers"]), 2)

    def test_what_is_pinned_fits_the_schema(self):
        pem = f"{self.folder}/north/trial/signer.pem"
        for wrong in (("--agency", "../south", "--id", "x"), ("--jurisdiction", "Southmark", "--id", "x"), ("--id", "../x")):
            self.refused("--(id|agency|jurisdiction)", "partner", "add", "--role", "officer", *wrong, pem, status=1)

    def test_under_any_umask(self):
        """The daemon, which is of another account, reads what root wrote."""
        was = os.umask(0o077)
        try:
            self.take(None, "--address", "192.0.2.7")
            self.ctl("agreement", "new", "--with", "south", "--preset", "pnr", f"{self.folder}/pnr.json")
            self.signed(f"{self.folder}/pnr.json")
            self.ctl("agreement", "add", f"{self.folder}/pnr.json")
            root = f"{self.folder}/root"
            self.ctl("init", "--system", "--root", root, "--agency", "north", "--host", "gw.north.example")
        finally:
            os.umask(was)
        for name in ("partners/south-gateway.json", "partners/south-gateway-signer-1.pem", "hosts", "agreements/pnr.json",
                     "agreements/pnr.json.p7s", "documents/assessments/pnr.md"):
            self.assertEqual(os.stat(f"{self.folder}/north/{name}").st_mode & 0o777, 0o644, name)
        self.assertEqual(os.stat(f"{self.folder}/north/documents/assessments").st_mode & 0o777, 0o755)
        for name in ("gatewayd.json", "hosts", "audit.vkey", "partners/north.json"):
            self.assertEqual(os.stat(f"{root}/etc/gatewayd/{name}").st_mode & 0o777, 0o644, name)
        self.assertEqual(os.stat(f"{root}/etc").st_mode & 0o777, 0o755)
        self.assertEqual(os.stat(f"{root}/etc/gatewayd/tls/gateway.key").st_mode & 0o777, 0o600)

    def test_a_file_that_was_there_keeps_its_mode_and_its_link(self):
        os.mkdir(f"{self.folder}/elsewhere")
        shutil.move(f"{self.folder}/north/hosts", f"{self.folder}/elsewhere/hosts")
        os.symlink(f"{self.folder}/elsewhere/hosts", f"{self.folder}/north/hosts")
        os.chmod(f"{self.folder}/elsewhere/hosts", 0o640)
        # What lies where the new file is written is not written through.
        write(f"{self.folder}/victim", "kept")
        os.symlink(f"{self.folder}/victim", f"{self.folder}/elsewhere/hosts.new")
        self.take(None, "--address", "192.0.2.7")
        self.assertTrue(os.path.islink(f"{self.folder}/north/hosts"))
        self.assertIn("192.0.2.7 gw.south.example", read(f"{self.folder}/elsewhere/hosts"))
        self.assertEqual(os.stat(f"{self.folder}/elsewhere/hosts").st_mode & 0o777, 0o640)
        self.assertEqual(read(f"{self.folder}/victim"), "kept")

    def test_an_address_that_moved(self):
        hosts = f"{self.folder}/north/hosts"
        write(hosts, "# made up\n192.0.2.1 GW.south.example\n192.0.2.2 other.example gw.south.example # both\n2001:db8::1 gw.south.example")
        self.take(None, "--address", "192.0.2.7")
        self.assertEqual(read(hosts), "# made up\n192.0.2.2 other.example\n2001:db8::1 gw.south.example\n192.0.2.7 gw.south.example\n")
        before = read(hosts)
        self.take(None, "--address", "192.0.2.7")
        self.assertEqual(read(hosts), before)

    def test_answers_are_json_whatever_files_are_called(self):
        odd = f'{self.folder}/a "b" \\c'
        self.assertEqual(json.loads(self.ctl("-o", "json", "partner", "export", odd))["file"], odd)
        self.assertEqual(json.loads(self.ctl("-o", "json", "csr", odd))["key"], f"{odd}.key")
        signed = json.loads(self.ctl("-o", "json", "ca", "sign", "--ca", f"{self.folder}/trial", f"{odd}.csr", f"{odd}.pem"))
        self.assertEqual(signed["certificate"], f"{odd}.pem")
        self.assertEqual(json.loads(self.ctl("-o", "json", "init", "--ca", f"{odd}.ca"))["authority"], f"{odd}.ca/trial-ca.pem")

    def test_address_and_authority(self):
        """Another authority is added once, whatever is there; an address likewise."""
        run(GATEWAYCTL, "init", "--ca", f"{self.folder}/other", "--agency", "west", "--host", "gw.west.example", "--listen",
            "127.0.0.1:8443", "--jurisdiction", "XW", f"{self.folder}/west")
        self.ctl("partner", "export", f"{self.folder}/west.partner", of="west")
        for _ in range(2):
            out = self.take(f"{self.folder}/west.partner", "--address", "192.0.2.7")
        self.assertNotIn("new here", out)
        authorities = read(f"{self.folder}/north/tls/authorities.pem")
        self.assertEqual(authorities.count("BEGIN CERTIFICATE"), 2)
        self.assertIn(read(f"{self.folder}/other/trial-ca.pem").strip(), authorities)
        self.assertEqual(read(f"{self.folder}/north/hosts").count("192.0.2.7 gw.west.example\n"), 1)
        run(GATEWAYD, "-c", f"{self.folder}/north/gatewayd.json", "-t")
        # What is exported has the issuer alone, and not who else is trusted.
        self.assertEqual(json.loads(run(GATEWAYCTL, "-c", f"{self.folder}/north/gatewayd.json", "partner", "export")[1])["authority"].count("BEGIN"), 1)

    def test_certificates_are_pinned_in_roles(self):
        for role, kind in (("system", "system"), ("officer", "officer"), ("auditor", "auditor"), ("signer", "signer")):
            out = f"{self.folder}/{role}-2"
            self.ctl("csr", "--for", kind, "--name", "two", out)
            self.ctl("ca", "sign", "--ca", f"{self.folder}/trial", "--for", kind, f"{out}.csr", f"{out}.pem")
            more = ("--id", f"north-{role}-2") if role == "system" else ()
            self.ctl("partner", "add", "--role", role, *more, f"{out}.pem")
        own = json.loads(read(f"{self.folder}/north/partners/north.json"))
        self.assertEqual(own["signers"], ["north-signer-1.pem", "north-signer-2.pem"])
        officer = json.loads(read(f"{self.folder}/north/partners/north-officer.json"))
        self.assertEqual((officer["roles"], officer["jurisdiction"], len(officer["signers"])), (["officer"], "XN", 1))
        self.assertIn("5 partners", run(GATEWAYD, "-c", f"{self.folder}/north/gatewayd.json", "-t")[1])
        self.refused("choose another --id", "partner", "add", "--role", "system", f"{self.folder}/system-2.pem", status=1)
        self.refused("is not for clients", "partner", "add", "--role", "auditor", "--id", "x", f"{self.folder}/officer-2.pem", status=1)
        self.refused("--role is", "partner", "add", "--role", "gateway", f"{self.folder}/system-2.pem", status=1)
        self.refused("usage", "partner", "add", "--role", "system", "--replace", f"{self.folder}/system-2.pem", status=2)

    # --- agreements ---

    def killed(self, call, nth, *words):
        """Whether the command was killed at that call."""
        return subprocess.run(["strace", "-f", "-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={nth}",
                               GATEWAYCTL, "-c", f"{self.folder}/north/gatewayd.json", *words], stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=60, check=False).returncode in (137, -9)

    @unittest.skipUnless(shutil.which("strace"), "needs strace")
    def test_killed_between_any_two_files(self):
        """What is there loads, and the command does it when it is given again."""
        self.take()
        path = f"{self.folder}/pnr.json"
        self.ctl("agreement", "new", "--with", "south", "--preset", "pnr", path)
        self.signed(path)
        shutil.rmtree(f"{self.folder}/south")
        run(GATEWAYCTL, "init", "--ca", f"{self.folder}/trial", "--agency", "south", "--host", "gw.south.example", "--listen",
            "127.0.0.1:8443", "--jurisdiction", "XS", f"{self.folder}/south")
        again = f"{self.folder}/again.partner"
        self.ctl("partner", "export", again, of="south")
        shutil.copytree(f"{self.folder}/north", f"{self.folder}/good")
        kills = 0
        for words in (("agreement", "add", path),
                      ("partner", "add", "--replace", "--address", "192.0.2.7", "--fingerprint", fingerprint(again), again)):
            for call in ("rename", "fsync"):
                nth = 1
                while self.killed(call, nth, *words):
                    self.assertEqual(run(GATEWAYD, "-c", f"{self.folder}/north/gatewayd.json", "-t", ok=False)[0], 0, (words, call, nth))
                    self.ctl(*words)
                    shutil.rmtree(f"{self.folder}/north")
                    shutil.copytree(f"{self.folder}/good", f"{self.folder}/north")
                    kills, nth = kills + 1, nth + 1
                shutil.rmtree(f"{self.folder}/north")
                shutil.copytree(f"{self.folder}/good", f"{self.folder}/north")
        self.assertGreater(kills, 12)

    def test_join_does_it_in_one(self):
        self.take()
        path = f"{self.folder}/pnr.json"
        self.ctl("agreement", "new", "--with", "south", "--preset", "pnr", path)
        self.signed(path)
        said = fingerprint(f"{self.folder}/north.partner")
        self.ctl("join", "--fingerprint", said[::-1], f"{self.folder}/north.partner", path, of="south", status=3)
        self.assertFalse(os.path.exists(f"{self.folder}/south/agreements/pnr.json"))
        self.assertIn("gatewayd -c", self.ctl("join", "--fingerprint", said, f"{self.folder}/north.partner", path, of="south"))
        self.assertIn("1 agreements", run(GATEWAYD, "-c", f"{self.folder}/south/gatewayd.json", "-t")[1])
