"""Images of one static program each, as archives that containerd takes: no builder is needed for them."""

import hashlib
import io
import json
import tarfile
from pathlib import Path


def write(archive: Path, name: str, program: Path, entrypoint: list[str]) -> None:
    """An image that holds one program.

    Arguments:
        archive: where.
        name: the image's, with its tag.
        program: the file; it is put into the root folder.
        entrypoint: its command line.
    """
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as tar:
        tar.add(program, program.name, filter=_plain)
    digest = hashlib.sha256(layer.getvalue()).hexdigest()
    config = json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Entrypoint": entrypoint, "User": "65534:65534", "WorkingDir": "/"},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
            "history": [{"created": "1980-01-01T00:00:00Z"}],
        }
    ).encode()
    config_name = f"{hashlib.sha256(config).hexdigest()}.json"
    manifest = json.dumps([{"Config": config_name, "RepoTags": [name], "Layers": [f"{digest}/layer.tar"]}]).encode()
    with tarfile.open(archive, "w") as tar:
        for file, content in ((config_name, config), (f"{digest}/layer.tar", layer.getvalue())):
            _add(tar, file, content)
        _add(tar, "manifest.json", manifest)


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mode, member.mtime = 0o755, 0
    return member


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))
