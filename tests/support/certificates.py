"""Throw-away certificates for servers on loopback, made with the openssl command.

    certificates = make_certificates(folder)
    certificates.ca                       the CA that clients are told to trust
    certificates.good.pem, .good.key      localhost, 127.0.0.1 and ::1, signed by the CA
    certificates.expired                  the same names, not valid any more
    certificates.wrong_name               signed by the CA for mail.example.net
    certificates.self_signed              localhost, signed by nobody but itself
"""
import collections
import os
import subprocess

Pair = collections.namedtuple("Pair", "pem key")
Certificates = collections.namedtuple("Certificates", "ca good expired wrong_name self_signed")

LOCAL_NAMES = "DNS:localhost,IP:127.0.0.1,IP:::1"
CA_CONFIGURATION = """
[ca]
default_ca = here
[here]
dir = .
database = index.txt
new_certs_dir = .
rand_serial = yes
default_md = sha256
policy = any
unique_subject = no
copy_extensions = copy
[any]
commonName = supplied
"""


def make_certificates(folder):
    os.makedirs(folder, exist_ok=True)

    def openssl(*arguments):
        done = subprocess.run(["openssl", *arguments], cwd=folder, capture_output=True, text=True, timeout=60)
        if done.returncode != 0:
            raise RuntimeError("openssl " + " ".join(arguments) + ": " + done.stderr)

    def path(name):
        return os.path.join(os.path.abspath(folder), name)

    def pair(name):
        return Pair(path(name + ".pem"), path(name + ".key"))

    new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    with open(path("ca.cnf"), "w") as file:
        file.write(CA_CONFIGURATION)
    open(path("index.txt"), "w").close()
    openssl("req", "-x509", *new_key, "-keyout", "ca.key", "-out", "ca.pem", "-days", "3650",
            "-subj", "/CN=postrider throw-away CA", "-addext", "basicConstraints=critical,CA:TRUE",
            "-addext", "keyUsage=critical,keyCertSign")

    def issue(name, common_name, names, start, end):
        openssl("req", *new_key, "-keyout", name + ".key", "-out", name + ".csr", "-subj", "/CN=" + common_name,
                "-addext", "subjectAltName=" + names)
        openssl("ca", "-batch", "-notext", "-config", "ca.cnf", "-cert", "ca.pem", "-keyfile", "ca.key",
                "-in", name + ".csr", "-out", name + ".pem", "-startdate", start, "-enddate", end)
        return pair(name)

    always = ("20200101000000Z", "20491231000000Z")
    good = issue("good", "localhost", LOCAL_NAMES, *always)
    expired = issue("expired", "localhost", LOCAL_NAMES, "20200101000000Z", "20200201000000Z")
    wrong_name = issue("wrong-name", "mail.example.net", "DNS:mail.example.net", *always)
    openssl("req", "-x509", *new_key, "-keyout", "self-signed.key", "-out", "self-signed.pem", "-days", "3650",
            "-subj", "/CN=localhost", "-addext", "subjectAltName=" + LOCAL_NAMES)
    return Certificates(path("ca.pem"), good, expired, wrong_name, pair("self-signed"))


if __name__ == "__main__":
    import sys
    print(make_certificates(sys.argv[1]))
