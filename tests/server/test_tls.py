"""The same over TLS, with a certificate made here."""

from __future__ import annotations

import socket
import ssl
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from freehold.server.messages import Response
from tests.server.conftest import echo

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.fixture
def server_side(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


@pytest.fixture
def client_side(certificate):
    return ssl.create_default_context(cafile=str(certificate))


def test_requests_over_tls_are_secure(serve, server_side, client_side):
    """aws:SecureTransport is taken from it."""
    secure = []

    def handler(request):
        secure.append(request.secure)
        return echo(request)

    client = serve(handler, tls=server_side).connect(tls=client_side)
    client.send_slowly(GET * 3)
    assert [client.answer().status for _ in range(3)] == [200] * 3
    assert secure == [True] * 3


def test_large_bodies_pass_both_ways(serve, server_side, client_side):
    client = serve(echo, tls=server_side).connect(tls=client_side)
    body = b"x" * 3_000_000
    client.send(b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    assert len(client.answer().document["body"]) == len(body)


def test_a_refusal_and_an_unread_body_close_the_connection(serve, server_side, client_side):
    server = serve(lambda request: Response(403, [], b"no"), tls=server_side)
    client = server.connect(tls=client_side)
    client.send(b"PUT / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
    assert client.answer().status == 403
    assert client.is_closed()
    client = server.connect(tls=client_side)
    client.send(b"\0\r\n\r\n")
    assert client.answer().status == 400
    assert client.is_closed()


def test_plain_http_on_the_tls_port_gets_nothing(serve, server_side, client_side):
    server = serve(echo, tls=server_side)
    client = server.connect()
    client.send(GET)
    assert b"HTTP/" not in client.rest()
    other = server.connect(tls=client_side)
    other.send(GET)
    assert other.answer().status == 200


def test_a_client_that_goes_over_tls_is_noticed(serve, server_side, client_side):
    """TLS has no half-closed connections."""
    server = serve(echo, tls=server_side)
    client = server.connect(tls=client_side)
    client.send(GET)
    assert client.answer().status == 200
    client.socket.shutdown(socket.SHUT_RDWR)
    server.wait_until(lambda: not server.server.connections)
