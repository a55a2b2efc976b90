"""What a cluster of one node is made of, as far as files go."""

import hashlib
import json
import tarfile
from pathlib import Path

import pytest
from cryptography import x509

from tests.cluster.onenode import archives, machine
from tests.cluster.onenode.pki import Authority


def test_an_image_holds_its_program_and_names_itself(tmp_path: Path) -> None:
    program = tmp_path / "pause"
    program.write_bytes(b"a program")
    archives.write(tmp_path / "image.tar", "localhost/pause:one", program, ["/pause"])
    with tarfile.open(tmp_path / "image.tar") as tar:
        files = {member.name: tar.extractfile(member).read() for member in tar}  # type: ignore[union-attr]
    (manifest,) = json.loads(files["manifest.json"])
    assert manifest["RepoTags"] == ["localhost/pause:one"]
    layer = files[manifest["Layers"][0]]
    config = json.loads(files[manifest["Config"]])
    assert config["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(layer).hexdigest()}"]
    assert config["config"]["Entrypoint"] == ["/pause"]
    (tmp_path / "layer.tar").write_bytes(layer)
    with tarfile.open(tmp_path / "layer.tar") as tar:
        (member,) = tar.getmembers()
        assert (member.name, member.mode, member.uid) == ("pause", 0o755, 0)


def test_who_has_a_kubeconfig_has_a_certificate_of_the_authority(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    authority.kubeconfig("admin", "admin", "system:masters", "https://10.0.0.1:6443")
    root, admin = (x509.load_pem_x509_certificate((tmp_path / f"{name}.crt").read_bytes()) for name in ("ca", "admin"))
    admin.verify_directly_issued_by(root)
    assert admin.subject.rfc4514_string() == "CN=admin,O=system:masters"
    assert (tmp_path / "admin.key").stat().st_mode & 0o777 == 0o600


def test_what_a_machine_lacks_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    monkeypatch.setattr(machine, "PLUGIN_FOLDERS", ())
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    reasons = "; ".join(machine.reasons_against())
    assert "it takes root" in reasons
    assert "containerd" in reasons
    assert "no CNI plugins" in reasons


def test_modules_are_pinned_to_one_release_of_kubernetes() -> None:
    text = (Path(machine.__file__).parent / "go.mod").read_text()
    versions = {line.split(" => ")[1].split()[1] for line in text.splitlines() if " => k8s.io/" in line}
    assert len(versions) == 1
    assert f"k8s.io/kubernetes v1.{versions.pop().removeprefix('v0.')}\n" in text
