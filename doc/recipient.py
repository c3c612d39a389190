#!/usr/bin/env python3
"""A recipient's system in small, to start from and to test gateways with: it fetches records and duties from its
agency's inbox, keeps records in a table, carries duties out on it, and tells the gateway what came of them.

    recipient.py --url https://HOST:PORT --certificate FILE --key FILE --authority FILE DATABASE

What is done for an item and the answer to it are one transaction; answers are sent from the table until the gateway
has taken them. So it may be killed anywhere and started again. Standard library only; see doc/recipients.md."""

import argparse
import http.client
import json
import os
import re
import socket
import sqlite3
import ssl
import sys
import time
import urllib.parse

TABLES = """
CREATE TABLE IF NOT EXISTS record (
    number INTEGER PRIMARY KEY, exchange TEXT NOT NULL UNIQUE,  -- the gateways' name of it
    reference TEXT,                 -- this system's own; a correction keeps that of what it replaces
    version INTEGER NOT NULL,       -- 1, and one more with each correction
    agreement TEXT, erase_by TEXT,
    state TEXT NOT NULL CHECK (state IN ('kept', 'masked', 'corrected', 'erased', 'returned')),
    noticed TEXT,                   -- what was done about telling the person
    salt TEXT, record TEXT          -- as they came, byte for byte; NULL once gone
);
CREATE TABLE IF NOT EXISTS caveats (    -- codes under which it came, for whoever uses it or passes it on; gone with it
    number INTEGER PRIMARY KEY, codes TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS answer (item INTEGER PRIMARY KEY, body TEXT NOT NULL);  -- decided, not yet taken
"""
RECORDS = ("record", "correction", "returned")  # the last: this agency's own, back from a recipient
DUTIES = ("mask", "review", "erase", "return", "recall", "notify")
SPACE = re.compile(r"[ \t\r\n]*")
DECODER = json.JSONDecoder()


def skip(text, at):
    return SPACE.match(text, at).end()


def parts(text, at):
    """(name, start, end) of each member or item of the JSON container at `at`: records are cut and spliced as they
    stand, for the digest in both logs covers their bytes and numbers may not fit what Python makes of them."""
    at = skip(text, at)
    closing = {"{": "}", "[": "]"}.get(text[at])
    if not closing:
        return
    at, number = skip(text, at + 1), 0
    while text[at] != closing:
        name = str(number)
        if closing == "}":
            name, at = DECODER.raw_decode(text, at)
            at = skip(text, skip(text, at) + 1)
        end = DECODER.raw_decode(text, at)[1]
        yield name, at, end
        at, number = skip(text, end), number + 1
        if text[at] == ",":
            at = skip(text, at + 1)


def reach(text, at, end, tokens):
    """The spans that a pointer reaches; `*` stands for each member or item (RFC 6901 otherwise)."""
    if not tokens:
        yield at, end
        return
    for name, start, stop in parts(text, at):
        if tokens[0] in ("*", name):
            yield from reach(text, start, stop, tokens[1:])


def mask(text, pointers):
    spans = set()
    for pointer in pointers:
        tokens = [t.replace("~1", "/").replace("~0", "~") for t in pointer.split("/")[1:]]
        spans |= set(reach(text, 0, len(text), tokens))
    outer = [s for s in spans if not any(o != s and o[0] <= s[0] and s[1] <= o[1] for o in spans)]
    for start, end in sorted(outer, reverse=True):
        text = text[:start] + "null" + text[end:]
    return text


class Gateway:
    """The agency's gateway: mutual TLS 1.3, one connection, kept."""

    def __init__(self, url, certificate, key, authority, address=None):
        parsed = urllib.parse.urlsplit(url)
        if parsed.scheme != "https" or not parsed.hostname:
            raise SystemExit("the address is not of the form https://HOST[:PORT]")
        self.host, self.port, self.address = parsed.hostname, parsed.port or 443, address or parsed.hostname
        self.context = ssl.create_default_context(cafile=authority)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_3
        self.context.load_cert_chain(certificate, key)
        self.connection = None

    def connect(self):
        raw = socket.create_connection((self.address, self.port), timeout=60)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.connection = http.client.HTTPSConnection(self.host, self.port, context=self.context, timeout=60)
        self.connection.sock = self.context.wrap_socket(raw, server_hostname=self.host)

    def request(self, method, path, body=None):
        """(status, text). A gateway that is busy says when to come again."""
        for attempt in range(5):
            try:
                if not self.connection:
                    self.connect()
                fields = {"Content-Type": "application/json"} if body else {}
                self.connection.request(method, path, body and body.encode(), fields)
                r = self.connection.getresponse()
                status, text, wait = r.status, r.read().decode(), r.getheader("Retry-After", "")
                self.connection = None if r.will_close else self.connection
            except BaseException:
                self.connection = None
                raise
            if status not in (429, 503) or not wait.isdigit() or attempt == 4:
                return status, text
            time.sleep(min(int(wait), 60))


class Records:
    """The table, and what duties do to it."""

    def __init__(self, path, options):
        self.options, self.after = options, 0
        os.close(os.open(path, os.O_CREAT, 0o600))
        self.db = sqlite3.connect(path, isolation_level=None)
        self.db.row_factory = sqlite3.Row
        # What is erased is overwritten in the file, and a commit is on the disk when it returns.
        self.db.executescript("PRAGMA secure_delete=ON; PRAGMA synchronous=EXTRA;" + TABLES)

    def take(self, item, raw):
        """Does what an item asks for and notes the answer, once: an answer that waits means that it was done."""
        with self.db:  # commits, or rolls back what raises
            self.db.execute("BEGIN IMMEDIATE")
            if not self.db.execute("SELECT 1 FROM answer WHERE item = ?", (item["id"],)).fetchone():
                body = self.keep(item, raw) if item["kind"] in RECORDS else self.carry_out(item)
                self.db.execute("INSERT INTO answer VALUES (?, ?)", (item["id"], body))

    def find(self, exchange):
        return self.db.execute("SELECT * FROM record WHERE exchange = ?", (exchange,)).fetchone()

    def end(self, number, state):
        self.db.execute("UPDATE record SET state = ?, salt = NULL, record = NULL WHERE number = ?", (state, number))
        self.db.execute("DELETE FROM caveats WHERE number = ?", (number,))

    def keep(self, item, raw):
        if raw is None:
            why = next((w for w in ("damaged", "restricted") if item.get(w)), "without a record")
            raise ValueError(f"item {item['id']}: {why}; it stays in the inbox")
        version, old = item.get("version", 1), self.find(item.get("corrects"))
        reference = old and old["reference"]
        if old and old["record"] is not None:
            self.end(old["number"], "corrected")
        if not self.find(item["exchange"]):
            number = self.db.execute("INSERT INTO record VALUES (NULL, ?, NULL, ?, ?, ?, 'kept', NULL, ?, ?)", (
                item["exchange"], version, item.get("agreement"), item.get("erase_by"), item["salt"], raw)).lastrowid
            self.db.execute("UPDATE record SET reference = ? WHERE number = ?", (reference or f"R-{number:06}", number))
            self.db.execute("INSERT INTO caveats VALUES (?, ?)", (number, json.dumps(item.get("caveats", []))))
        return json.dumps({"reference": self.find(item["exchange"])["reference"]})

    def carry_out(self, item):
        """The answer to a duty, after it was carried out. One of a kind that is not known is left to people."""
        kind, row, options = item["kind"], self.find(item["exchange"]), self.options
        if kind not in DUTIES:
            raise ValueError(f"item {item['id']}: a duty of a kind that is not known")
        if not row or row["record"] is None:
            return '{"result":"erased"}' if row and kind in ("erase", "recall") else '{"result":"not-found"}'
        masked = row["state"] == "masked"   # nobody could prove that it is what came, so it does not go back
        if kind in ("erase", "recall") or (kind == "review" and not options.keep_reviewed) or (kind == "return" and masked):
            self.end(row["number"], "erased")
            return '{"result":"erased"}'
        if kind == "mask":
            self.db.execute("UPDATE record SET state = 'masked', record = ? WHERE number = ?",
                            (mask(row["record"], item["pointers"]), row["number"]))
            return '{"result":"masked"}'
        if kind == "review":
            return json.dumps({"result": "kept", "reason": options.keep_reviewed})
        if kind == "return":
            self.end(row["number"], "returned")
            return f'{{"result":"returned","salt":"{row["salt"]}","record":{row["record"]}}}'
        delay = options.delay_notice
        answer = {"result": "delayed", "ground": delay[0], "until": delay[1]} if delay else {"result": "notified"}
        self.db.execute("UPDATE record SET noticed = ? WHERE number = ?", (answer["result"], row["number"]))
        return json.dumps(answer)


def send_answers(gateway, records):
    """Returns how many were refused. What is not asked for any more (404, 409) was withdrawn: another duty follows."""
    refused = 0
    for item, body in records.db.execute("SELECT item, body FROM answer ORDER BY item").fetchall():
        status, text = gateway.request("POST", f"/v1/inbox/{item}/ack", body)
        if status in (200, 404, 409):
            records.db.execute("DELETE FROM answer WHERE item = ?", (item,))
        else:
            refused += 1
            print(f"item {item}: the gateway answered {status}: {json.loads(text).get('type', '')}", file=sys.stderr)
    return refused


def fetch(gateway, records):
    """One pass over the inbox; returns how many items or answers failed."""
    gateway.connection = None  # an idle one may be closed
    failed, after, waited = send_answers(gateway, records), records.after, 0
    while True:
        status, text = gateway.request("GET", f"/v1/inbox?after={after}")
        if status != 200:
            raise OSError(f"the gateway answered {status}")
        page = {name: (start, end) for name, start, end in parts(text, 0)}
        following = int(text[slice(*page["next"])])
        for _, start, end in parts(text, page["items"][0]):
            item = json.loads(text[start:end])
            raw = next((text[a:b] for name, a, b in parts(text, start) if name == "record"), None)
            if item.get("withheld") or (records.options.ignore_duties and item["kind"] not in RECORDS):
                continue
            try:
                records.take(item, raw)
            except (ValueError, KeyError) as e:
                failed += 1
                print(e, file=sys.stderr)
        failed += send_answers(gateway, records)
        if following <= after:
            if "unproved" not in page or waited == 10:
                return failed
            waited += 1  # the next record is handed out once its sender's log is proved
            time.sleep(1)
            continue
        after = following
        records.after = after if records.options.ignore_duties else 0


def main(words=None):
    p = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    for name in ("url", "certificate", "key", "authority"):
        p.add_argument(f"--{name}", required=True)
    p.add_argument("--address", help="connect here instead of where the host's name points")
    p.add_argument("--once", action="store_true", help="one pass, then end")
    p.add_argument("--every", type=float, default=10, help="seconds between passes")
    p.add_argument("--keep-reviewed", metavar="REASON", help="reviews keep the record; otherwise they erase it")
    p.add_argument("--delay-notice", nargs=2, metavar=("GROUND", "UNTIL"), help="people are not told yet")
    p.add_argument("--ignore-duties", action="store_true", help="a bad recipient: keeps records and does nothing else")
    p.add_argument("database")
    options = p.parse_args(words)
    records = Records(options.database, options)
    gateway = Gateway(options.url, options.certificate, options.key, options.authority, options.address)
    while True:
        try:
            failed = fetch(gateway, records)
        except (OSError, http.client.HTTPException) as e:
            failed = 1
            print(f"the gateway is not there: {e}", file=sys.stderr)
        if options.once:
            return 1 if failed else 0
        time.sleep(options.every)


if __name__ == "__main__":
    sys.exit(main())
