"""Start the programs of a cluster, one after the other, each when those that it needs answer."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import yaml
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from kubernetes.utils import create_from_dict
from urllib3.exceptions import HTTPError

from deploy.tools import ROOT

from . import addons, archives, crds, machine, programs
from .build import Programs
from .pki import Authority

START_SECONDS = 120.0
STOP_SECONDS = 20.0


class NotStarted(Exception):
    """A program does not start; `str()` says which, and the end of what it said."""


class Cluster:
    """A cluster while it is entered. The namespaces around it remove what it leaves.

    Arguments:
        built: its programs.
        folder: for its files; its name is that of the control group.
        images: archives by the name of their image.
    """

    def __init__(self, built: Programs, folder: Path, images: Mapping[str, Path]) -> None:
        self._built = built
        self._folder = folder
        self._images = images
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._pki = Authority(folder / "pki")
        self.kubeconfig = self._pki.kubeconfig("admin", "admin", "system:masters", programs.SERVER)

    def __enter__(self) -> Self:
        try:
            self._enter()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _enter(self) -> None:
        pki, folder = self._pki, self._folder
        (folder / "logs").mkdir()
        machine.make_groups(folder.name)
        plugins = machine.plugin_folder()
        if plugins is None:
            raise NotStarted("There are no CNI plugins.")
        self._start("containerd", programs.containerd(folder, plugins), own=False)
        self._start("etcd", programs.etcd(folder))
        self._start("kube-apiserver", programs.apiserver(pki))
        self._until("containerd", lambda: subprocess.run(["ctr", "version"], capture_output=True).returncode == 0)
        self._load()
        config.load_kube_config(str(self.kubeconfig))  # type: ignore[no-untyped-call]
        self._until("kube-apiserver", _is_ready)
        self._start("kube-controller-manager", programs.controllers(pki))
        self._start("policies", [sys.executable, "-m", "tests.cluster.onenode.policies", str(pki.folder)], own=False)
        self._start("kube-scheduler", programs.scheduler(pki))
        self._start("kube-proxy", programs.proxy(pki))
        self._start("kubelet", programs.kubelet(pki, folder, folder.name))
        defined = [yaml.safe_load(path.read_text()) for path in crds.definitions()]
        for found in [*addons.coredns(), *defined]:
            create_from_dict(client.ApiClient(), found)  # type: ignore[no-untyped-call]
        self._until("kubelet", _has_node)
        self._until("kubelet", _has_names)

    def _load(self) -> None:
        small = {
            programs.PAUSE: (self._built.pause, ["/pause"]),
            programs.COREDNS: (self._built.onenode, ["/onenode", "coredns"]),
        }
        archives_of = dict(self._images)
        for name, (program, entrypoint) in small.items():
            archive = archives_of[name] = self._folder / f"{program.name}.tar"
            archives.write(archive, name, program, entrypoint)
        for name, archive in archives_of.items():
            words = ["ctr", "--namespace", "k8s.io", "images", "import", str(archive)]
            done = subprocess.run(words, capture_output=True, text=True, check=False)
            if done.returncode:
                raise NotStarted(f"The image {name} cannot be loaded: {done.stderr[-1000:]}")

    def _start(self, name: str, words: list[str], *, own: bool = True) -> None:
        log: IO[bytes] = (self._folder / "logs" / f"{name}.log").open("wb")
        command = [str(self._built.onenode), *words] if own else words
        with log:
            self._running[name] = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=ROOT, start_new_session=True
            )

    def _until(self, name: str, done: Callable[[], bool]) -> None:
        give_up = time.monotonic() + START_SECONDS
        while not done():
            for program, process in self._running.items():
                if process.poll() is not None:
                    raise NotStarted(f"{program} has ended:\n{self.tail(program)}")
            if time.monotonic() > give_up:
                raise NotStarted(f"{name} is not ready after {START_SECONDS:g} s:\n{self.tail(name)}")
            time.sleep(0.2)

    def tail(self, name: str) -> str:
        """The end of what a program said."""
        return (self._folder / "logs" / f"{name}.log").read_text(errors="replace")[-4000:]

    def stop(self) -> None:
        """End everything: pods first, as nobody restarts them any more."""
        for name in ("kubelet", "kube-controller-manager", "kube-scheduler", "kube-proxy"):
            self._end(name)
        subprocess.run(
            "for t in $(ctr -n k8s.io tasks ls -q); do ctr -n k8s.io tasks kill -s KILL $t; done", shell=True
        )
        for name in tuple(self._running):
            self._end(name)

    def _end(self, name: str) -> None:
        process = self._running.pop(name, None)
        if process is None or process.poll() is not None:
            return
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)


def _is_ready() -> bool:
    try:
        client.CoreV1Api().read_namespaced_service("kubernetes", "default")
        client.CoreV1Api().read_namespace(addons.NAMESPACE)
    except (ApiException, HTTPError):
        return False
    return True


def _has_node() -> bool:
    try:
        status: Any = client.CoreV1Api().read_node(programs.NODE).status
    except (ApiException, HTTPError):
        return False
    return any(one.type == "Ready" and one.status == "True" for one in status.conditions or [])


def _has_names() -> bool:
    status: Any = client.AppsV1Api().read_namespaced_deployment(addons.NAME, addons.NAMESPACE).status
    return bool(status.ready_replicas)
