"""Settings: the only place that reads the environment, and it validates all of it before anything starts.

A service declares a `msgspec.Struct`; a field `database_url` is the variable `DATABASE_URL`. A wrong or missing
variable ends the process with one sentence per mistake, before a socket is bound.
"""

import os
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

import msgspec

Port = Annotated[int, msgspec.Meta(ge=0, le=65535)]
Seconds = Annotated[float, msgspec.Meta(ge=0, le=1e9)]  # finite
Positive = Annotated[int, msgspec.Meta(ge=1)]
Url = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9+.-]*://\S+$")]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
OnOff = Literal["on", "off"]
Sampler = Literal[
    "always_on",
    "always_off",
    "traceidratio",
    "parentbased_always_on",
    "parentbased_always_off",
    "parentbased_traceidratio",
]


class SettingsError(Exception):
    """The environment does not describe a service that can start; `str()` has one line per mistake."""


class ServiceSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What every process needs to know, whichever service it is."""

    service_name: str = "parley"
    pod_name: str = "local"
    host: str = "0.0.0.0"  # noqa: S104  a pod is reached by its own address; the devstack passes 127.0.0.1
    port: Port = 8000
    ops_port: Port | None = None
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["json", "text"] = "json"
    max_body_bytes: Positive = 64 * 1024
    drain_pause_seconds: Seconds = 5.0  # between "not ready" and the first goodbye, for endpoints to propagate
    drain_seconds: Seconds = 25.0  # over which open work is ended
    stop_seconds: Seconds = 10.0  # for each component to stop
    otel_traces_exporter: Literal["none", "otlp"] = "none"  # `otlp` sends traces
    otel_sdk_disabled: Literal["true", "false"] = "false"  # `true` sends none whatever else is said
    otel_exporter_otlp_endpoint: Url = "http://localhost:4318"  # a collector, OTLP over HTTP
    otel_exporter_otlp_headers: tuple[str, ...] = ()  # `name=value,…` for it
    otel_resource_attributes: tuple[str, ...] = ()  # `name=value,…` of every span
    otel_traces_sampler: Sampler = "parentbased_always_on"  # which traces are kept; the same in all services
    otel_traces_sampler_arg: Share = 1.0  # the share that is kept, where the sampler is a ratio


SettingsT = TypeVar("SettingsT", bound=msgspec.Struct)


def load(model: type[SettingsT], environ: Mapping[str, str] | None = None, **defaults: object) -> SettingsT:
    """Read `model` from the environment.

    Arguments:
        model: a Struct; each field is read from the variable of its name in upper case; lists are comma separated.
        environ: the variables, `os.environ` when None. Empty values count as absent.
        defaults: values for fields that the environment does not set.

    Raises:
        SettingsError: a variable is missing or not valid.
    """
    source = os.environ if environ is None else environ
    values: dict[str, Any] = dict(defaults)
    mistakes = []
    for field in msgspec.structs.fields(model):
        raw = source.get(field.name.upper(), "").strip()
        if raw:
            value: object = [part.strip() for part in raw.split(",") if part.strip()] if _is_list(field.type) else raw
            try:
                values[field.name] = msgspec.convert(value, field.type, strict=False)
            except msgspec.ValidationError as error:
                mistakes.append(f"{field.name.upper()}: {error}")
        elif field.required and field.name not in values:
            mistakes.append(f"{field.name.upper()}: is not set")
    if mistakes:
        raise SettingsError("\n".join(mistakes))
    return model(**values)


def _is_list(kind: object) -> bool:
    return getattr(kind, "__origin__", None) in (list, tuple)
