"""The generator is compiled once, and its absence has a reason."""

import shutil
from pathlib import Path

import pytest

from loadtests.bench.compiler import compiled
from loadtests.bench.results import Skipped

needs_compiler = pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")


def source(folder: Path, text: str) -> Path:
    file = folder / "program.c"
    file.write_text(text)
    return file


@needs_compiler
def test_a_program_is_compiled_once(tmp_path: Path) -> None:
    file = source(tmp_path, "int main(void) { return 0; }")
    first = compiled(file, tmp_path / "cache")
    made = first.stat().st_mtime_ns
    assert compiled(file, tmp_path / "cache") == first
    assert first.stat().st_mtime_ns == made


@needs_compiler
def test_another_source_is_another_program(tmp_path: Path) -> None:
    first = compiled(source(tmp_path, "int main(void) { return 0; }"), tmp_path)
    second = compiled(source(tmp_path, "int main(void) { return 1; }"), tmp_path)
    assert first != second
    assert first.exists() and second.exists()


@needs_compiler
def test_what_does_not_compile_is_skipped_with_the_compilers_words(tmp_path: Path) -> None:
    with pytest.raises(Skipped, match=r"(?s)program\.c.*nonsense"):
        compiled(source(tmp_path, "nonsense"), tmp_path)


def test_without_a_compiler_it_is_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Skipped, match="no C compiler"):
        compiled(source(tmp_path, "int main(void) { return 0; }"), tmp_path)
