"""The documents name only what there is: links, files, tests, make targets, modules."""

import importlib.util
import re

import pytest

from tests.unit.docs.code import ROOT
from tests.unit.docs.documents import Document, documents
from tests.unit.docs.tables import README, written_anew

DOCUMENTS = documents()
MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = set(re.findall(r"^([a-z-]+):.*## ", MAKEFILE, re.MULTILINE))
FOLDERS = {path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith(".")}
EXAMPLES = {"0004_what_it_does.sql", "keys.json", "signing-keys.json"}
every_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)


def test_the_documents_that_everybody_looks_for_are_there() -> None:
    names = {document.name for document in DOCUMENTS}
    folders = [
        "auth",
        "profile",
        "chat",
        "gateway",
        "notifications",
        "chassis",
        "contracts",
        "devstack",
        "tests",
        "docs",
        "requirements",
    ]
    wanted = {"README.md", "CONTRIBUTING.md", "CHANGELOG.md", *(f"{folder}/README.md" for folder in folders)}
    assert wanted <= names


@every_document
def test_every_link_leads_somewhere(document: Document) -> None:
    anchors = {other.path: other.anchors for other in DOCUMENTS}
    for target in re.findall(r"\]\(([^)\s]+)\)", document.prose):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        there = (document.path.parent / path).resolve() if path else document.path
        assert there.exists(), target
        if anchor:
            assert anchor in anchors[there], target


@every_document
def test_every_file_that_is_named_is_there(document: Document) -> None:
    for span in document.spans:
        name = span.partition("::")[0].rstrip("/")
        is_ours = name.partition("/")[0] in FOLDERS and "/" in name and re.fullmatch(r"[\w./-]+", name)
        if is_ours and (re.search(r"\.\w+$", name) or span.endswith("/")):
            beside = (ROOT / name, document.path.parent / name, *ROOT.glob(f"*/{name}"))
            assert any(path.exists() for path in beside), span


@every_document
def test_every_test_that_is_named_is_there(document: Document) -> None:
    named = {span for span in document.spans if re.fullmatch(r"test_[a-z0-9_]+", span)}
    if named:
        text = "".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
        missing = {name for name in named if f"def {name}(" not in text}
        assert missing <= {"test_a_repeated_send_gets_the_first_row"}, missing  # the example of a name


@every_document
def test_every_make_target_that_is_named_is_there(document: Document) -> None:
    named = re.findall(r"`make ([a-z-]+)", document.prose)
    named += [command.split()[1] for command in document.commands if command.startswith("make ")]
    assert set(named) <= TARGETS


@every_document
def test_every_module_that_is_run_is_there(document: Document) -> None:
    for module in re.findall(r"python3? -m ([a-z_.]+)", document.text):
        assert importlib.util.find_spec(module) is not None, module


@every_document
def test_shell_blocks_are_run_or_name_targets_only(document: Document) -> None:
    if document.name == "README.md":
        before, _, quickstart = document.text.partition("## First message in 60 seconds")  # run by tests/e2e
        assert "```sh" in quickstart
        document = Document(document.path, before)
    assigned = [re.fullmatch(r"make [a-z-]+((?: [A-Z]+=(?:[^\s\"]+|\"[^\"]*\"))*)", each) for each in document.commands]
    assert [each for each, match in zip(document.commands, assigned, strict=True) if match is None] == []
    named = {name for match in assigned if match for name in re.findall(r" ([A-Z]+)=", match[1])}
    assert named <= set(re.findall(r"\$\((?:or \$\(|if \$\()?([A-Z]+)\)", MAKEFILE))


def test_the_numbers_of_the_readme_are_those_that_were_measured() -> None:
    text = README.read_text()
    assert "<!-- comparison: readme -->" in text
    assert written_anew(text) == text, "run `python -m tests.unit.docs.tables`"
