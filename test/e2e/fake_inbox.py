"""The inbox of a gateway, as its contract says, in a server of the tests' own: for clients of the inbox, and for what a
real gateway does seldom. Mutual TLS on loopback; one thread a connection."""

import http.server
import json
import re
import ssl
import threading

RESULTS = {"mask": {"masked"}, "review": {"kept", "erased"}, "erase": {"erased"}, "return": {"returned"},
           "recall": {"erased"}, "notify": {"notified", "delayed"}}


class Inbox:
    """`items`: JSON texts by id. What is acknowledged goes from the list and its body into `acks`."""

    def __init__(self, cert, key, authority, page=2):
        self.page, self.items, self.acks, self.due_over, self.requests, self.busy = page, {}, {}, set(), [], []
        self.lock, self.closed = threading.Lock(), False
        inbox = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def answer(self, body=None):
                with inbox.lock:
                    inbox.requests.append((self.command, self.path))
                    status, text, fields = inbox.busy.pop(0) if inbox.busy else inbox.respond(self.command, self.path, body)
                self.send_response(status)
                for name, value in {"content-length": str(len(text.encode())), **fields}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(text.encode())

            def do_GET(self):
                self.answer()

            def do_POST(self):
                length = int(self.headers["content-length"])
                body = self.rfile.read(length)
                self.close_connection = len(body) < length
                if not self.close_connection:
                    self.answer(body.decode())

            def log_message(self, *_):
                pass

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_cert_chain(cert, key)
        context.load_verify_locations(authority)
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None      # clients here are killed in the midst of it
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.thread.start()

    def close(self):
        if self.closed:
            return
        self.closed = True
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def put(self, kind, exchange, **members):
        """Adds an item; `record` is JSON text, which stands in it byte for byte. Returns its id."""
        with self.lock:
            number = len(self.items) + 1
            record = members.pop("record", None)
            text = json.dumps({"id": number, "kind": kind, "exchange": exchange, "made": "2026-11-28T06:00:00.000Z", **members},
                              separators=(",", ":"))
            if record is not None:
                text = text[:-1] + ',"salt":"' + "5a" * 16 + '","record":' + record + "}"
            self.items[number] = text
            return number

    def waiting(self):
        return [i for i in self.items if i not in self.acks]

    @staticmethod
    def problem(status, slug):
        return status, json.dumps({"type": f"/problems/{slug}", "title": "A title of the server's."}), {}

    def respond(self, method, path, body):
        listing = re.fullmatch(r"/v1/inbox\?after=(\d+)", path)
        if method == "GET" and listing:
            after = int(listing[1])
            page = [i for i in self.waiting() if i > after][:self.page]
            return 200, f'{{"items":[{",".join(self.items[i] for i in page)}],"next":{page[-1] if page else after}}}', {}
        acknowledged = re.fullmatch(r"/v1/inbox/(\d+)/ack", path)
        number = int(acknowledged[1]) if acknowledged else 0
        if method != "POST" or number not in self.items:
            return self.problem(404, "not-found")
        item, told, first = json.loads(self.items[number]), json.loads(body) if body else {}, number not in self.acks
        if first:
            if item["kind"] in RESULTS:
                if told.get("result") not in RESULTS[item["kind"]] | {"not-found"} or (told["result"] == "kept" and not told.get("reason")):
                    return self.problem(422, "envelope-invalid")
                if number in self.due_over:
                    return self.problem(409, "key-in-use")
            self.acks[number] = body
        return 200, json.dumps({"id": number, "exchange": item["exchange"], "acknowledged": True, "first": first, "audit_index": 7}), {}
