"""Compiling the generator, once per version of its source."""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from .results import Skipped

SOURCE = Path(__file__).with_name("fan.c")
CACHE = Path(__file__).parents[2] / ".cache" / "bench"
COMPILERS = ("cc", "gcc", "clang")


def compiled(source: Path = SOURCE, cache: Path = CACHE) -> Path:
    """The program made from `source`.

    Raises:
        Skipped: there is no C compiler, or it does not compile this.
    """
    digest = hashlib.sha256(source.read_bytes()).hexdigest()[:16]
    program = cache / f"{source.stem}-{digest}"
    if program.exists():
        return program
    compiler = next((path for name in COMPILERS if (path := shutil.which(name)) is not None), None)
    if compiler is None:
        raise Skipped("there is no C compiler (cc, gcc or clang), and the generator is written in C")
    cache.mkdir(parents=True, exist_ok=True)
    fresh = program.with_name(f"{program.name}.{os.getpid()}")
    command = [compiler, "-O2", "-o", str(fresh), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Skipped(f"{compiler} does not compile {source.name}: {done.stderr.strip()[:500]}")
    fresh.replace(program)
    return program
