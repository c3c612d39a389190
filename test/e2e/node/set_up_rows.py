"""How a good set-up is broken, one way a row, and what must be said of it. A row is a function that breaks south's folder; its
decorator says the words that must appear in one line with the place (a part of the path, with :line where the file has lines),
and how each door ends: `start` is the exit status of a daemon's start, or None where it starts all the same and says the words in
its log; `reload` is that of gatewayctl reload, or None where a running daemon cannot meet it (it would have to be stopped)."""

import datetime
import json
import os
import shutil

from world import read, run, write

ROWS = []


def row(place, words, check=78, start=78, reload=1):
    """`place` and `words` are parts of one line, as regular expressions."""
    def put(broken):
        ROWS.append({"name": broken.__name__, "break": broken, "place": place, "words": words, "check": check, "start": start,
                     "reload": reload})
        return broken
    return put


def edit(path, **members):
    doc = json.loads(read(path))
    doc.update(members)
    write(path, json.dumps(doc, indent=2))


def edit_partner(s, name="north-gateway", **members):
    edit(f"{s.folder}/partners/{name}.json", **members)


def edit_audit(s, **members):
    s.change(audit={**json.loads(read(s.config))["audit"], **members})


def edit_tls(s, **members):
    s.change(tls={**json.loads(read(s.config))["tls"], **members})


class Maker:
    """Certificates for the gateway that are wrong in one respect, from the world's authority or another one; each once."""

    def __init__(self, world, folder):
        self.world, self.folder, self.south = world, folder, world.south
        self.node = world.south         # whose folder is broken
        self.held = None                # a socket that a row left listening
        os.makedirs(folder)
        self.other = f"{folder}/other"
        self.authority(self.other)
        self.middle = self.intermediate()

    def authority(self, name, days="30"):
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", days, "-keyout",
            f"{name}.key", "-out", f"{name}.pem", "-subj", "/CN=Another made-up authority", "-addext",
            "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign")

    def intermediate(self):
        name = f"{self.folder}/middle"
        self.key(name, "P-256")
        self.issue(name, f"{name}.key", self.world.authority, "/CN=A made-up authority in between",
                   "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n")
        return name

    def key(self, name, kind):
        curve = ["-algorithm", "EC", "-pkeyopt", f"ec_paramgen_curve:{kind}"] if not kind.isdigit() else [
            "-algorithm", "RSA", "-pkeyopt", f"rsa_keygen_bits:{kind}"]
        run("openssl", "genpkey", *curve, "-out", f"{name}.key")
        os.chmod(f"{name}.key", 0o600)

    def issue(self, name, key, by, subject, extensions, past=False):
        cert, private = (by.cert, by.key) if hasattr(by, "cert") else (f"{by}.pem", f"{by}.key")
        run("openssl", "req", "-new", "-key", key, "-subj", subject, "-out", f"{name}.csr")
        write(f"{name}.ext", extensions + "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n")
        run(*(("faketime", "40 days ago") if past else ()), "openssl", "x509", "-req", "-in", f"{name}.csr", "-CA", cert, "-CAkey", private, "-CAcreateserial", "-extfile",
            f"{name}.ext", "-out", f"{name}.pem", "-days", "20")

    def gateway(self, name, kind=None, by=None, usage="serverAuth,clientAuth", key_usage="digitalSignature", names=None, past=False):
        """A pair for the gateway, with its own key where `kind` is None; returns (certificate, key)."""
        name = f"{self.folder}/{name}"
        key = f"{self.folder}/good.key"
        if kind:
            self.key(name, kind)
            key = f"{name}.key"
        uri = f"URI:spiffe://{self.south.host}/gateway/gw1"
        names = names if names is not None else f"{uri},DNS:{self.south.host}"
        extensions = "basicConstraints=critical,CA:FALSE\n"
        extensions += f"keyUsage=critical,{key_usage}\n" if key_usage else ""
        extensions += f"extendedKeyUsage={usage}\n" if usage else ""
        extensions += f"subjectAltName={names}\n" if names else ""
        self.issue(name, key, by or self.world.authority, "/CN=gateway", extensions, past)
        return f"{name}.pem", key

    def install(self, pair):
        shutil.copy(pair[0], f"{self.node.folder}/tls/gateway.pem")
        shutil.copy(pair[1], f"{self.node.folder}/tls/gateway.key")
        os.chmod(f"{self.node.folder}/tls/gateway.key", 0o600)

    def append(self, *paths):
        with open(f"{self.node.folder}/tls/gateway.pem", "a", encoding="ascii") as f:
            f.write("".join(read(p) for p in paths))


PEM, KEY, CA, NODE = r"tls/gateway\.pem", r"tls/gateway\.key", r"tls/authorities\.pem", r"gatewayd\.json:\d+:\d+"
PARTNER = r"partners/north-gateway\.json:\d+:\d+"


def zulu(days):
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=days)).strftime("%Y%m%d%H%M%SZ")


def crl(s, authority, out, days=7):
    """`authority`: the path of its files without .pem and .key."""
    write(f"{s.folder}/index.txt", "")
    until = (f"default_crl_days={days}" if days > 0 else "default_crl_hours=1")
    write(f"{s.folder}/ca.cnf", f"[ca]\ndefault_ca=d\n[d]\ndatabase={s.folder}/index.txt\ndefault_md=sha256\n{until}\n")
    dates = () if days > 0 else ("-crl_lastupdate", zulu(days - 1), "-crl_nextupdate", zulu(days))
    run("openssl", "ca", "-config", f"{s.folder}/ca.cnf", "-gencrl", "-cert", f"{authority}.pem", "-keyfile", f"{authority}.key", "-out",
        out, *dates)
