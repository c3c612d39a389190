"""What lies between two gateways, and loses what a test wants lost."""

import json
import random
import socket
import threading

from world import read, write


class Proxy:
    """Bytes between a port of its own and another on loopback. `lose`: None, "answers" (the connection ends when the first
    of an answer's bytes come after the handshake), "some" (of these answers `share`, by lot), "hang" (they are kept),
    "all" (nothing passes). `lost`: how many answers were."""

    def __init__(self, to):
        self.to, self.lose, self.open = to, None, True
        self.lost, self.share, self.lock, self.lot = 0, 0.5, threading.Lock(), random.Random(1)
        self.held, self.sockets = [], set()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while self.open:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            if self.lose == "all":
                client.close()
                continue
            try:
                server = socket.create_connection(("127.0.0.1", self.to))
            except OSError:
                client.close()
                continue
            with self.lock:
                self.sockets |= {client, server}
            sent = [0]
            threading.Thread(target=self.pump, args=(client, server, sent, False), daemon=True).start()
            threading.Thread(target=self.pump, args=(server, client, sent, True), daemon=True).start()

    def pump(self, a, b, sent, back):
        try:
            while (data := a.recv(65536)) and self.lose != "all":
                # A record is larger than what a handshake takes: what comes back then is the answer.
                if back and sent[0] > 3000 and self.lose == "hang":
                    self.held.append((b, data))
                    continue
                if back and sent[0] > 3000 and self.loses():
                    break
                if not back:
                    sent[0] += len(data)
                b.sendall(data)
        except OSError:
            pass
        for s in (a, b):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        with self.lock:
            if b in self.sockets:       # the other direction ends, too, and closes both
                self.sockets.discard(b)
                self.sockets.discard(a)
                return
        a.close()
        b.close()

    def loses(self):
        with self.lock:
            loses = self.lose == "answers" or (self.lose == "some" and self.lot.random() < self.share)
            self.lost += loses
            return loses

    def let_go(self):
        for b, data in self.held:
            b.sendall(data)
        self.held = []

    def close(self):
        self.open = False
        for s in [self.listener, *self.sockets]:
            s.close()


def between(node, partner):
    """A proxy through which goes what this node sends to that partner, from its next start on."""
    proxy = Proxy(partner.port)
    path = f"{node.folder}/partners/{partner.agency}-gateway.json"
    doc = json.loads(read(path))
    doc["endpoint"]["port"] = proxy.port
    write(path, json.dumps(doc))
    return proxy
