"""How a good set-up is broken, one way a row, and what must be said of it. A row is a function that breaks south's folder; its
decorator says the words that must appear in one line with the place (a part of the path, with :line where the file has lines),
and how each door ends: `start` is the exit status of a daemon's start, or None where it starts all the same and says the words in
its log; `reload` is that of gatewayctl reload, or None where a running daemon cannot meet it (it would have to be stopped)."""

import datetime
import json
import os
import shutil
import socket

from world import GATEWAYCTL, read, run, write

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


# --- the certificate and its key ---

@row(KEY, "is not the private key of .*whose public key is another: install the pair")
def the_key_of_another_certificate(s, m):
    shutil.copy(m.world.systems["north"][1], f"{s.folder}/tls/gateway.key")
    os.chmod(f"{s.folder}/tls/gateway.key", 0o600)


@row(PEM + ":1", "expired at .*have it renewed", start=None)
def a_certificate_that_expired(s, m):
    m.install(m.gateway("expired", past=True))


@row(PEM + ":1", "does not verify as partners would.*have it signed by an authority that they have")
def a_certificate_of_a_foreign_authority(s, m):
    m.install(m.gateway("foreign", by=m.other))


@row(PEM + ":1", "does not verify as partners would")
def a_certificate_that_signed_itself(s, m):
    run("openssl", "req", "-x509", "-key", f"{s.folder}/tls/gateway.key", "-out", f"{s.folder}/tls/gateway.pem", "-days", "9", "-subj",
        "/CN=gateway", "-addext", f"subjectAltName=URI:spiffe://{s.host}/gateway/gw1,DNS:{s.host}", "-addext",
        "basicConstraints=critical,CA:FALSE", "-addext", "extendedKeyUsage=serverAuth,clientAuth", "-addext",
        "keyUsage=critical,digitalSignature")


@row(PEM + ":1", "no extendedKeyUsage with clientAuth: have it issued")
def a_certificate_for_servers_only(s, m):
    m.install(m.gateway("server", usage="serverAuth"))


@row(PEM + ":1", "no extendedKeyUsage with serverAuth: have it issued")
def a_certificate_for_clients_only(s, m):
    m.install(m.gateway("client", usage="clientAuth"))


@row(PEM + ":1", "no extendedKeyUsage with serverAuth and clientAuth")
def a_certificate_without_uses(s, m):
    m.install(m.gateway("none", usage=None))


@row(PEM + ":1", "no keyUsage with digitalSignature: have it issued")
def a_certificate_that_may_not_sign(s, m):
    m.install(m.gateway("agreement", key_usage="keyAgreement"))


@row(PEM + ":1", r"is not for gw\.south\.example, the `host` of the node: have it issued with .*DNS:gw\.south\.example")
def a_certificate_of_another_host(s, m):
    m.install(m.gateway("host", names=f"URI:spiffe://{s.host}/gateway/gw1,DNS:gw.elsewhere.example"))


@row(PEM + ":1", "exactly one URI as subject alternative name, it has 0: have it issued with one")
def a_certificate_without_a_uri(s, m):
    m.install(m.gateway("uri", names=f"DNS:{s.host}"))


@row(PEM + ":1", "exactly one URI as subject alternative name, it has 2")
def a_certificate_with_two_uris(s, m):
    m.install(m.gateway("uris", names=f"URI:spiffe://a.example/a,URI:spiffe://b.example/b,DNS:{s.host}"))


@row(KEY, "is a key that TLS here does not use: make one on P-256")
def a_key_that_is_too_small(s, m):
    m.install(m.gateway("small", kind="2048"))


@row(KEY, "is a key that TLS here does not use")
def a_key_on_an_odd_curve(s, m):
    m.install(m.gateway("curve", kind="secp256k1"))


@row(PEM, "holds no certificate in PEM form: put the gateway's own there")
def an_empty_certificate(s, _):
    write(f"{s.folder}/tls/gateway.pem", "")


@row(PEM, "cannot open: No such file")
def no_certificate_yet(s, _):
    os.unlink(f"{s.folder}/tls/gateway.pem")


@row(PEM, "is a certificate request: have it signed")
def the_request_instead_of_the_certificate(s, _):
    shutil.copy(f"{s.folder}/tls/gateway.csr", f"{s.folder}/tls/gateway.pem")


@row(PEM, "is no PEM but DER: convert it")
def a_certificate_in_der(s, _):
    run("openssl", "x509", "-in", f"{s.folder}/tls/gateway.pem", "-outform", "DER", "-out", f"{s.folder}/der")
    os.replace(f"{s.folder}/der", f"{s.folder}/tls/gateway.pem")


@row(PEM + ":1", "the certificate that begins here cannot be read: it was cut or changed; copy it again")
def a_certificate_that_was_cut(s, _):
    text = read(f"{s.folder}/tls/gateway.pem")
    write(f"{s.folder}/tls/gateway.pem", text[:len(text) // 2])


@row(PEM, "is a private key: `certificate` and `key` name each other's files")
def certificate_and_key_exchanged(s, _):
    tls = json.loads(read(s.config))["tls"]
    edit_tls(s, certificate=tls["key"], key=tls["certificate"])
    os.chmod(f"{s.folder}/tls/gateway.pem", 0o600)
    for a, b in (("pem", "key"), ("key", "pem")):
        os.rename(f"{s.folder}/tls/gateway.{a}", f"{s.folder}/tls/{a}.was")
        del b
    os.rename(f"{s.folder}/tls/pem.was", f"{s.folder}/tls/gateway.key")
    os.rename(f"{s.folder}/tls/key.was", f"{s.folder}/tls/gateway.pem")
    edit_tls(s, certificate=tls["certificate"], key=tls["key"])


@row(PEM + ":1", "holds a private key beside certificates, which others may read")
def the_key_beside_the_certificate(s, m):
    m.append(f"{s.folder}/tls/gateway.key")


@row(PEM + r":\d+", "did not sign the certificate before it .line 1.: the gateway's own comes first, then each one's signer")
def a_chain_with_a_stranger(s, m):
    m.append(f"{m.other}.pem")


@row(PEM + ":1", "is an authority's certificate: the gateway's own comes first")
def a_chain_upside_down(s, m):
    own = read(f"{s.folder}/tls/gateway.pem")
    write(f"{s.folder}/tls/gateway.pem", read(m.world.authority.cert) + own)


@row(PEM + ":1", "the chain is not complete: CN=A made-up authority in between, which signed it and is no root, is not in this file")
def a_chain_without_what_is_between(s, m):
    m.install(m.gateway("between", by=m.middle))
    write(f"{s.folder}/tls/authorities.pem", read(m.world.authority.cert) + read(f"{m.middle}.pem"))


@row(PEM + ":1", "does not verify as partners would")
def a_chain_whose_middle_partners_do_not_have(s, m):
    m.install(m.gateway("between2", by=m.middle))
    m.append(f"{m.middle}.pem")


@row(KEY, "has a passphrase, which nobody types at a start: write it without")
def a_key_with_a_passphrase(s, _):
    path = f"{s.folder}/tls/gateway.key"
    run("openssl", "pkey", "-in", path, "-aes256", "-passout", "pass:made-up", "-out", f"{path}.new")
    os.replace(f"{path}.new", path)
    os.chmod(path, 0o600)


@row(KEY, "holds no private key in PEM form: put the key there that the certificate was asked for with")
def a_key_that_is_prose(s, _):
    write(f"{s.folder}/tls/gateway.key", "made up\n")


@row(KEY, "holds a secret: others may not read it")
def a_key_that_all_may_read(s, _):
    os.chmod(f"{s.folder}/tls/gateway.key", 0o644)


# --- authorities and their lists ---

@row(CA, "cannot open: No such file")
def no_authorities(s, _):
    os.unlink(f"{s.folder}/tls/authorities.pem")


@row(CA + r":\d+", "is no authority .basicConstraints without CA.: put the certificate here of who signed it")
def a_gateway_among_the_authorities(s, m):
    write(f"{s.folder}/tls/authorities.pem", read(m.world.authority.cert) + read(m.world.systems["north"][0]))


@row(CA, "the certificate after the first 1 cannot be read: it was cut or changed")
def authorities_that_were_cut(s, m):
    text = read(m.world.authority.cert)
    write(f"{s.folder}/tls/authorities.pem", text + text[:300] + "\n")


@row("", "revocation list: there is none of the authority .*its certificates are refused", start=None, reload=3)
def an_authority_without_its_list(s, m):
    crl(s, m.other, f"{s.folder}/tls/list.crl")
    write(f"{s.folder}/tls/authorities.pem", read(m.world.authority.cert) + read(f"{m.other}.pem"))
    edit_tls(s, revocations="tls/list.crl")


@row(r"tls/list\.crl", "past its next update, .*certificates of .* are refused", start=None, reload=3)
def a_list_that_is_past_its_next_update(s, m):
    crl(s, f"{m.world.folder}/ca/ca", f"{s.folder}/tls/list.crl", days=-1)
    edit_tls(s, revocations="tls/list.crl")


@row(r"tls/list\.crl", "its issuer is not an authority", start=None, reload=3)
def a_list_of_a_strange_authority(s, m):
    crl(s, m.other, f"{s.folder}/tls/list.crl")
    edit_tls(s, revocations="tls/list.crl")


@row(r"tls/list\.crl", "cannot open: No such file", start=None, reload=3)
def a_list_that_is_not_there(s, _):
    edit_tls(s, revocations="tls/list.crl")


def crl(s, authority, out, days=7):
    """`authority`: the path of its files without .pem and .key."""
    write(f"{s.folder}/index.txt", "")
    until = (f"default_crl_days={days}" if days > 0 else "default_crl_hours=1")
    write(f"{s.folder}/ca.cnf", f"[ca]\ndefault_ca=d\n[d]\ndatabase={s.folder}/index.txt\ndefault_md=sha256\n{until}\n")
    dates = () if days > 0 else ("-crl_lastupdate", zulu(days - 1), "-crl_nextupdate", zulu(days))
    run("openssl", "ca", "-config", f"{s.folder}/ca.cnf", "-gencrl", "-cert", f"{authority}.pem", "-keyfile", f"{authority}.key", "-out",
        out, *dates)


# --- addresses ---

@row(NODE, "/listen/1: .* is taken by /listen/0 already: give each its own port")
def one_address_twice(s, _):
    s.change(listen=[f"127.0.0.1:{s.port}", f"127.0.0.1:{s.port}"])


@row(NODE, "/monitor/0: .* is taken by /listen/0 already")
def a_monitor_on_the_port_of_partners(s, _):
    s.change(monitor=[f"127.0.0.1:{s.port}"])


@row(NODE, "/monitor/0: a monitor listens on loopback only")
def a_monitor_for_everybody(s, _):
    s.change(monitor=[f"0.0.0.0:{s.monitor}"])


@row(NODE, "/listen/0: a port is a number from 1 to 65535")
def a_port_that_is_none(s, _):
    s.change(listen=["127.0.0.1:70000"])


@row(NODE, "/listen/0: ")
def a_name_instead_of_an_address(s, _):
    s.change(listen=[f"{s.host}:8443"])


@row("127.0.0.1:|/listen/0", "cannot listen on .*another program does .*end it, or name another port", check=1, start=1, reload=None)
def a_port_that_another_program_has(s, m):
    m.held = socket.socket()
    m.held.bind(("127.0.0.1", s.port))
    m.held.listen()


@row("192.0.2.1:|/listen/0", "no interface of this machine has the address", check=1, start=1, reload=None)
def an_address_of_another_machine(s, _):
    s.change(listen=[f"192.0.2.1:{s.port}"])


@row(NODE, "/names/0: is `host` again")
def the_host_among_the_names(s, _):
    s.change(names=[s.host])


# --- the node's folders ---

@row(NODE, "/store: .*stroe: No such file or directory; make the folder, or mend the path")
def a_store_in_no_folder(s, _):
    s.change(store="stroe/gatewayd.db")


@row(NODE, "/keys: .*kyes: No such file or directory; make the folder, or mend the path")
def keys_in_no_folder(s, _):
    s.change(keys="kyes")


@row(NODE, "/audit/mirror: .*lgo: No such file or directory")
def a_mirror_in_no_folder(s, _):
    edit_audit(s, mirror="lgo/audit.jsonl")


@row(NODE, "/audit/anchor: .*anchro: No such file or directory")
def an_anchor_in_no_folder(s, _):
    edit_audit(s, anchor="anchro/checkpoint")


@row(NODE, "/audit/anchor: .*is a folder, and a file is meant")
def an_anchor_that_is_a_folder(s, _):
    edit_audit(s, anchor="anchor")


@row(NODE, "/control: .*rnu: No such file or directory", reload=1)
def a_control_socket_in_no_folder(s, _):
    s.change(control="rnu/control.sock")


@row(NODE, "/control: .*is there and no socket; .*mend the path")
def a_control_socket_that_is_a_file(s, _):
    s.change(control="gatewayd.json")


@row(NODE, "/control: is too long for a socket's path .107 bytes at most")
def a_control_socket_with_a_long_path(s, _):
    os.makedirs(f"{s.folder}/{'r' * 120}")
    s.change(control=f"{'r' * 120}/control.sock")


@row(NODE, "/keys: .*others than its owner may enter it .mode 755.; chmod 700")
def keys_that_others_may_enter(s, _):
    os.chmod(f"{s.folder}/keys", 0o755)


@row(NODE, "/store: .*everybody may write it .mode 777.; take that away")
def a_store_that_everybody_may_write(s, _):
    os.chmod(f"{s.folder}/store", 0o777)


@row(r"/partners:", "everybody may write it .mode 777.: take that away")
def partners_that_everybody_may_write(s, _):
    os.chmod(f"{s.folder}/partners", 0o777)


@row(r"gatewayd\.json:", "everybody may write it .mode 666.: take that away")
def a_configuration_that_everybody_may_write(s, _):
    os.chmod(s.config, 0o666)


@row(r"/prtners", "cannot list: No such file or directory")
def partners_in_no_folder(s, _):
    s.change(partners="prtners")


@row(r"/agreemnts", "cannot list: No such file or directory")
def agreements_in_no_folder(s, _):
    s.change(agreements="agreemnts")


@row(r"/schmas", "cannot list: No such file or directory")
def schemas_in_no_folder(s, _):
    s.change(schemas="schmas")


@row("/user", "no such account: nobody-of-that-name; make it, or name another", reload=None)
def an_account_that_is_not_there(s, _):
    s.change(user="nobody-of-that-name")


# --- keys and what is given away of them ---

@row(NODE, "/audit/vkey: .*is not the public half of the secret in `keys`; .*It must say gw.south.example/audit/gw1/1[+]")
def the_audit_key_of_another_node(s, m):
    shutil.copy(f"{m.world.north.folder}/keys/audit.key", f"{s.folder}/keys/audit.key")


@row(NODE, "/audit/vkey: .*is of another name .host, node or epoch.; .*It must say gw.south.example/audit/gw1/1[+]")
def the_vkey_of_another_node(s, m):
    shutil.copy(f"{m.world.north.folder}/audit.vkey", f"{s.folder}/audit.vkey")


@row(NODE, "/audit/vkey: .*is no verifier key; .*It must say gw.south.example/audit/gw1/1[+]")
def a_vkey_that_is_prose(s, _):
    write(f"{s.folder}/audit.vkey", "made up\n")


@row(r"audit\.vkey", "cannot open: No such file")
def no_vkey(s, _):
    os.unlink(f"{s.folder}/audit.vkey")


@row(NODE, "/audit/witness_vkey: .*is not the public half of the secret in `keys`")
def the_witness_key_of_another_node(s, m):
    shutil.copy(f"{m.world.north.folder}/keys/witness.key", f"{s.folder}/keys/witness.key")


@row(NODE, "/audit/witness_vkey: .*witness.key is not there: without it this node cosigns no log")
def no_witness_key(s, _):
    os.unlink(f"{s.folder}/keys/witness.key")


@row(r"keys/pseudonym\.key", "cannot open the secret: No such file .*put it back from its backup")
def no_pseudonym_key(s, _):
    os.unlink(f"{s.folder}/keys/pseudonym.key")


@row(r"keys/idempotency\.key", "others may read or write the secret .mode 644.")
def a_secret_that_others_may_read(s, _):
    os.chmod(f"{s.folder}/keys/idempotency.key", 0o644)


@row(r"keys/audit\.key", "a secret is one line of at most 128 hex digits|the secret has 2 bytes, 32 are wanted")
def a_secret_that_was_cut(s, _):
    write(f"{s.folder}/keys/audit.key", "abcd\n")


@row(NODE, "/audit/vkey: .*is of another name .host, node or epoch.")
def another_node_name(s, _):
    s.change(node="gw2")


# --- partners and witnesses ---

@row(PARTNER, "/identity/pins: pin 0 is that of this gateway's own certificate: put the partner's there")
def a_partner_with_our_own_pin(s, _):
    own = json.loads(run(GATEWAYCTL, "pin", f"{s.folder}/tls/gateway.pem")[1])
    edit_partner(s, identity={**json.loads(read(f"{s.folder}/partners/north-gateway.json"))["identity"], "pins": own["pins"]})


@row(r"partners/(copy|north-gateway)\.json:\d+:\d+", "/identity/uri: .* has the same certificate identity|/agency: .* is the gateway of north already")
def a_partner_twice(s, _):
    doc = json.loads(read(f"{s.folder}/partners/north-gateway.json"))
    write(f"{s.folder}/partners/copy.json", json.dumps({**doc, "id": "copy"}, indent=2))


@row(r"partners/(south-system|north-gateway)\.json:\d+:\d+", "/identity/pins: pin 0 is also that of .*: each partner has a key of its own")
def two_partners_with_one_pin(s, _):
    pins = json.loads(read(f"{s.folder}/partners/north-gateway.json"))["identity"]["pins"]
    identity = json.loads(read(f"{s.folder}/partners/south-system.json"))["identity"]
    edit_partner(s, "south-system", identity={**identity, "pins": pins})


@row(PARTNER, "/audit/vkey: is this node's own log; put the key there that the partner gave")
def a_partner_with_our_own_log(s, _):
    doc = json.loads(read(f"{s.folder}/partners/north-gateway.json"))
    edit_partner(s, audit={**doc["audit"], "vkey": read(f"{s.folder}/audit.vkey").strip()})


@row(PARTNER, "/audit/vkey: ")
def a_partner_whose_vkey_was_cut(s, _):
    doc = json.loads(read(f"{s.folder}/partners/north-gateway.json"))
    edit_partner(s, audit={**doc["audit"], "vkey": doc["audit"]["vkey"][:-6]})


@row(PARTNER, "/audit/witness_vkey: is not a witness's key")
def a_witness_key_that_is_a_logs(s, _):
    doc = json.loads(read(f"{s.folder}/partners/north-gateway.json"))
    edit_partner(s, audit={**doc["audit"], "witness_vkey": doc["audit"]["vkey"]})


@row(PARTNER, "/identity/pins/0: ")
def a_pin_that_is_no_digest(s, _):
    doc = json.loads(read(f"{s.folder}/partners/north-gateway.json"))
    edit_partner(s, identity={**doc["identity"], "pins": ["sha256:abc"]})


@row(r"partners/north-gateway\.json:\d+:\d+", "/id: is not the file's name")
def a_partner_under_another_name(s, _):
    edit_partner(s, id="nrth")


@row(r"partners/signer-north\.pem", "no readable certificate in PEM form|cannot open: No such file")
def a_signer_that_is_not_there(s, _):
    os.unlink(f"{s.folder}/partners/signer-north.pem")


@row(r"partners/south-gateway\.json:\d+:\d+", "/agency: is this gateway's own agency: the description of this gateway goes to the partners")
def our_own_description_among_the_partners(s, _):
    write(f"{s.folder}/partners/south-gateway.json", json.dumps(s.describe(), indent=2))


@row(PARTNER, "the schema knows no such member")
def a_partner_with_a_slip(s, _):
    edit_partner(s, endpont={"host": "gw.north.example", "port": 8443})


@row(NODE, "/audit/witnesses/0/vkey: ")
def a_witness_with_a_key_that_is_none(s, _):
    edit_audit(s, witnesses=[{"name": "office", "vkey": "made+up", "url": "https://witness.example/"}])


@row(NODE, "/audit/witnesses/0/url: ")
def a_witness_with_a_url_that_is_none(s, m):
    edit_audit(s, witnesses=[{"name": "office", "vkey": read(f"{m.world.north.folder}/witness.vkey").strip(), "url": "witness.example"}])


@row(NODE, "/audit/(witnesses|quorum)")
def one_witness_twice(s, m):
    one = {"name": "office", "vkey": read(f"{m.world.north.folder}/witness.vkey").strip(), "url": "https://witness.example/"}
    edit_audit(s, witnesses=[one, one])


@row(NODE, "/audit/quorum/0: ")
def a_quorum_of_nobody(s, _):
    edit_audit(s, quorum=["quorum made-up"])


# --- agreements, floor, documents ---

@row(r"agreements/pax\.json", "has no signature: pax.json.p7s is not there")
def an_agreement_without_signature(s, _):
    os.unlink(f"{s.folder}/agreements/pax.json.p7s")


@row(r"agreements/pax\.json(\.p7s)?", "sign")
def an_agreement_that_was_changed(s, _):
    path = f"{s.folder}/agreements/pax.json"
    write(path, read(path).replace("Made-up agreement", "Mended agreement"))


@row(r"agreements/pax\.json(\.p7s)?", "south")
def an_agreement_that_one_party_signed(s, m):
    m.world.sign(f"{s.folder}/agreements/pax.json", ("north",))


@row(r"agreements/pax\.json:\d+:\d+", "schema")
def an_agreement_whose_schema_is_not_here(s, m):
    path = f"{s.folder}/agreements/pax.json"
    pinned = json.loads(read(path))["schemas"][0]["input"]
    write(path, read(path).replace(pinned, "1" * 64))
    m.world.sign(path)


@row(r"agreements/pax\.json:\d+:\d+", "")
def an_agreement_that_is_no_json(s, m):
    path = f"{s.folder}/agreements/pax.json"
    write(path, read(path).replace('"sunset"', 'sunset', 1))
    m.world.sign(path)


@row("agreements", "two files hold agreement pax version 1")
def an_agreement_twice(s, _):
    for suffix in ("", ".p7s"):
        shutil.copy(f"{s.folder}/agreements/pax.json{suffix}", f"{s.folder}/agreements/copy.json{suffix}")


@row(r"floor\.json", "cannot open: No such file")
def a_floor_that_is_not_there(s, _):
    s.change(floor="floor.json")


@row(r"floor\.json", "is empty")
def a_floor_that_is_empty(s, _):
    write(f"{s.folder}/floor.json", "")
    s.change(floor="floor.json")


@row(r"floor\.json:1:\d+", "")
def a_floor_that_is_no_json(s, _):
    write(f"{s.folder}/floor.json", "{made up}")
    s.change(floor="floor.json")


@row(NODE, "/lsten: the schema knows no such member")
def a_slip_in_the_configuration(s, _):
    s.change(lsten=[])


@row(r"gatewayd\.json:\d+:\d+", "")
def a_configuration_that_is_no_json(s, _):
    write(s.config, read(s.config).replace('"host"', '"host', 1))


@row(NODE, "/limits: connections of every kind need .* raise LimitNOFILE|/limits/connections")
def limits_that_the_process_cannot_have(s, _):
    s.change(limits={"connections": 100000, "handshakes": 100000, "strangers": 100000, "monitors": 10000,
                     "handshakes_reserved": 100000, "connections_per_source": 100000})
