"""Certificates and keys of a cluster that lives for an hour."""

import datetime
import ipaddress
from collections.abc import Sequence
from pathlib import Path

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LIFETIME = datetime.timedelta(days=1)


class Authority:
    """A certificate authority, and files of what it signs.

    Arguments:
        folder: for all of them; the authority's own are `ca.crt` and `ca.key`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name("parley-cluster")
        builder = self._builder(self._name, self._key.public_key(), authority=True)
        self._certificate = builder.sign(self._key, hashes.SHA256())
        self._write("ca", self._key, self._certificate)

    def issue(
        self,
        file: str,
        user: str,
        group: str | None = None,
        *,
        hosts: Sequence[str] = (),
        addresses: Sequence[str] = (),
    ) -> tuple[Path, Path]:
        """A certificate and its key; where they are.

        Arguments:
            file: their name without its end.
            user: whom Kubernetes takes the bearer for.
            group: of Kubernetes.
            hosts: names that a server has.
            addresses: that a server has.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        names: list[x509.GeneralName] = [x509.DNSName(host) for host in hosts]
        names += [x509.IPAddress(ipaddress.ip_address(one)) for one in addresses]
        builder = self._builder(_name(user, group), key.public_key(), authority=False)
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return self._write(file, key, builder.sign(self._key, hashes.SHA256()))

    def keypair(self, file: str) -> tuple[Path, Path]:
        """A private key and its public one, for the tokens of service accounts; where they are."""
        key = ec.generate_private_key(ec.SECP256R1())
        public = self.folder / f"{file}.pub"
        public.write_bytes(
            key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        )
        return self._write_key(file, key), public

    def kubeconfig(self, file: str, user: str, group: str | None, server: str) -> Path:
        """A file with which `user` enters."""
        certificate, key = self.issue(file, user, group)
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {
                    "name": "onenode",
                    "cluster": {"server": server, "certificate-authority": str(self.folder / "ca.crt")},
                }
            ],
            "users": [{"name": user, "user": {"client-certificate": str(certificate), "client-key": str(key)}}],
            "contexts": [{"name": "onenode", "context": {"cluster": "onenode", "user": user}}],
            "current-context": "onenode",
        }
        path = self.folder / f"{file}.kubeconfig"
        path.write_text(yaml.safe_dump(content))
        return path

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey, *, authority: bool
    ) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(minutes=5))
            .not_valid_after(now + LIFETIME)
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        )
        if not authority:
            uses = [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]
            builder = builder.add_extension(x509.ExtendedKeyUsage(uses), critical=False)
        return builder

    def _write(self, file: str, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> tuple[Path, Path]:
        path = self.folder / f"{file}.crt"
        path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        return path, self._write_key(file, key)

    def _write_key(self, file: str, key: ec.EllipticCurvePrivateKey) -> Path:
        path = self.folder / f"{file}.key"
        path.touch(mode=0o600)
        path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return path


def _name(user: str, group: str | None = None) -> x509.Name:
    parts = [x509.NameAttribute(NameOID.COMMON_NAME, user)]
    if group is not None:
        parts.insert(0, x509.NameAttribute(NameOID.ORGANIZATION_NAME, group))
    return x509.Name(parts)
