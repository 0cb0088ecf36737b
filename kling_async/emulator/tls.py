"""A certificate for this machine, made at start and gone with the emulator.

It is its own authority: a client that is to trust it gets it as `emulator.certificate`, or by `SSL_CERT_FILE`.
"""

import datetime as dt
import importlib
import ipaddress
import ssl
from collections.abc import Iterable
from pathlib import Path
from typing import Any

VALID_DAYS = 30


class MissingCryptographyError(RuntimeError):
    """The package `cryptography` is not installed."""


def server_context(folder: Path, hosts: Iterable[str]) -> tuple[ssl.SSLContext, Path]:
    """Makes a certificate and a context that serves with it.

    Args:
        folder: Where certificate and key are written.
        hosts: Names and addresses beside those of the loopback interface.

    Returns:
        The context and the certificate's path (PEM).

    Raises:
        MissingCryptographyError: The package `cryptography` is not installed.
    """
    certificate, key = _made({"localhost", "127.0.0.1", "::1", *hosts})
    paths = folder / "certificate.pem", folder / "key.pem"
    paths[0].write_bytes(certificate)
    paths[1].touch(mode=0o600)
    paths[1].write_bytes(key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*paths)
    return context, paths[0]


def _made(hosts: Iterable[str]) -> tuple[bytes, bytes]:
    """Certificate and key as PEM; imported here, since few need it."""
    try:
        x509: Any = importlib.import_module("cryptography.x509")
        hashes: Any = importlib.import_module("cryptography.hazmat.primitives.hashes")
        forms: Any = importlib.import_module("cryptography.hazmat.primitives.serialization")
        ec: Any = importlib.import_module("cryptography.hazmat.primitives.asymmetric.ec")
    except ImportError as error:
        raise MissingCryptographyError(
            "tls=True makes a certificate with the package cryptography, which is missing;"
            " install it with: pip install cryptography"
        ) from error
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Kling emulator")])
    now = dt.datetime.now(dt.UTC)
    day = dt.timedelta(days=1)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - day)
        .not_valid_after(now + VALID_DAYS * day)
        .add_extension(
            x509.SubjectAlternativeName([_named(x509, host) for host in sorted(hosts)]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = forms.Encoding.PEM
    secret = key.private_bytes(pem, forms.PrivateFormat.PKCS8, forms.NoEncryption())
    return certificate.public_bytes(pem), secret


def _named(x509: Any, host: str) -> Any:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
