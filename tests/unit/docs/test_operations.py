"""docs/operations.md has every setting and metric of the code, and no other."""

import pytest

from tests.unit.docs import code
from tests.unit.docs.documents import codes, rows
from tests.unit.docs.tables import DOCUMENT, written_anew

AGAIN = "run `python -m tests.unit.docs.tables`, and say what a new setting is"


def test_the_tables_are_those_of_the_code() -> None:
    text = DOCUMENT.read_text()
    assert written_anew(text) == text, AGAIN


@pytest.mark.parametrize("group", ["common", "events", *code.SERVICES])
def test_every_setting_says_what_it_is(group: str) -> None:
    table = DOCUMENT.read_text().split(f"<!-- settings: {group} -->")[1].split("<!-- end -->")[0]
    assert [row[0] for row in rows(table) if not row[-1]] == [], AGAIN
    assert rows(table)


def test_the_services_that_speak_to_kafka_are_named() -> None:
    assert f"Services that speak to Kafka ({', '.join(code.event_services())}):" in DOCUMENT.read_text()


def test_metrics_that_are_recommended_exist() -> None:
    packages = ["chassis", *(f"{service}_service" for service in code.SERVICES)]
    known = {metric.name for package in packages for metric in code.metrics(package)}
    table = DOCUMENT.read_text().split("What to look at first:")[1].split("\n## ")[0]
    named = {name for row in rows(table) for name in codes(row[-1])}
    assert named
    assert named <= known
