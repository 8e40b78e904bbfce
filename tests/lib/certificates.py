"""Certificates for tests, made with the openssl program."""

import pathlib
import subprocess


def make_certificate(folder, name, address, days=30, key="ec"):
    """A self-signed certificate for localhost and an address: (certificate file, key file)."""
    folder = pathlib.Path(folder)
    paths = folder / f"{name}.pem", folder / f"{name}.key"
    kind = {"ec": ["ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"], "rsa": ["rsa:2048"]}[key]
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", *kind, "-nodes", "-keyout", paths[1], "-out",
         paths[0], "-days", str(days), "-subj", f"/CN={name}", "-addext",
         f"subjectAltName=DNS:localhost,IP:{address}"],
        check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return paths


def make_expired(folder, name, address):
    """The same, not valid any more since 2021."""
    folder = pathlib.Path(folder)
    _certificate, key = make_certificate(folder, name, address)
    request, certificate = folder / f"{name}.csr", folder / f"{name}.pem"
    (folder / "index").write_text("")
    (folder / "serial").write_text("01\n")
    (folder / "ca.cnf").write_text(
        f"[ca]\ndefault_ca = a\n[a]\nnew_certs_dir = {folder}\ndatabase = {folder}/index\n"
        f"serial = {folder}/serial\ndefault_md = sha256\npolicy = p\n[p]\ncommonName = supplied\n")
    for command in (
            ["req", "-new", "-key", key, "-subj", f"/CN={name}", "-out", request],
            ["ca", "-batch", "-selfsign", "-config", folder / "ca.cnf", "-keyfile", key, "-in",
             request, "-out", certificate, "-startdate", "20200101000000Z", "-enddate",
             "20210101000000Z", "-notext"]):
        subprocess.run(["openssl", *command], check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
    return certificate, key


class Authority:
    """A certificate authority in a folder, which issues certificates: PEM files and their keys."""

    def __init__(self, folder, name):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.name = name
        self.certificate = self.folder / f"{name}.pem"
        self.key = self.folder / f"{name}.key"
        _openssl("req", "-x509", *KEY, "-keyout", self.key, "-out", self.certificate, "-days",
                 "30", "-subj", f"/CN={name}")

    @property
    def pem(self):
        return self.certificate.read_text()

    def issue(self, name, subject, extensions, days=30):
        """(certificate file, key file); extensions are lines of an openssl section."""
        key, request = self.folder / f"{name}.key", self.folder / f"{name}.csr"
        certificate, section = self.folder / f"{name}.pem", self.folder / f"{name}.ext"
        section.write_text("".join(f"{line}\n" for line in extensions))
        _openssl("req", "-new", *KEY, "-keyout", key, "-out", request, "-subj", subject)
        _openssl("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.key,
                 "-CAcreateserial", "-days", str(days), "-extfile", section, "-out", certificate)
        return certificate, key

    def sign(self, request, start=None, end=None):
        """The certificate of a request in PEM, extensions and all; times as 20260101000000Z."""
        folder = self.folder / "signing"
        folder.mkdir(exist_ok=True)
        (folder / "request").write_text(request)
        (folder / "index").write_text("")
        (folder / "ca.cnf").write_text(
            f"[ca]\ndefault_ca = a\n[a]\nnew_certs_dir = {folder}\ndatabase = {folder}/index\n"
            "rand_serial = yes\ndefault_md = sha256\npolicy = p\ncopy_extensions = copy\n"
            "x509_extensions = e\n[p]\ncommonName = supplied\n[e]\nextendedKeyUsage = serverAuth\n")
        times = ["-startdate", start, "-enddate", end] if start else ["-days", "30"]
        _openssl("ca", "-batch", "-config", folder / "ca.cnf", "-cert", self.certificate,
                 "-keyfile", self.key, "-in", folder / "request", "-out", folder / "certificate",
                 "-notext", *times)
        return (folder / "certificate").read_text()

    def server(self, name, *subject_names, days=30):
        """For a server: subject_names are like DNS:a.example or IP:127.0.0.1."""
        return self.issue(name, f"/CN={name}", [f"subjectAltName={','.join(subject_names)}",
                                                "extendedKeyUsage=serverAuth"], days)

    def identity(self, name, common_name, usage="clientAuth"):
        """For a client with that common name."""
        return self.issue(name, f"/CN={common_name}", [f"extendedKeyUsage={usage}"])

    def client(self, name, days=30, usage="clientAuth", authority=False):
        """A PEM file with a client's certificate and its key."""
        extensions = [f"extendedKeyUsage={usage}"] if usage else []
        if authority:
            extensions = ["basicConstraints=critical,CA:TRUE"]
        certificate, key = self.issue(name, f"/CN={name}", extensions, days)
        bundle = self.folder / f"{name}-bundle.pem"
        bundle.write_text(certificate.read_text() + key.read_text())
        return bundle


KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]


def _openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)
