"""The table of what the platform is made of."""

from typing import Any

import pytest

from devstack.services import PARLEY, Job, Service

NAMES = [service.name for service in PARLEY.services]
WORDS: dict[str, Any] = {
    "python": "python",
    "data": "/data",
    "keys": "/data/keys.json",
    "web": "/web",
    "redis": "redis://",
    "kafka": "kafka://",
    "smtp": "smtp://",
    "fcm": {"account": "/data/account.json", "url": "http://fcm", "token_url": "http://fcm/token"},
    "public": "http://",
    "port": dict.fromkeys(NAMES, 1),
    "url": {name: f"http://{name}" for name in NAMES},
    "database": {name: f"postgresql://{name}" for name in PARLEY.databases},
}


@pytest.mark.parametrize("entry", [*PARLEY.jobs, *PARLEY.services], ids=lambda entry: entry.name)
def test_every_entry_names_only_what_is_there(entry: Job | Service) -> None:
    texts = [*entry.command, *entry.environment.values()]
    assert all("{" not in text.format_map(WORDS) for text in texts)


def test_names_are_unique_and_one_is_the_gateway() -> None:
    assert len(set(NAMES)) == len(NAMES)
    assert [service.name for service in PARLEY.services if service.gateway] == ["gateway"]


def test_the_gateway_stops_first_and_what_others_ask_stops_last() -> None:
    stages = {service.name: service.stage for service in PARLEY.services}
    assert all(stages["gateway"] > stage for name, stage in stages.items() if name != "gateway")
    may_be_away = {("auth", "PROFILE_URL"), ("auth", "CHAT_URL")}  # asked for exports only
    for service in PARLEY.services:
        for name, text in service.environment.items():
            if (service.name, name) in may_be_away:
                continue
            asked = [name for name in NAMES if f"{{url[{name}]}}" in text]
            assert all(stages[name] < service.stage for name in asked), service.name


def test_there_are_two_chat_pods_and_the_gateway_knows_both() -> None:
    pods = {service.environment["POD_NAME"] for service in PARLEY.services if "chat_service" in service.command}
    assert pods == {"chat-1", "chat-2"}
    (gateway,) = (service for service in PARLEY.services if service.gateway)
    assert gateway.environment["CHAT_URLS"].format_map(WORDS) == "http://chat-1,http://chat-2"


def test_every_database_is_migrated() -> None:
    assert {job.database for job in PARLEY.jobs if job.database} == set(PARLEY.databases)
