"""Structured logs: one line a record on stderr, for people or as JSON."""

from __future__ import annotations

import json
import logging
import sys
import time
from typing import Any

from sensorium.settings import LogSettings

_STANDARD = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def configure_logs(settings: LogSettings) -> None:
    """Send the package's logs to stderr as ``settings`` say. Stdout belongs to results."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if settings.format == "json" else TextFormatter())
    logger = logging.getLogger("sensorium")
    logger.handlers = [handler]
    logger.setLevel(settings.level.upper())
    logger.propagate = False


class TextFormatter(logging.Formatter):
    """``12:30:01.250 warning sensorium.session: words``."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, and the traceback below it where there is one."""
        clock = time.strftime("%H:%M:%S", time.localtime(record.created))
        line = (
            f"{clock}.{int(record.msecs):03d} {record.levelname.lower()} "
            f"{record.name}: {record.getMessage()}"
        )
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time (s since the epoch), level, logger, message, extra fields."""

    def format(self, record: logging.LogRecord) -> str:
        """The record and what was passed as ``extra``."""
        fields: dict[str, Any] = {
            "time": round(record.created, 6),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        fields |= {k: v for k, v in vars(record).items() if k not in _STANDARD}
        if record.exc_info:
            fields["error"] = self.formatException(record.exc_info)
        return json.dumps(fields, default=str)
