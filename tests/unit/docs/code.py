"""What the code says of itself, for the documents to be compared with: routes, settings, metrics, codes, frames."""

import ast
import functools
import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import NamedTuple, get_args

import msgspec
from prometheus_client.metrics import MetricWrapperBase
from quart import Quart

import devstack
import devstack.settings
import gateway_service.problem_codes
from chassis.http import ACCESS
from chassis.kafka import KafkaSettings
from chassis.settings import ServiceSettings
from gateway_service.browsers import TARGETS

ROOT = Path(devstack.__file__).parents[1]
SERVICES = ("auth", "profile", "chat", "gateway", "notification")
PACKAGES = ("chassis", *(f"{service}_service" for service in SERVICES))
NOWHERE = {
    "database_url": "postgresql://nobody@127.0.0.1:1/nothing",
    "redis_url": "redis://127.0.0.1:1",
    "auth_url": "http://127.0.0.1:1",
    "profile_url": "http://127.0.0.1:1",
    "chat_urls": ("http://127.0.0.1:1",),
    "signing_keys_file": "nowhere",
    "fcm_credentials_file": "nowhere",
}


class Row(NamedTuple):
    """One method of one path."""

    service: str
    method: str  # or WEBSOCKET
    path: str  # with {names}
    access: str  # public, bearer, internal, or empty


class Setting(NamedTuple):
    """One environment variable."""

    name: str
    default: str  # empty when it is required
    comment: str  # beside it in the code


class Metric(NamedTuple):
    """One metric."""

    name: str
    kind: str
    labels: str
    meaning: str


# --- routes ----------------------------------------------------------------------------------------------------------


def application(service: str) -> Quart:
    """The application of a service, which is never started."""
    settings = settings_of(service)
    names = {field.name for field in msgspec.structs.fields(settings)}
    given = msgspec.convert({name: value for name, value in NOWHERE.items() if name in names}, settings)
    app = importlib.import_module(f"{service}_service.app").create_app(given).app
    assert isinstance(app, Quart), service
    return app


def routes() -> Iterator[Row]:
    """Every method of every path of the services behind the gateway, and those of the gateway for browsers."""
    for target in TARGETS:
        yield Row("gateway", "POST", target, "public")
    for service in ("auth", "profile", "chat"):
        yield from routes_of(service)


def routes_of(service: str) -> Iterator[Row]:
    """Every method of every path of a service."""
    app = application(service)
    for rule in app.url_map.iter_rules():
        path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
        methods = {"WEBSOCKET"} if rule.websocket else (rule.methods or set()) - {"HEAD", "OPTIONS"}
        for method in sorted(methods):
            yield Row(service, method, path, getattr(app.view_functions[rule.endpoint], ACCESS, ""))


# --- settings --------------------------------------------------------------------------------------------------------


def settings_of(service: str) -> type[ServiceSettings]:
    """The settings of a service."""
    found: type[ServiceSettings] = importlib.import_module(f"{service}_service.settings").Settings
    return found


def settings(group: str) -> list[Setting]:
    """The variables of a group: `common` are those of every service, `events` those of services that speak to Kafka,
    the others those of one service, or such as have another default there."""
    model = {"common": ServiceSettings, "events": KafkaSettings}.get(group) or settings_of(group)
    groups = {"common": [], "events": ["common"]}.get(group, ["common", "events"])
    known = {setting.name: setting.default for name in groups for setting in settings(name)}
    found = [_setting(field, _comments(model)) for field in msgspec.structs.fields(model)]
    return [setting for setting in found if setting.default != known.get(setting.name)]


def event_services() -> list[str]:
    """The services that have the `events` settings."""
    return [service for service in SERVICES if issubclass(settings_of(service), KafkaSettings)]


def _setting(field: msgspec.structs.FieldInfo, comments: dict[str, str]) -> Setting:
    default = "" if field.required else _shown(field.default)
    return Setting(field.name.upper(), default, comments.get(field.name, ""))


def _shown(value: object) -> str:
    if value is None or value in ((), ""):
        return "none"
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _comments(model: type) -> dict[str, str]:
    """The comments beside the fields of a class and of those it stands on."""
    found: dict[str, str] = {}
    for base in reversed(model.__mro__):
        module = importlib.import_module(base.__module__)
        if getattr(module, "__file__", None) and base.__module__.partition(".")[0] not in ("builtins", "msgspec"):
            lines = re.findall(r"^    (\w+): [^#\n]*(?:# (?:noqa: \S+ *)?(.*))?$", source(module), re.MULTILINE)
            found |= {name: comment.strip() for name, comment in lines if comment}
    return found


# --- metrics ---------------------------------------------------------------------------------------------------------


def metrics(package: str) -> list[Metric]:
    """The metrics that the modules of a package make, by name."""
    found = {}
    for module in modules(package):
        for value in vars(module).values():
            if isinstance(value, MetricWrapperBase):
                described = next(iter(value.describe()))
                name = described.name + ("_total" if described.type == "counter" else "")
                labels = ", ".join(value._labelnames)
                found[name] = Metric(name, described.type, labels, described.documentation)
    if package != "chassis":
        found = {name: metric for name, metric in found.items() if metric not in metrics("chassis")}
    return [found[name] for name in sorted(found)]


# --- codes and frames ------------------------------------------------------------------------------------------------


def problem_codes() -> set[str]:
    """Every `code` that a problem can have: those of the statuses, and those that are given with `code=`."""
    from chassis import problems

    given = {word.value for call in _calls() for word in call.keywords if word.arg == "code"}
    constants = {value.value for value in given if isinstance(value, ast.Constant) and isinstance(value.value, str)}
    return set(problems._CODES.values()) | constants


def problem_statuses() -> set[int]:
    """Every status that a problem can have: those that have a code of their own, and those given to `Problem`."""
    from chassis import problems

    first = [
        call.args[0] for call in _calls() if isinstance(call.func, ast.Name) and call.func.id == "Problem" and call.args
    ]
    constants = {value.value for value in first if isinstance(value, ast.Constant) and isinstance(value.value, int)}
    return set(problems._CODES) | constants


def commands() -> set[str]:
    """The types of frames that clients may send."""
    from chat_service.realtime import protocol

    return {str(command.__struct_config__.tag) for command in get_args(protocol.Command)}


def events() -> set[str]:
    """The types of frames that the server sends."""
    from chat_service.realtime import events

    return {str(event.__struct_config__.tag) for event in get_args(events.Event)}


def socket_io_requests() -> set[str]:
    """The events of Socket.IO clients that WebSocket clients have no frames for."""
    from chat_service.realtime.socketio import events

    return set(events.REQUESTS)


def socket_io_events() -> set[str]:
    """The events to Socket.IO clients that are called otherwise than frames."""
    from chat_service.realtime.socketio import link, outgoing

    return {*outgoing.NAMES.values(), link.CLOSING}


def everything() -> str:
    """The text of all that runs in pods, but for the table of codes that is to be compared with it."""
    every = (module for package in PACKAGES for module in modules(package))
    return "".join(source(module) for module in every if module is not gateway_service.problem_codes)


def _calls() -> Iterator[ast.Call]:
    for package in PACKAGES:
        for module in modules(package):
            yield from _calls_in(module)


def _calls_in(module: ModuleType) -> Iterator[ast.Call]:
    return (node for node in ast.walk(ast.parse(source(module))) if isinstance(node, ast.Call))


@functools.cache
def modules(package: str) -> list[ModuleType]:
    """All modules of a package but its main."""
    top = importlib.import_module(package)
    names = [info.name for info in pkgutil.walk_packages(top.__path__, f"{package}.")]
    return [top, *(importlib.import_module(name) for name in names if not name.endswith("__main__"))]


@functools.cache
def source(module: ModuleType) -> str:
    """The text of a module."""
    return Path(module.__file__ or "").read_text()
