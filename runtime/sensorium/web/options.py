"""``[web]``: the HTTP server of a session."""

from __future__ import annotations

import ipaddress

from pydantic import BaseModel, ConfigDict, Field, model_validator

DEFAULT_PORT = 7866


class WebOptions(BaseModel):
    """The HTTP server. It listens on loopback; on any other address only with a token."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    enabled: bool | None = None
    """Whether there is one; if not said, there is one when ``[telemetry]`` is enabled."""
    host: str = Field("127.0.0.1", min_length=1)
    port: int = Field(DEFAULT_PORT, ge=0, le=65535)
    """0 takes any free one."""
    token_env: str = ""
    """The environment variable with the token that every request has to show; empty for none."""

    @model_validator(mode="after")
    def _closed_by_default(self) -> WebOptions:
        if not self.token_env and not is_loopback(self.host):
            raise ValueError(
                f"host {self.host!r} can be reached from other machines: set token_env to the name"
                " of an environment variable that holds a token, or use host 127.0.0.1"
            )
        return self


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach that address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
