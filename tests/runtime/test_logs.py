"""Logs: one record a line, on stderr."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING

import pytest

from sensorium.logs import configure_logs
from sensorium.settings import LogSettings

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    logger = logging.getLogger("sensorium")
    before = (logger.handlers, logger.level, logger.propagate)
    yield
    logger.handlers, logger.level, logger.propagate = before


def test_a_line_says_when_how_bad_who_and_what(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(LogSettings(level="info"))
    logging.getLogger("sensorium.component.camera").info("lost %s", "the device")
    logging.getLogger("sensorium.x").debug("too quiet")
    captured = capsys.readouterr()
    assert captured.out == ""
    words = captured.err.strip().split(" ", 2)
    assert len(words[0]) == len("12:30:01.250")
    assert words[1:] == ["info", "sensorium.component.camera: lost the device"]


def test_an_error_brings_its_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(LogSettings())
    try:
        raise ValueError("deep down")
    except ValueError:
        logging.getLogger("sensorium").exception("failed")
    lines = capsys.readouterr().err.strip().splitlines()
    assert lines[0].endswith("error sensorium: failed")
    assert lines[-1] == "ValueError: deep down"


def test_json_is_one_object_a_line_with_what_was_passed_along(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logs(LogSettings(format="json"))
    log = logging.LoggerAdapter(logging.getLogger("sensorium.a"), {"component": "camera"})
    try:
        raise ValueError("two\nlines")
    except ValueError:
        log.exception("fünf %d", 5)
    log.warning("unusual", extra={})
    lines = capsys.readouterr().err.strip().splitlines()
    first, second = map(json.loads, lines)
    assert first["message"] == "fünf 5"
    assert (first["level"], first["logger"], first["component"]) == (
        "error", "sensorium.a", "camera",
    )  # fmt: skip
    assert "ValueError: two\nlines" in first["error"]
    assert set(second) == {"time", "level", "logger", "message", "component"}


def test_configuring_again_replaces_what_was(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(LogSettings(format="json"))
    configure_logs(LogSettings(level="error"))
    logging.getLogger("sensorium").error("once")
    logging.getLogger("sensorium").warning("no")
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
