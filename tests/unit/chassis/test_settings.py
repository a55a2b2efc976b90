"""Reading the environment: all mistakes at once, each in one line, and never a value that may be a secret."""

import os

import pytest

from chassis.settings import OnOff, Port, Positive, Seconds, ServiceSettings, SettingsError, Url, load


class Settings(ServiceSettings, frozen=True, kw_only=True):
    """Some settings of each kind."""

    database_url: Url
    chat_urls: tuple[Url, ...] = ()
    rate_limits: OnOff = "on"
    pool_size: Positive = 10
    pause_seconds: Seconds = 0.5


GOOD = {"DATABASE_URL": "postgresql://u:secret@h/d"}


def mistakes(**environ: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load(Settings, {**GOOD, **environ})
    assert "secret" not in str(caught.value)
    return str(caught.value).splitlines()


def test_what_is_not_set_has_its_default() -> None:
    settings = load(Settings, GOOD)
    assert settings.database_url == GOOD["DATABASE_URL"]
    assert (settings.port, settings.ops_port, settings.log_level, settings.chat_urls) == (8000, None, "info", ())


def test_every_kind_is_read() -> None:
    settings = load(
        Settings,
        GOOD
        | {
            "PORT": "9000",
            "OPS_PORT": "9001",
            "CHAT_URLS": " http://a:1 ,http://b:2,, ",
            "RATE_LIMITS": "off",
            "PAUSE_SECONDS": "1.5",
            "DRAIN_SECONDS": "3",
            "SERVICE_NAME": "  chat ",
            "UNKNOWN": "x",
            "port": "1",
        },
    )
    assert (settings.port, settings.ops_port, settings.pause_seconds, settings.drain_seconds) == (9000, 9001, 1.5, 3.0)
    assert settings.chat_urls == ("http://a:1", "http://b:2")
    assert (settings.rate_limits, settings.service_name) == ("off", "chat")


def test_an_empty_value_counts_as_absent() -> None:
    assert load(Settings, {**GOOD, "PORT": "", "OPS_PORT": "  "}) == load(Settings, GOOD)
    assert mistakes(DATABASE_URL=" ") == ["DATABASE_URL: is not set"]


def test_the_services_own_defaults_are_below_the_environment() -> None:
    assert load(Settings, GOOD, port=8001).port == 8001
    assert load(Settings, {**GOOD, "PORT": "8002"}, port=8001).port == 8002
    assert load(Settings, {}, database_url="postgresql://h/d").database_url == "postgresql://h/d"


def test_all_mistakes_are_told_at_once_in_one_line_each() -> None:
    lines = mistakes(DATABASE_URL="", PORT="70000", RATE_LIMITS="maybe", POOL_SIZE="0", LOG_LEVEL="loud")
    assert sorted(line.split(":")[0] for line in lines) == [
        "DATABASE_URL",
        "LOG_LEVEL",
        "POOL_SIZE",
        "PORT",
        "RATE_LIMITS",
    ]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "http"),
        ("PORT", "-1"),
        ("PORT", "80.5"),
        ("OPS_PORT", "none of them"),
        ("PAUSE_SECONDS", "-0.1"),
        ("PAUSE_SECONDS", "nan"),
        ("PAUSE_SECONDS", "inf"),
        ("PAUSE_SECONDS", "1e400"),
        ("MAX_BODY_BYTES", "0"),
        ("DATABASE_URL", "secret"),
        ("DATABASE_URL", "localhost:5432/secret"),
        ("DATABASE_URL", "postgresql://u:secret @h/d"),
        ("CHAT_URLS", "http://a,secret"),
        ("LOG_FORMAT", "xml"),
    ],
)
def test_a_wrong_value_names_its_variable_and_not_itself(name: str, value: str) -> None:
    (line,) = mistakes(**{name: value})
    assert line.startswith(f"{name}: ")


def test_the_process_environment_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name in ("HOST", "PORT", "OPS_PORT"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("DATABASE_URL", "postgresql://env/d")
    monkeypatch.setenv("PORT", "1234")
    settings = load(Settings)
    assert (settings.database_url, settings.port) == ("postgresql://env/d", 1234)


def test_ports_are_those_of_tcp() -> None:
    class Ports(ServiceSettings, frozen=True, kw_only=True):
        other: Port

    assert load(Ports, {"OTHER": "0"}).other == 0
    assert load(Ports, {"OTHER": "65535"}).other == 65535
