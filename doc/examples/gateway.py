#!/usr/bin/env python3
"""A client of a gateway in small, to start from. Standard library only; doc/senders.md says why it does what it does.

    gateway.py send AGREEMENT ENVELOPE.json     one record: keeps key, answer and receipt beside the file
    gateway.py batch AGREEMENT ENVELOPES.ndjson an envelope a line: keeps keys and results beside the file
    gateway.py inbox FOLDER                     fetches what waits, keeps it, acknowledges it

GATEWAY_URL, GATEWAY_CERTIFICATE, GATEWAY_KEY, GATEWAY_AUTHORITY and, where DNS does not say it, GATEWAY_RESOLVE
(HOST:PORT:ADDRESS) say where the gateway is. Exit 0: all is released or held; 3: something was refused. It may be killed
and run again at any time: what was decided is not decided twice."""

import http.client
import json
import os
import socket
import ssl
import sys
import time
import urllib.parse
import uuid

PORTION = 100                               # lines of a batch at a time
AGAIN = (408, 409, 429, 500, 502, 503, 504)  # nothing was decided: the same again, later


def keep(path, data, how=os.O_TRUNC):
    """Writes a file of which others see all or nothing, and which is on the disk afterwards."""
    fd = os.open(path + ".new", os.O_WRONLY | os.O_CREAT | how, 0o600)
    with os.fdopen(fd, "wb") as f:
        f.write(data)
        f.flush()
        os.fsync(f.fileno())
    os.replace(path + ".new", path)
    folder = os.open(os.path.dirname(path) or ".", os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)


def kept(path, make):
    """The content of a file that is made once, before anything is sent."""
    if not os.path.exists(path):
        keep(path, make())
    with open(path, "rb") as f:
        return f.read()


class Gateway:
    def __init__(self, environ):
        url = urllib.parse.urlsplit(environ["GATEWAY_URL"])
        self.host, self.port = url.hostname, url.port or 443
        self.address = environ.get("GATEWAY_RESOLVE", "").split(":", 2)[-1] or self.host
        self.context = ssl.create_default_context(cafile=environ["GATEWAY_AUTHORITY"])
        self.context.minimum_version = ssl.TLSVersion.TLSv1_3
        self.context.load_cert_chain(environ["GATEWAY_CERTIFICATE"], environ["GATEWAY_KEY"])

    def once(self, method, path, body, fields):
        connection = http.client.HTTPSConnection(self.host, self.port, context=self.context)
        raw = socket.create_connection((self.address, self.port), timeout=60)
        connection.sock = self.context.wrap_socket(raw, server_hostname=self.host)
        try:
            connection.request(method, path, body, fields)
            answer = connection.getresponse()
            return answer.status, answer.getheader("Retry-After"), answer.read()
        finally:
            connection.close()

    def ask(self, method, path, body=None, **fields):
        """(status, body), once the gateway has decided. A broken connection says nothing about the record."""
        fields = {name.replace("_", "-"): value for name, value in fields.items()}
        pause = 1
        while True:
            try:
                status, wait, text = self.once(method, path, body, fields)
                if status not in AGAIN or (status == 409 and not text.count(b"/problems/key-in-use")):
                    return status, text
            except (OSError, http.client.HTTPException) as e:
                wait, text = None, str(e).encode()
            pause = int(wait) if wait and wait.isdigit() else min(2 * pause, 60)
            print(f"not now, again in {pause} s: {text.decode()}", file=sys.stderr)
            time.sleep(pause)


def explain(answer):
    """What was refused, where, and what may stand there."""
    print(f"{answer['status']} {answer['title']} {answer.get('detail', '')}", file=sys.stderr)
    for e in answer.get("errors", []):
        print(f"  {e['pointer']}: {e['code']} {' '.join(e.get('allowed', []))}", file=sys.stderr)


def send(gateway, agreement, path):
    key = kept(path + ".key", lambda: str(uuid.uuid4()).encode()).decode().strip()
    with open(path, "rb") as f:
        status, text = gateway.ask("POST", f"/v1/agreements/{agreement}/records", f.read(),
                                   Content_Type="application/json", Idempotency_Key=key)
    keep(path + ".answer", text)
    answer = json.loads(text)
    if "receipt" in answer:
        keep(path + ".receipt", answer["receipt"].encode())
    if status in (201, 202):
        print(f"{answer['outcome']} {answer['exchange']}")
        return 0
    explain(answer)
    return 3


def add_keys(path):
    """A key for each line. The bytes of the record stay as they are."""
    run = uuid.uuid4()
    with open(path, "rb") as f:
        lines = [line for line in f if line.strip()]
    return b"".join(line.rstrip(b"\r\n").replace(b"{", b'{"key":"%s-%d",' % (str(run).encode(), n), 1) + b"\n"
                    for n, line in enumerate(lines, 1))


def batch(gateway, agreement, path):
    lines = kept(path + ".keyed", lambda: add_keys(path)).splitlines(True)
    results = []
    while len(results) < len(lines):
        portion = lines[len(results):len(results) + PORTION]
        status, text = gateway.ask("POST", f"/v1/agreements/{agreement}/records", b"".join(portion), Content_Type="application/x-ndjson")
        if status != 200:
            explain(json.loads(text))
            return 3
        for line in text.splitlines():
            if "audit_index" not in (result := json.loads(line)) and result["status"] in AGAIN:
                print(f"not now: {result['title']}", file=sys.stderr)
                time.sleep(1)
                break                       # that line was not taken, nor were those behind it: on from there
            results.append(line)
        keep(path + ".results", b"".join(line + b"\n" for line in results))
    refused = [r for r in map(json.loads, results) if r["status"] >= 400]
    for r in refused:
        explain(r)
    print(f"{len(results) - len(refused)} released or held, {len(refused)} refused")
    return 3 if refused else 0


def inbox(gateway, folder):
    os.makedirs(folder, exist_ok=True)
    after = fetched = 0
    while True:
        page = json.loads(gateway.ask("GET", f"/v1/inbox?after={after}")[1])
        for item in page["items"]:
            if item["kind"] not in ("record", "correction", "returned") or "record" not in item:
                print(f"item {item['id']}, {item['kind']}: for a system that carries duties out; doc/recipients.md", file=sys.stderr)
                continue
            # The bytes as they stand: what a JSON reader makes of them may be other numbers.
            status, record = gateway.ask("GET", f"/v1/exchanges/{item['exchange']}/record")
            if status != 200:
                continue
            name = f"{folder}/{item['exchange']}"
            keep(f"{name}.json", record)
            keep(f"{name}.item", json.dumps({k: v for k, v in item.items() if k != "record"}).encode())
            # Only what is kept is acknowledged: the gateway erases it then.
            gateway.ask("POST", f"/v1/inbox/{item['id']}/ack", json.dumps({"reference": item["exchange"]}).encode(), Content_Type="application/json")
            fetched += 1
        if page["next"] == after and not page.get("unproved"):
            print(f"{fetched} fetched")
            return 0
        if page["next"] == after:
            time.sleep(1)                   # the next record is handed out once its sender's log is proved
        after = page["next"]


def main(words):
    commands = {"send": (send, 2), "batch": (batch, 2), "inbox": (inbox, 1)}
    if not words or words[0] not in commands or len(words) - 1 != commands[words[0]][1]:
        print(__doc__, file=sys.stderr)
        return 2
    return commands[words[0]][0](Gateway(os.environ), *words[1:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
