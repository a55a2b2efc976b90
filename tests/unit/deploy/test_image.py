"""What is built, with what, and that all of it is in the image."""

import re
import tomllib

import pytest
import yaml

from deploy.image import NoBuilder, Source, choose, command, source
from deploy.schema import CHART
from deploy.tools import ROOT

WHAT = Source("1.2.3", "abc", 1700000000)
IGNORED = (ROOT / ".dockerignore").read_text().splitlines()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_the_first_builder_that_works_is_taken() -> None:
    assert choose(lambda _: True) == "docker"
    assert choose(lambda program: program != "docker") == "podman"
    assert choose(lambda program: program == "buildah") == "buildah"


def test_without_a_builder_it_says_so() -> None:
    with pytest.raises(NoBuilder, match="neither docker"):
        choose(lambda _: False)


@pytest.mark.parametrize("builder", ["docker", "podman", "buildah"])
def test_the_image_is_labelled_and_dated(builder: str) -> None:
    words = command(builder, "parley:1", WHAT, base="base@sha256:1", environment={})
    assert words[:4] == [builder, "build", "--tag", "parley:1"]
    for argument in ["VERSION=1.2.3", "REVISION=abc", "SOURCE_DATE_EPOCH=1700000000", "BASE_IMAGE=base@sha256:1"]:
        assert argument in words
    assert ("--timestamp" in words) == (builder != "docker")
    assert words[-1] == "."


def test_packages_come_from_where_pip_was_told_to_look() -> None:
    environment = {"PIP_INDEX_URL": "https://packages.example", "PIP_CERT": "/etc/ssl/certs/ours.crt", "HOME": "/"}
    words = command("buildah", "parley:1", WHAT, environment=environment)
    assert "PIP_INDEX_URL=https://packages.example" in words
    assert "/etc/ssl/certs:/etc/ssl/certs:ro" in words
    assert not any("HOME" in word for word in words)
    declared = set(re.findall(r"^ARG (\w+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE))
    assert {word.partition("=")[0] for word in words if re.match(r"[A-Z_]+=", word)} <= declared


def test_this_checkout_has_a_version_and_a_date() -> None:
    what = source()
    assert what.version == PROJECT["project"]["version"]
    assert what.epoch >= 315532800


def test_all_that_the_distribution_is_made_of_reaches_the_builder() -> None:
    wheel = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]
    folders = [*wheel["packages"], *wheel["force-include"]]
    kept = [line.removeprefix("!") for line in IGNORED if line.startswith("!")]
    missing = [folder for folder in folders if not any(folder == one or folder.startswith(f"{one}/") for one in kept)]
    assert missing == []
    assert IGNORED[1] == "*"  # and nothing else: no .git, no data, no keys


def test_the_web_client_is_where_the_gateway_looks_for_it() -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    folder = values["gateway"]["settings"]["WEB_DIR"]
    assert f"cp -R source/web/dist/. {folder}/" in (ROOT / "Dockerfile").read_text()
    assert "!web/dist" in IGNORED


def test_the_dockerfile_copies_only_what_reaches_the_builder() -> None:
    text = (ROOT / "Dockerfile").read_text()
    for copied in re.findall(r"^COPY (requirements/\S+) (requirements/\S+)", text, re.MULTILINE)[0]:
        assert f"!{copied}" in IGNORED
    assert text.count("\nUSER 10001:10001") == 1
