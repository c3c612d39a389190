"""Set-ups that are broken, all that set_up_rows.py has rows for: those of TLS (broken_tls.py), and here addresses, folders, keys,
partners, agreements and the configuration itself."""

import json
import os
import shutil
import socket

import broken_tls   # whose rows come first
from set_up_rows import NODE, PARTNER, ROWS, edit_audit, edit_partner, row
from world import GATEWAYCTL, read, run, write


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
    m.held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)    # connections of before may still be closing
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


@row(NODE, "/audit/mirror: is the file of /store: name another one")
def a_mirror_in_the_store(s, _):
    edit_audit(s, mirror="store/gatewayd.db")


@row(NODE, "/audit/anchor: is the file of /audit/mirror")
def an_anchor_in_the_mirror_by_another_path(s, _):
    write(f"{s.folder}/log/audit.jsonl", "")
    os.symlink("../log/audit.jsonl", f"{s.folder}/anchor/link")
    edit_audit(s, anchor="anchor/link")


# --- keys and what is given away of them ---

@row(r"keys/idempotency\.key", "is the same secret as pseudonym.key: each is its own")
def one_secret_for_two(s, _):
    shutil.copy(f"{s.folder}/keys/pseudonym.key", f"{s.folder}/keys/idempotency.key")


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


@row(r"partners/north\.json:\d+:\d+", "/id: is the name of another agency .north-gateway has it., and its signers would sign for that one")
def a_signer_under_the_name_of_another_agency(s, m):
    shutil.copy(f"{s.folder}/partners/signer-north.pem", f"{s.folder}/partners/east.pem")
    write(f"{s.folder}/partners/north.json", json.dumps({"id": "north", "agency": "east", "jurisdiction": "XE", "roles": [], "signers": ["east.pem"]}))


@row(r"agreements/pax\.json:\d+:\d+", "no signing certificate of north is pinned here")
def an_agreement_that_an_operator_signed(s, _):
    doc = json.loads(read(f"{s.folder}/partners/north-gateway.json"))
    signers = doc.pop("signers")
    write(f"{s.folder}/partners/north-gateway.json", json.dumps(doc))
    write(f"{s.folder}/partners/north-operator.json", json.dumps({"id": "north-operator", "agency": "north", "jurisdiction": "XN",
                                                                  "roles": ["operator"], "signers": signers}))


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
