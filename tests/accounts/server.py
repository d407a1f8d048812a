"""A real MySQL server in Docker for these tests, as the stack runs it: TLS only, a CA of its own."""

import datetime
import ipaddress
import ssl
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pymysql
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pymysql.cursors import Cursor

from mailinfra.containers import images

ROOT = Path(__file__).parents[2]
BASE = "mailinfra-base:trixie"
PASSWORD = "not-a-secret"
START_SECONDS = 120

UNVERIFIED = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Made once: to read the CAs that the system trusts takes longer than to connect and ask."""
UNVERIFIED.check_hostname = False
UNVERIFIED.verify_mode = ssl.CERT_NONE


@dataclass(frozen=True, kw_only=True)
class Server:
    """A running server."""

    container: str
    port: int
    ca: str
    host: str = "127.0.0.1"

    def connection(self, database: str) -> dict[str, Any]:
        """Return the property bag with which the provider reaches one of its databases."""
        return {
            "host": self.host,
            "port": float(self.port),
            "user": "root",
            "password": PASSWORD,
            "ca": self.ca,
            "database": database,
            "verify": True,
        }

    def sql(self, statement: str, database: str | None = None) -> list[tuple[Any, ...]]:
        """Run one statement and return its rows."""
        with self.link(database) as link, link.cursor() as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall())

    def link(self, database: str | None = None) -> "pymysql.Connection[Cursor]":
        """Return a connection of root's, which commits each statement."""
        return pymysql.connect(
            host=self.host,
            port=self.port,
            user="root",
            password=PASSWORD,
            database=database,
            charset="utf8mb4",
            autocommit=True,
            ssl=UNVERIFIED,
        )


def docker(*arguments: str) -> str:
    """Return what the docker command prints; raise with its complaint."""
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"docker {' '.join(arguments)}: {done.stderr}")
    return done.stdout.strip()


def image() -> str:
    """Return an image of MySQL: our own where it, or the base for it, is there; otherwise the pinned one."""
    tag = "mailinfra-accounts-test-mysql"
    if docker("image", "ls", "--quiet", BASE):
        folder = f"{ROOT}/images/mysql"
        docker("build", "--quiet", "--network=host", f"--build-arg=BASE={BASE}", f"--tag={tag}", folder)
    return tag if docker("image", "ls", "--quiet", tag) else images.MYSQL


@contextmanager
def running(host: str = "127.0.0.1") -> Iterator[Server]:
    """Yield a server at an address of this machine, which its certificate names; it is removed again."""
    name = f"mailinfra-accounts-test-{uuid.uuid4().hex[:8]}"
    ca = certificate_files(host)
    arguments = [
        *("--name", name, "--publish", f"{host}::3306", "--tmpfs", "/var/lib/mysql"),
        *("--env", f"MYSQL_ROOT_PASSWORD={PASSWORD}", "--env", "MYSQL_ROOT_HOST=%"),
        image(),
        *("mysqld", "--require-secure-transport=ON", "--mysqlx=OFF", "--innodb-flush-log-at-trx-commit=0"),
        *(f"--ssl-{kind}=/tls/{kind}.pem" for kind in ("ca", "cert", "key")),
    ]
    docker("create", *arguments)
    try:
        with tempfile.TemporaryDirectory() as folder:
            tls = Path(folder) / "tls"
            tls.mkdir(mode=0o755)
            for file, text in ca.items():
                (tls / file).write_text(text)
                (tls / file).chmod(0o644)
            docker("cp", str(tls), f"{name}:/tls")
        docker("start", name)
        port = int(docker("port", name, "3306/tcp").splitlines()[0].rpartition(":")[2])
        server = Server(container=name, port=port, ca=ca["ca.pem"], host=host)
        wait(server)
        yield server
    finally:
        docker("rm", "--force", "--volumes", name)


def wait(server: Server) -> None:
    """Return once the server lets us in."""
    end = time.monotonic() + START_SECONDS
    while True:
        try:
            server.sql("SELECT 1")
            return
        except pymysql.MySQLError:
            if time.monotonic() > end:
                raise
            time.sleep(0.3)


def certificate_files(host: str = "127.0.0.1") -> dict[str, str]:
    """Return a CA, and a certificate for an address with its key, as PEM texts by file name."""
    ca_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "accounts test CA")])
    now = datetime.datetime.now(datetime.UTC)

    def signed(subject: x509.Name, public: ec.EllipticCurvePublicKey, *extensions: x509.ExtensionType) -> str:
        builder = x509.CertificateBuilder(issuer, subject, public, x509.random_serial_number())
        builder = builder.not_valid_before(now - datetime.timedelta(minutes=5))
        builder = builder.not_valid_after(now + datetime.timedelta(days=1))
        for extension in extensions:
            builder = builder.add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
        return builder.sign(ca_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()

    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(host))])
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mysql")])
    return {
        "ca.pem": signed(issuer, ca_key.public_key(), x509.BasicConstraints(ca=True, path_length=0)),
        "cert.pem": signed(subject, key.public_key(), names),
        "key.pem": key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode(),
    }
