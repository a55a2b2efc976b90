"""What the environment says."""

from pathlib import Path

import pytest

from devstack.environment import for_engines, for_services
from devstack.errors import DevstackError
from devstack.settings import Settings, load


def test_nothing_set_is_the_default() -> None:
    assert load({}) == Settings(port=8000, host="127.0.0.1", data_dir=Path(".data"))


def test_an_empty_variable_counts_as_absent() -> None:
    assert load({"PORT": "", "DATA_DIR": " ", "POSTGRES_URL": ""}) == Settings()


def test_what_is_set_is_taken() -> None:
    settings = load({"PORT": "9", "DATA_DIR": "/there", "HOST": "0.0.0.0", "REDIS_URL": "rediss://u:p@h:1/2"})
    assert settings == Settings(port=9, data_dir=Path("/there"), host="0.0.0.0", redis_url="rediss://u:p@h:1/2")


@pytest.mark.parametrize("port", ["0", "65536", "-1", "80.0", "8_000", "٨٠٠٠", "http"])
def test_a_port_that_is_none_is_refused(port: str) -> None:
    with pytest.raises(DevstackError, match="PORT must be a number from 1 to 65535"):
        load({"PORT": port})


@pytest.mark.parametrize(
    ("name", "url"),
    [("POSTGRES_URL", "localhost:5432"), ("REDIS_URL", "redis://:secret@"), ("KAFKA_URL", "localhost:9092")],
)
def test_a_url_that_is_none_is_refused_without_showing_it(name: str, url: str) -> None:
    with pytest.raises(DevstackError, match=f"{name} must be a URL such as") as caught:
        load({name: url})
    assert url not in str(caught.value)


def test_a_service_account_that_is_not_there_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "account.json"
    with pytest.raises(DevstackError, match="FCM_CREDENTIALS_FILE must be"):
        load({"FCM_CREDENTIALS_FILE": str(file)})
    file.touch()
    assert load({"FCM_CREDENTIALS_FILE": str(file)}).fcm_credentials_file == file


def test_services_see_what_is_not_ours() -> None:
    environment = {"RATE_LIMITS": "off", "PORT": "1", "POSTGRES_URL": "u", "DATABASE_URL": "u", "PATH": "/bin"}
    assert for_services(environment) == {"RATE_LIMITS": "off", "PATH": "/bin"}


def test_engines_see_next_to_nothing() -> None:
    assert for_engines({"PATH": "/bin", "PGDATA": "/elsewhere", "LC_ALL": "de_DE"}) == {
        "PATH": "/bin",
        "LC_ALL": "C",
        "TZ": "UTC",
    }
