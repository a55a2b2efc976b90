"""Structured logs: one JSON object a line on stderr, each with the request it belongs to.

Extra fields are passed as `logger.info("text", extra={"room": room_id})`. Tokens, tickets and passwords never reach a
log call; as a second line of defence everything that looks like one is masked here.
"""

import contextvars
import json
import logging
import re
import sys
from datetime import UTC, datetime
from typing import Any

request_id: contextvars.ContextVar[str] = contextvars.ContextVar("request_id", default="")
user_id: contextvars.ContextVar[str] = contextvars.ContextVar("user_id", default="")
trace_id: contextvars.ContextVar[str] = contextvars.ContextVar("trace_id", default="")

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}
_SECRETS = re.compile(  # in text that may be JSON already, so that no match ends in the middle of an escape
    r"eyJ[\w-]{8,}\.[\w-]+\.[\w-]*"  # a JWT
    r"|(?:(?<=token=)|(?<=ticket=)|(?<=password=)|(?<=[Bb]earer ))[^&\s\"'\\]+"  # in a query string, in a header
    r"|(?<=://)[^/\s:@\"\\]*:[^/\s\"\\]+(?=@)"  # credentials in a URL
)
_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0))}  # what a terminal would obey


def mask(text: str) -> str:
    """The text with everything that looks like a credential replaced by `***`."""
    return _SECRETS.sub("***", text)


class JsonFormatter(logging.Formatter):
    """A log record as one line of JSON."""

    def __init__(self, service: str, pod: str) -> None:
        super().__init__()
        self._base = {"service": service, "pod": pod}

    def format(self, record: logging.LogRecord) -> str:
        """The record with its extra fields; an exception as one string."""
        entry: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC)
            .isoformat(timespec="milliseconds")
            .replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **self._base,
        }
        for name, variable in (("request_id", request_id), ("user_id", user_id), ("trace_id", trace_id)):
            if value := variable.get():
                entry[name] = value
        entry.update(_extra(record))
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return mask(json.dumps(entry, default=_text, skipkeys=True, ensure_ascii=False))


class TextFormatter(logging.Formatter):
    """The same for a person at a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        """`12:00:01 INFO logger message key=value`."""
        extra = "".join(f" {key}={value}" for key, value in _extra(record).items())
        if request := request_id.get():
            extra += f" request_id={request}"
        when = datetime.fromtimestamp(record.created, UTC).strftime("%H:%M:%S.%f")[:-3]
        line = f"{when} {record.levelname:7} {record.name} {record.getMessage()}{extra}".translate(_CONTROLS)
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return mask(line)


def _extra(record: logging.LogRecord) -> dict[str, Any]:
    return {key: value for key, value in vars(record).items() if key not in _STANDARD}


def _text(value: object) -> str:
    try:
        return str(value)
    except Exception:
        return f"<{type(value).__name__}>"


def configure(service: str, pod: str, level: str, style: str) -> None:
    """Send all logs of this process to stderr in one form.

    Arguments:
        service: e.g. `chat`.
        pod: the pod's name, to tell replicas apart.
        level: `debug`, `info`, `warning` or `error`.
        style: `json` or `text`.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter(service, pod) if style == "json" else TextFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for noisy in ("hypercorn.error", "httpx", "httpcore", "aiokafka", "asyncio"):
        logging.getLogger(noisy).setLevel("WARNING")
