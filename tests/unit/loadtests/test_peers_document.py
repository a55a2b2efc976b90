"""docs/performance.md says what was measured, and the plots beside it show that."""

import re
from pathlib import Path

import msgspec
import pytest

from loadtests.bench.document import DOCUMENT, FOLDER, filled, tables
from loadtests.bench.plots import draw
from loadtests.bench.results import Growth


def test_the_document_has_the_tables_of_the_kept_run() -> None:
    text = DOCUMENT.read_text()

    assert filled(text, tables()) == text


def test_the_plots_show_the_kept_run(tmp_path: Path) -> None:
    growth = msgspec.json.decode((FOLDER / "growth.json").read_bytes(), type=Growth)

    for file in draw(growth, tmp_path):
        assert (FOLDER / file.name).read_text() == file.read_text()


def test_every_picture_of_the_document_is_there() -> None:
    pictures = re.findall(r"!\[[^]]*]\(([^)]+)\)", DOCUMENT.read_text())

    assert {Path(picture).name for picture in pictures} >= {"room-size.svg", "stored-messages.svg", "history-pages.svg"}
    assert all((DOCUMENT.parent / picture).exists() for picture in pictures)


def test_a_table_is_replaced_and_the_rest_stays() -> None:
    text = "a\n<!-- t -->\n```\nold\n```\nb\n"

    assert filled(text, {"t": ["1  2", r"\1"]}) == "a\n<!-- t -->\n```\n1  2\n\\1\n```\nb\n"


def test_a_missing_table_is_an_error() -> None:
    with pytest.raises(ValueError, match="0 tables named t"):
        filled("nothing", {"t": ["1"]})
