"""verify.html, which every export carries: its functions in node, and the page itself in Chromium, judge what gateways
wrote and what was altered of it. Where either is missing those tests are skipped, with a line that says so."""

import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
import unittest

import agreements
from browser import CHROMIUM, Browser
from check_published import served
from check_witness import started
from world import GATEWAYCTL, ROOT, World, read, run, wait_for, write

PAGE = f"{ROOT}/gatewayd/ctl/page/verify.html"
NODE = shutil.which("node")


def part(name):
    return re.search(f"<{name}>(.*?)</{name}>", read(PAGE), re.S).group(1)


# The page's script as a program: reads cases as JSON, prints a judgement each.
RUNNER = """
const { judge, classify, sha256, sha512, ed25519, hex } = page;
(async () => {
	const cases = JSON.parse(require("fs").readFileSync(0));
	const out = [];
	for (const c of cases) {
		if (c.judge) out.push(await judge(...c.judge));
		else if (c.classify !== undefined) out.push(classify(c.classify));
		else if (c.sha) out.push([sha256, sha512].map(f => hex(f(Buffer.from(c.sha, "hex")))));
		else out.push(ed25519(...c.ed25519.map(x => new Uint8Array(Buffer.from(x, "hex")))));
	}
	console.log(JSON.stringify(out));
})();
"""


def in_node(cases, own=False):
    """`own`: without the platform's WebCrypto, as a page that came over plain http."""
    script = part("script").replace("crypto.subtle", "({}).subtle" if own else "require('crypto').webcrypto.subtle")
    done = subprocess.run([NODE, "-e", script + RUNNER],
                          input=json.dumps(cases), capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


class Whole(unittest.TestCase):
    """What can be said of the file by reading it."""

    def test_it_runs_what_its_policy_names_and_nothing_else(self):
        page = read(PAGE)
        for name in ("script", "style"):
            digest = base64.b64encode(hashlib.sha256(part(name).encode()).digest()).decode()
            self.assertIn(f"{name}-src 'sha256-{digest}'", page, f"the page's {name} was changed: put this digest into its policy")
        self.assertIn("default-src 'none'", page)
        self.assertEqual((page.count("<script"), page.count("<style")), (1, 1))
        self.assertFalse(re.search(r"https?://|@import|url\(|\bfetch\(|XMLHttpRequest|WebSocket|innerHTML|\bon[a-z]+=|\beval\(|localStorage", page))

    def test_every_field_has_its_label(self):
        page = read(PAGE)
        for field in re.findall(r'<(?:textarea|input)[^>]* id="([a-z]+)"|<(?:textarea|input) id="([a-z]+)"', page):
            self.assertIn(f'<label for="{"".join(field)}"', page)
        self.assertIn('<html lang="en">', page)
        self.assertIn('aria-live="polite"', page)


class Genuine(unittest.TestCase):
    """Receipts, checkpoints and cosignatures of a gateway with a witness, in both ways of verifying."""

    @classmethod
    def setUpClass(cls):
        cls.world = w = started(World())
        cls.addClassCleanup(w.close)
        w.start()
        answers = [w.client("north").post("pax", agreements.envelope(agreements.passenger_record(i)))[1] for i in range(20)]
        exchange = answers[-1]["exchange"]
        cls.key, cls.witness = read(f"{w.north.folder}/audit.vkey"), w.south.describe()["audit"]["witness_vkey"]
        cls.policy = f"log {cls.key}witness south {cls.witness}\ngroup g any south\nquorum g\n"
        write(f"{w.folder}/policy", cls.policy)

        def cosigned():
            w.north.ctl("audit", "prove", "--out", f"{w.folder}/receipt", exchange)
            return run(*cls.command("verify-receipt", f"{w.folder}/receipt"), ok=False)[0] == 0
        wait_for(cosigned)
        w.north.ctl("audit", "export", f"{w.folder}/public")
        cls.receipt, cls.bare = read(f"{w.folder}/receipt"), answers[-1]["receipt"]
        cls.checkpoint = read(f"{w.folder}/public/checkpoint")
        cls.other = read(f"{w.south.folder}/audit.vkey")

    @classmethod
    def command(cls, *words):
        return (GATEWAYCTL, "audit", words[0], "--policy", f"{cls.world.folder}/policy", *words[1:])

    def cases(self):
        """(what is wrong or right, keys, text, the verdict, a word of why)."""
        text, lines = self.checkpoint.split("\n\n", 1)
        log_line, south_line = lines.strip().split("\n")
        size = text.split("\n")[1]
        later = self.receipt.replace("index ", "index 1", 1)
        entry = base64.b64decode(re.search("^extra (.*)$", self.receipt, re.M).group(1))
        forged = self.receipt.replace(base64.b64encode(entry).decode(), base64.b64encode(entry.replace(b"released", b"refused!")).decode())
        proof = re.search(r"^index \d+\n(.{10})", self.receipt, re.M | re.S).group(1)
        vkey_name, vkey_id, _ = self.key.strip().split("+", 2)
        yield "receipt by policy", self.policy, self.receipt, "holds", "is genuine"
        yield "receipt by the key alone", self.key, self.receipt, "holds", "is genuine"
        yield "receipt with white space around it", f"\n {self.key} \n", f"\n\n{self.receipt}\n\n", "holds", ""
        yield "receipt with a Windows system's lines", self.key, self.receipt.replace("\n", "\r\n"), "holds", ""
        yield "receipt that no witness could know of", self.policy, self.bare, "open", "not cosigned yet"
        yield "checkpoint by policy", self.policy, self.checkpoint, "holds", "is genuine"
        yield "checkpoint by keys", self.key + self.witness, self.checkpoint, "holds", ""
        yield "cosignature by the witness's key alone", self.witness, self.checkpoint, "holds", "The cosignature is genuine"
        yield "checkpoint without its cosignature", self.policy, f"{text}\n\n{log_line}\n", "open", "not cosigned yet"
        yield "cosignature alone", self.policy, south_line, "unclear", "add the checkpoint"
        yield "cosignature of another checkpoint", self.policy, self.checkpoint.replace(south_line, south_line[:-5] + ("AAAA=" if south_line[-1] == "=" else "AAAAA")), "fails", ""
        yield "another log's key", self.other, self.receipt, "unclear", "the key that you gave is of"
        yield "another key of that name", self.renamed(), self.receipt, "fails", "did not sign this"
        yield "a mistyped key", self.key.replace(vkey_id, "00000000"), self.receipt, "unclear", "mistyped"
        yield "no key", "", self.receipt, "unclear", "Give the log's verifier key"
        yield "no policy", "quorum x\n", self.receipt, "unclear", "not defined"
        yield "nothing", self.key, "hello", "unclear", "neither"
        yield "another entry", self.key, forged, "fails", "was altered"
        yield "another index", self.key, later, "fails", "is not number"
        yield "another proof", self.key, self.receipt.replace(proof, proof[:-1] + ("A" if proof[-1] != "A" else "B")), "fails", ""
        yield "another size", self.key, self.checkpoint.replace(f"\n{size}\n", f"\n{size}0\n"), "fails", "does not verify"
        yield "another root", self.key, self.checkpoint.replace(text[-12:-4], "AAAAAAAA"), "fails", "does not verify"
        yield "a receipt cut short", self.key, self.receipt.split("\n\n")[0] + "\n", "fails", "no checkpoint"
        yield "a receipt without its entry", self.key, re.sub("extra .*\n", "", self.receipt), "fails", "does not carry its entry"
        yield "a receipt by a witness's key", self.witness, self.receipt, "fails", "keys of witnesses only"
        yield "an unknown witness in an any group", self.unknown(), self.checkpoint, "holds", ""

    def renamed(self):
        """Another log's key under this one's name."""
        name, raw = self.key.split("+")[0], base64.b64decode(self.other.strip().split("+", 2)[2])
        digest = hashlib.sha256(name.encode() + b"\n" + raw).hexdigest()[:8]
        return f"{name}+{digest}+{base64.b64encode(raw).decode()}\n"

    def unknown(self):
        strange = base64.b64encode(b"\x06" + bytes(1312)).decode()
        return f"log {self.key}witness south {self.witness}\nwitness new new.example/w+01020304+{strange}\ngroup g any south new\nquorum g\n"

    @unittest.skipUnless(NODE, "node is not installed: the page's functions are not run")
    def test_judgements(self):
        cases = list(self.cases())
        for own in (False, True):
            for (what, _, _, verdict, why), j in zip(cases, in_node([{"judge": [keys, text]} for _, keys, text, _, _ in cases], own)):
                self.assertEqual(j["verdict"], verdict, (what, own, j))
                self.assertIn(why, f"{j['title']} {j['reason']} {j['proved']}", (what, j))
                self.assertTrue(bool(j["proved"]) == (verdict in ("holds", "open")), what)
                self.assertTrue(j["not"] or verdict == "unclear", what)
            first = in_node([{"judge": cases[0][1:3]}], own)[0]
            self.assertIn(["operation", "disclosure"], first["entry"])
            self.assertIn(["Ed25519 by", "this page (the browser has none)" if own else "the browser"], first["details"])
            self.assertIn("None that you named is independent", " ".join(first["proved"]))

    @unittest.skipUnless(NODE, "node is not installed: the page's functions are not run")
    def test_agrees_with_gatewayctl(self):
        """On every text of the above that both can read."""
        codes = {"holds": 0, "open": 6, "fails": 4}
        asked = [c for c in self.cases() if c[1] == self.policy and c[2].startswith("c2sp") or c[0] in ("another entry", "another index", "another proof")]
        for what, keys, text, verdict, _ in asked:
            write(f"{self.world.folder}/keys", keys)
            write(f"{self.world.folder}/text", text)
            option = "--policy" if keys == self.policy else "--key"
            code = run(GATEWAYCTL, "audit", "verify-receipt", option, f"{self.world.folder}/keys", f"{self.world.folder}/text", ok=False)[0]
            self.assertEqual(code, codes[verdict], what)

    @unittest.skipUnless(NODE, "node is not installed: the page's functions are not run")
    def test_every_bit(self):
        """One bit in each seventh byte of a receipt, and in its last: none of them is genuine."""
        raw = self.bare.encode()
        flipped = [bytes([*raw[:i], raw[i] ^ 1, *raw[i + 1:]]) for i in (*range(0, len(raw), 7), len(raw) - 2, len(raw) - 1)]
        readable = [b.decode() for b in flipped if b.decode(errors="replace").encode() == b]
        found = in_node([{"judge": [self.key, t]} for t in readable])
        self.assertEqual([t for t, j in zip(readable, found) if j["verdict"] == "holds"], [])
        print(f"receipt: {len(readable)} bit flips, none of them genuine in the page")

    @unittest.skipUnless(NODE, "node is not installed: the page's functions are not run")
    def test_digests(self):
        texts = [bytes(range(256))[:n] * 3 for n in (0, 1, 18, 21, 37, 42, 43, 85, 200)]
        for text, got in zip(texts, in_node([{"sha": t.hex() or " "} for t in texts])):
            self.assertEqual(got, [hashlib.sha256(text).hexdigest(), hashlib.sha512(text).hexdigest()])

    @unittest.skipUnless(NODE, "node is not installed: the page's functions are not run")
    def test_signatures(self):
        """RFC 8032 section 7.1, tests 1 to 3, and what is near them."""
        vectors = [
            ("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
             "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"),
            ("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
             "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"),
            ("fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
             "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"),
        ]
        order = 2**252 + 27742317777372353535851937790883648493
        good = [{"ed25519": v} for v in vectors]
        bad = [{"ed25519": (k, m + "00", s)} for k, m, s in vectors] + [{"ed25519": (k, m, "00" + s[2:])} for k, m, s in vectors]
        for k, m, s in vectors:     # the same signature with another s, of the same order
            n = int.from_bytes(bytes.fromhex(s[64:]), "little") + order
            bad.append({"ed25519": (k, m, s[:64] + n.to_bytes(32, "little").hex())})
        bad.append({"ed25519": ("ff" * 32, "72", vectors[1][2])})
        self.assertEqual(in_node(good + bad), [True] * len(good) + [False] * len(bad))


@unittest.skipUnless(CHROMIUM, "chromium is not installed: the page is not opened in a browser")
class InBrowser(Genuine):
    """The page as an export carries it, opened from its file and over plain http."""

    test_judgements = test_agrees_with_gatewayctl = test_every_bit = test_digests = test_signatures = None

    def fill(self, browser, keys, text):
        browser.js(f"document.getElementById('keys').value = {json.dumps(keys)}; document.getElementById('what').value = {json.dumps(text)};"
                   "document.getElementById('verdict').className = ''; document.querySelector('button[type=submit]').click()")
        wait_for(lambda: browser.js("document.getElementById('verdict').className"))
        return browser.js("document.getElementById('verdict').innerText")

    def test_judged(self):
        with Browser() as b:
            b.open(f"file://{self.world.folder}/public/verify.html")
            for what, keys, text, verdict, why in self.cases():
                said = self.fill(b, keys, text)
                self.assertEqual(b.js("document.getElementById('verdict').className"), verdict, (what, said))
                self.assertIn(why, said, what)
            self.assertEqual(b.js("document.activeElement.id"), "verdict")
            self.shot(b, "unknown-witness")
            for name, keys, text in (("holds", self.policy, self.receipt), ("open", self.policy, self.bare), ("fails", self.renamed(), self.receipt)):
                self.fill(b, keys, text)
                self.shot(b, name)
            self.fill(b, self.policy, self.receipt)
            self.assertIn("Ed25519 by", b.js("document.getElementById('verdict').innerText"))
            print("Ed25519 in the browser: by", b.js("[...document.querySelectorAll('th')].find(t => t.textContent == 'Ed25519 by').nextSibling.textContent"))
            b.pdf(f"{self.world.folder}/printed.pdf")
            self.assertGreater(os.path.getsize(f"{self.world.folder}/printed.pdf"), 5000)
            self.assertEqual(b.said(), [])
            self.assertEqual([u for u in b.asked_for() if not u.startswith(("file:", "data:"))], [])

    def shot(self, browser, name):
        """Kept where GATEWAY_SCREENSHOTS says, for people."""
        folder = os.environ.get("GATEWAY_SCREENSHOTS")
        if folder:
            browser.screenshot(f"{folder}/verify-{name}.png")

    def test_files(self):
        w = self.world
        text, lines = self.checkpoint.split("\n\n", 1)
        log_line, south_line = lines.strip().split("\n")
        write(f"{w.folder}/alone", f"{text}\n\n{log_line}\n")
        write(f"{w.folder}/cosignature", south_line + "\n")
        with Browser() as b:
            b.open(f"file://{w.folder}/public/verify.html")
            b.drop_files("#files", f"{w.folder}/policy", f"{w.folder}/receipt")
            wait_for(lambda: b.js("document.getElementById('verdict').className") == "holds")
            b.js("document.getElementById('clear').click()")
            self.assertEqual(b.js("document.getElementById('keys').value + document.getElementById('what').value"), "")
            # The cosignature first, and the checkpoint that it is about beside it.
            b.drop_files("#files", f"{w.folder}/cosignature", f"{w.folder}/policy", f"{w.folder}/alone")
            wait_for(lambda: b.js("document.getElementById('verdict').className") == "holds")
            self.assertEqual(b.said(), [])

    def test_nothing_leaves_the_page(self):
        with Browser() as b:
            b.open(f"file://{self.world.folder}/public/verify.html")
            self.assertEqual(b.js("fetch('http://127.0.0.1:9/').then(() => 'sent', () => 'refused')"), "refused")
            self.assertTrue(any("Content Security Policy" in str(said) for said in b.said()), b.said())

    def test_narrow_dark_and_without_web_crypto(self):
        with Browser(width=320, height=640) as b, served(f"{self.world.folder}/public") as (url, asked):
            b.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])
            b.open(f"{url}/verify.html")
            self.assertIn("is genuine", self.fill(b, self.policy, self.receipt))
            self.assertLessEqual(b.js("document.documentElement.scrollWidth"), 320)
            self.shot(b, "narrow-dark")
            b.js("Object.defineProperty(crypto, 'subtle', { value: undefined })")
            self.assertIn("this page (the browser has none)", self.fill(b, self.policy, self.receipt))
            self.assertEqual(asked, ["/verify.html"])
