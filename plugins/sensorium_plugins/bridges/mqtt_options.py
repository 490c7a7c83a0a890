"""Where the MQTT broker is and how to reach it: the ``connection`` table of every MQTT component.

Local by default: a broker on another machine is reached over TLS, or over plain TCP only when
``allow_plaintext`` says so. Components of one session whose tables are equal share a connection.
"""

from __future__ import annotations

import ipaddress
import os
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr, model_validator

from sensorium.components import ComponentOptions
from sensorium.errors import SettingsError, TopicError
from sensorium.topics import check_pattern, check_topic

PLAIN_PORT = 1883
TLS_PORT = 8883


def _topic(text: str) -> str:
    try:
        return check_topic(text)
    except TopicError as error:
        raise ValueError(str(error)) from error


def _pattern(text: str) -> str:
    try:
        return check_pattern(text)
    except TopicError as error:
        raise ValueError(str(error)) from error


Topic = Annotated[str, AfterValidator(_topic)]
"""An exact topic."""
Pattern = Annotated[str, AfterValidator(_pattern)]
"""A topic filter: ``+`` for one level, ``#`` at the end for any number."""
Qos = Literal[0, 1, 2]


class Tls(ComponentOptions):
    """TLS to the broker. An empty table uses the system's authorities."""

    ca: Path | None = None
    """PEM file of the authority that signed the broker's certificate."""
    cert: Path | None = None
    """PEM file of our own certificate, where the broker asks for one."""
    key: Path | None = None
    """PEM file of that certificate's private key; empty when ``cert`` holds both."""
    insecure: bool = False
    """Believe any certificate: encrypts, but does not say who is at the other end."""


class Will(ComponentOptions):
    """What the broker publishes for us when we vanish without saying goodbye."""

    topic: Topic
    payload: str = ""
    qos: Qos = 1
    retain: bool = True


class Connection(ComponentOptions):
    """One connection to one broker. Raises :class:`SettingsError` for an unsafe combination."""

    host: str = "127.0.0.1"
    port: int | None = Field(None, ge=1, le=65535)
    """1883, or 8883 with TLS, if not given."""
    protocol: Literal["3.1.1", "5"] = "3.1.1"
    username: str | None = None
    password: SecretStr | None = None
    password_env: str = ""
    """Name of the environment variable that holds the password."""
    tls: Tls | None = None
    allow_plaintext: bool = False
    """Talk to another machine without encryption."""
    client_id: str = ""
    """Must be unique at the broker; made up by the client library if empty."""
    clean_session: bool = True
    """False: the broker keeps our subscriptions and what they matched while we are away."""
    keepalive: int = Field(30, ge=1, le=65535)
    """Seconds of silence after which we ask the broker for a sign of life."""
    timeout_s: float = Field(4.0, gt=0)
    """For connecting, and for each of the broker's answers while connecting."""
    will: Will | None = None
    reconnect_s: float = Field(0.5, gt=0)
    """Wait before the first attempt to reconnect; doubles up to ``reconnect_max_s``."""
    reconnect_max_s: float = Field(30.0, gt=0)

    @model_validator(mode="after")
    def _is_safe(self) -> Connection:
        # SettingsError, not ValueError: pydantic would print the whole table, password included.
        if not (self.tls or self.allow_plaintext or is_loopback(self.host)):
            raise SettingsError(
                f"connection.host: {self.host!r} is another machine and everything would travel"
                " unencrypted. Add a table connection.tls (empty for a publicly signed"
                " certificate), or set connection.allow_plaintext = true",
                key="connection.host",
            )
        if self.password is not None and self.password_env:
            raise SettingsError(
                "connection: give password or password_env, not both", key="connection.password"
            )
        if self.username is None and (self.password is not None or self.password_env):
            raise SettingsError(
                "connection: a password without a username", key="connection.username"
            )
        if not self.clean_session and not self.client_id:
            raise SettingsError(
                "connection.clean_session: the broker keeps messages for a client it can name:"
                " set connection.client_id as well",
                key="connection.clean_session",
            )
        return self

    @property
    def address(self) -> str:
        """``host:port``, for people."""
        return f"{self.host}:{self.effective_port}"

    @property
    def effective_port(self) -> int:
        """The port given, or the usual one."""
        return self.port or (TLS_PORT if self.tls else PLAIN_PORT)

    def secret(self) -> str | None:
        """The password. Raises :class:`SettingsError` when its variable is not set."""
        if self.password_env:
            try:
                return os.environ[self.password_env]
            except KeyError:
                raise SettingsError(
                    f"connection.password_env: the environment has no {self.password_env}",
                    key="connection.password_env",
                ) from None
        return self.password.get_secret_value() if self.password else None


def is_loopback(host: str) -> bool:
    """Whether ``host`` can only be this machine. A name is never looked up to find out."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
