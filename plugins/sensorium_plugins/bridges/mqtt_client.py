"""Opening and leaving a connection to an MQTT broker so that nothing stays behind.

A thin layer over aiomqtt 2.5. Each connection is a new ``aiomqtt.Client``: paho, below it, sends
what was not acknowledged again when its object reconnects, and so does our own queue, so reusing
the object would send everything twice. Three things aiomqtt does not do are done here, with its
and paho's private parts: closing the socket after a connect that failed or was cancelled, ending
its housekeeping task, and leaving the acknowledgement of a message to whoever handles it.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from typing import Any

from sensorium.errors import MissingDependency, SettingsError, SourceUnavailable
from sensorium_plugins.bridges.mqtt_options import Connection, Tls

try:
    import aiomqtt
    from aiomqtt.exceptions import MqttConnectError
    from paho.mqtt.client import MQTT_CLEAN_START_FIRST_ONLY
    from paho.mqtt.packettypes import PacketTypes
    from paho.mqtt.properties import Properties
except ModuleNotFoundError as error:
    raise MissingDependency(
        "the MQTT bridge", str(error.name), "Run: pip install 'sensorium[mqtt]'"
    ) from error

WINDOW = 20  # messages of QoS 1 under way at once: paho's own limit, and mosquitto's default
GOODBYE_S = 1.0  # for the broker to close the connection after our DISCONNECT
KEEP_FOR_EVER = 0xFFFFFFFF  # session expiry of MQTT 5, s
PERMANENT = {
    132: "the broker does not speak this version of MQTT: set connection.protocol",
    133: "the broker refuses connection.client_id",
    134: "the broker refuses connection.username or the password",
    135: "the broker does not authorise this client: check connection.username and the password",
    138: "the broker has banned this client",
    140: "the broker wants another method of authentication",
}
"""Answers to CONNECT (MQTT 5 codes, to which paho translates those of 3.1.1) that will not change
by asking again."""


class _TidySocket(ssl.SSLSocket):
    """Closes itself when the handshake fails; paho forgets it open."""

    def do_handshake(self, block: bool = False) -> None:
        try:
            super().do_handshake(block)
        except BaseException:
            self.close()
            raise


def tls_context(tls: Tls) -> ssl.SSLContext:
    """The context for these options. Raises :class:`SettingsError` naming the unusable file."""
    context = ssl.create_default_context()
    context.sslsocket_class = _TidySocket
    try:
        if tls.ca is not None:
            context.load_verify_locations(tls.ca)
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(
            f"connection.tls.ca: {tls.ca}: {error}", key="connection.tls.ca"
        ) from error
    try:
        if tls.cert is not None:
            context.load_cert_chain(tls.cert, tls.key)
    except (OSError, ssl.SSLError) as error:
        files = " and ".join(str(path) for path in (tls.cert, tls.key) if path)
        raise SettingsError(
            f"connection.tls.cert: {files}: {error}", key="connection.tls.cert"
        ) from error
    if tls.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def new_client(connection: Connection, context: ssl.SSLContext | None) -> aiomqtt.Client:
    """A client that is not connected yet and acknowledges nothing by itself."""
    v5 = connection.protocol == "5"
    will = connection.will
    properties = None
    if v5 and not connection.clean_session:
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = KEEP_FOR_EVER
    client = aiomqtt.Client(
        connection.host,
        connection.effective_port,
        username=connection.username,
        password=connection.secret(),
        identifier=connection.client_id or None,
        protocol=aiomqtt.ProtocolVersion.V5 if v5 else aiomqtt.ProtocolVersion.V311,
        will=aiomqtt.Will(will.topic, will.payload, will.qos, will.retain) if will else None,
        clean_session=None if v5 else connection.clean_session,
        clean_start=connection.clean_session if v5 else MQTT_CLEAN_START_FIRST_ONLY,
        properties=properties,
        timeout=connection.timeout_s,
        keepalive=connection.keepalive,
        tls_context=context,
        max_inflight_messages=WINDOW,
        # Messages and acknowledgements are small: waiting to fill a packet costs 40 ms each.
        socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
    )
    client.pending_calls_threshold = 10 * WINDOW  # several outboxes may be at work
    _paho(client).manual_ack_set(True)
    _paho(client).connect_timeout = connection.timeout_s
    return client


async def enter(client: aiomqtt.Client, connection: Connection) -> None:
    """Connect, or leave nothing behind.

    Raises :class:`SettingsError` for what trying again cannot mend and
    :class:`SourceUnavailable` for the rest.
    """
    entering = asyncio.ensure_future(client.__aenter__())
    try:
        await asyncio.wait([entering])
    except asyncio.CancelledError:
        # A thread may be inside connect(), where nothing reaches it; what it opens must be closed.
        client.timeout = 0.01
        await asyncio.wait([entering])
        if entering.exception() is None:
            await leave(client)
        else:
            await _drop(client)
        raise
    error = entering.exception()
    if error is not None:
        await _drop(client)
        raise _explained(error, connection)


async def leave(client: aiomqtt.Client) -> None:
    """Say goodbye if the connection still stands, and close it."""
    client.timeout = min(client.timeout, GOODBYE_S)
    with contextlib.suppress(aiomqtt.MqttError):
        await client.__aexit__(None, None, None)
    await _drop(client)


def acknowledge(client: aiomqtt.Client, message: aiomqtt.Message) -> None:
    """Tell the broker that it may forget ``message``; nothing happens on a lost connection."""
    if message.qos > 0:
        _paho(client).ack(message.mid, message.qos)


async def _drop(client: aiomqtt.Client) -> None:
    _paho(client)._sock_close()
    task = client._misc_task
    if task is not None:
        task.cancel()
        await asyncio.wait([task])


def _paho(client: aiomqtt.Client) -> Any:
    return client._client


def _explained(error: BaseException, connection: Connection) -> BaseException:
    where = f"MQTT broker {connection.address}"
    if isinstance(error, MqttConnectError):
        code: Any = getattr(error.rc, "value", error.rc)
        if code in PERMANENT:
            return SettingsError(f"{where}: {PERMANENT[code]}", key="connection")
    cause = error.__context__
    if isinstance(cause, ssl.SSLCertVerificationError):
        return SettingsError(
            f"{where}: its certificate is not to be trusted ({cause.verify_message}). Name the"
            " authority that signed it in connection.tls.ca, and the host as in the certificate",
            key="connection.tls.ca",
        )
    if isinstance(error, aiomqtt.MqttError):
        return SourceUnavailable(f"{where} cannot be reached: {error}")
    return error
