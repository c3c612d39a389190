"""Certificates, keys, authorities and revocation lists that are broken; the rows as set_up_rows.py has them."""

import json
import os
import shutil

from set_up_rows import CA, KEY, PEM, crl, edit_tls, row
from world import read, run, write


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
