from __future__ import annotations

import asyncio
import datetime
import ipaddress
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from sensorium.errors import SettingsError
from sensorium_plugins.bridges.mqtt_client import tls_context
from sensorium_plugins.bridges.mqtt_link import _links
from sensorium_plugins.bridges.mqtt_options import Connection, Tls, is_loopback

PATIENCE = 10.0
ROUTES = [{"from": "n", "format": "text"}]


def certificate(folder: Path, name: str, address: str | None) -> tuple[Path, Path]:
    """A certificate that signs itself, and its key: (cert.pem, key.pem)."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    )
    if address is not None:
        names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
        builder = builder.add_extension(names, critical=False)
    signed = builder.sign(key, hashes.SHA256())
    cert_file, key_file = folder / f"{name}.crt", folder / f"{name}.key"
    cert_file.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return cert_file, key_file


@asynccontextmanager
async def over_tls(broker, files):
    """The broker, started again with a TLS listener in place of the plain one."""
    await broker.kill()  # mosquitto is deaf to SIGTERM in its first moments
    broker.tls = files
    yield await broker.start()


async def connects(session) -> None:
    (link,) = _links[session.clock]
    await asyncio.wait_for(link.up.wait(), PATIENCE)


async def test_tls_with_the_authority_that_signed(broker, agent, tmp_path):
    files = certificate(tmp_path, "broker", "127.0.0.1")
    async with over_tls(broker, files):
        connection = broker.connection | {"tls": {"ca": str(files[0])}}
        async with agent({"mqtt_out": {"connection": connection, "routes": ROUTES}}) as session:
            await connects(session)


@pytest.mark.parametrize(
    ("name", "told"), [("stranger", "self-signed"), ("elsewhere", "IP address")]
)
async def test_a_certificate_that_proves_nothing_ends_the_bridge(
    broker, agent, heard, tmp_path, name, told
):
    address = "127.0.0.1" if name == "stranger" else "127.0.0.2"
    files = certificate(tmp_path, "broker", address)
    trusted = files if name == "elsewhere" else certificate(tmp_path, "other", "127.0.0.1")
    async with over_tls(broker, files):
        connection = broker.connection | {"tls": {"ca": str(trusted[0])}}
        session = agent({"mqtt_out": {"connection": connection, "routes": ROUTES}})
        failed = heard(session, "system/component_failed")
        async with session:
            failure = (await failed.next()).payload
            assert (failure.kind, failure.action) == ("SettingsError", "disable")
            assert "its certificate is not to be trusted" in failure.error
            assert told in failure.error


async def test_insecure_tls_believes_any_certificate(broker, agent, tmp_path):
    async with over_tls(broker, certificate(tmp_path, "broker", None)):
        connection = broker.connection | {"tls": {"insecure": True}}
        async with agent({"mqtt_out": {"connection": connection, "routes": ROUTES}}) as session:
            await connects(session)


async def test_an_unreadable_authority_is_named(agent, heard, tmp_path):
    connection = {"tls": {"ca": str(tmp_path / "none.pem")}}
    session = agent({"mqtt_out": {"connection": connection, "routes": ROUTES}})
    failed = heard(session, "system/component_failed")
    async with session:
        failure = (await failed.next()).payload
    assert failure.during == "setup"
    assert "connection.tls.ca" in failure.error
    assert "none.pem" in failure.error


async def test_a_wrong_password_ends_the_bridge(broker, agent, heard):
    routes = [{"topic": "a", "format": "text"}]
    connection = broker.connection | {"password": "a guess"}
    session = agent({"mqtt_in": {"connection": connection, "routes": routes}})
    failed = heard(session, "system/component_failed")
    async with session:
        failure = (await failed.next()).payload
    assert (failure.kind, failure.action) == ("SettingsError", "disable")
    assert "username" in failure.error
    assert "a guess" not in failure.error


async def test_a_password_from_the_environment(broker, agent, monkeypatch):
    connection = {k: v for k, v in broker.connection.items() if k != "password"}
    connection["password_env"] = "LAMP_PASSWORD"
    monkeypatch.setenv("LAMP_PASSWORD", "a secret")
    async with agent({"mqtt_out": {"connection": connection, "routes": ROUTES}}) as session:
        await connects(session)


async def test_a_missing_password_variable_is_named(agent, heard, monkeypatch):
    monkeypatch.delenv("LAMP_PASSWORD", raising=False)
    connection = {"username": "me", "password_env": "LAMP_PASSWORD"}
    session = agent({"mqtt_out": {"connection": connection, "routes": ROUTES}})
    failed = heard(session, "system/component_failed")
    async with session:
        assert "LAMP_PASSWORD" in (await failed.next()).payload.error


@pytest.mark.parametrize("host", ["broker.example", "192.168.1.2", "0.0.0.0", "localhost.example"])
def test_plain_text_to_another_machine_must_be_asked_for(host):
    with pytest.raises(SettingsError, match=r"connection\.host: .*unencrypted.*allow_plaintext"):
        Connection(host=host)
    assert Connection(host=host, allow_plaintext=True).effective_port == 1883
    assert Connection(host=host, tls={}).effective_port == 8883


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_this_machine_may_be_talked_to_plainly(host):
    assert is_loopback(host)
    assert Connection(host=host)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"clean_session": False}, "client_id"),
        ({"username": "me", "password": "x" * 9, "password_env": "P"}, "not both"),
        ({"password": "x" * 9}, "without a username"),
    ],
)
def test_combinations_that_cannot_work(options, told):
    with pytest.raises(SettingsError, match=told) as caught:
        Connection(**options)
    assert "xxx" not in str(caught.value)


def test_our_own_certificate_must_fit_its_key(tmp_path):
    cert, key = certificate(tmp_path, "agent", None)
    _, other = certificate(tmp_path, "other", None)
    assert tls_context(Tls(cert=cert, key=key))
    with pytest.raises(SettingsError, match=r"connection\.tls\.cert: .*other\.key"):
        tls_context(Tls(cert=cert, key=other))
