"""What is made in the cluster: a Service for the master, two Jobs, and the policy that lets them talk. Pure."""

from collections.abc import Sequence
from typing import Any

import msgspec

PORT = 5557  # Locust's master
HOME = "/srv/load"
REPORTS = f"{HOME}/report"
BEGIN, END = "-----BEGIN REPORTS-----", "-----END REPORTS-----"
LOCUSTFILE = "/opt/load/loadtests/load/locustfile.py"
SPARE_SECONDS = 600  # beyond the run, for people to be made and everything to end
KEPT_SECONDS = 3600  # a Job that nobody could clean up goes by itself
# The reports leave through the log, since nothing can be copied out of a pod that has ended.
SCRIPT = f"""mkdir -p {REPORTS}
locust "$@"
code=$?
echo "{BEGIN}"
tar -C {REPORTS} -czf - . | base64
echo "{END}"
exit $code"""


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One run."""

    name: str
    namespace: str
    image: str
    host: str
    workers: int
    users: int
    rate: float
    seconds: int
    shape: str
    extra: Sequence[str] = ()

    @property
    def selector(self) -> str:
        """Of all that belongs to it."""
        return f"app.kubernetes.io/name=parley-load,app.kubernetes.io/instance={self.name}"


def labels(run: Run, part: str) -> dict[str, str]:
    """Of an object; they are not those of the release, whose policies are not for these pods."""
    return {
        "app.kubernetes.io/name": "parley-load",
        "app.kubernetes.io/instance": run.name,
        "app.kubernetes.io/component": part,
    }


def service(run: Run) -> dict[str, Any]:
    """Where workers find the master."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _named(run, "master"),
        "spec": {
            "clusterIP": "None",
            "publishNotReadyAddresses": True,
            "selector": labels(run, "master"),
            "ports": [{"name": "locust", "port": PORT, "targetPort": PORT, "protocol": "TCP"}],
        },
    }


def policy(run: Run) -> dict[str, Any]:
    """Workers reach the master, nobody else does; out they may go where they like."""
    parts = {name: value for name, value in labels(run, "").items() if value}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": _named(run, "load"),
        "spec": {
            "podSelector": {"matchLabels": parts},
            "policyTypes": ["Ingress"],
            "ingress": [
                {
                    "ports": [{"port": PORT, "protocol": "TCP"}],
                    "from": [{"podSelector": {"matchLabels": labels(run, "worker")}}],
                }
            ],
        },
    }


def master(run: Run) -> dict[str, Any]:
    """The Job that makes the people, leads and judges."""
    words = ["-f", LOCUSTFILE, "--host", run.host, "--headless", "--master", "--expect-workers", str(run.workers)]
    words += ["--expect-workers-max-wait", "300", "--users", str(run.users), "--spawn-rate", str(run.rate)]
    words += ["--run-time", f"{run.seconds}s", "--shape", run.shape, "--stop-timeout", "60", "--only-summary"]
    words += ["--people", f"{HOME}/people.json", "--report", f"{REPORTS}/report.json"]
    words += ["--html", f"{REPORTS}/report.html", "--csv", f"{REPORTS}/report", *run.extra]
    return _job(run, "master", ["/bin/sh", "-c", SCRIPT, "load", *words], pods=1, memory="512Mi")


def workers(run: Run) -> dict[str, Any]:
    """The Job whose pods play people."""
    words = ["locust", "-f", LOCUSTFILE, "--worker", "--master-host", f"{run.name}-master", *_about_users(run.extra)]
    return _job(run, "worker", words, pods=run.workers, memory="1Gi")


def _about_users(extra: Sequence[str]) -> list[str]:
    """Of the options, those that every process needs to know."""
    return [word for place, word in enumerate(extra) if word == "--pace" or extra[max(0, place - 1)] == "--pace"]


def _named(run: Run, part: str) -> dict[str, Any]:
    return {"name": f"{run.name}-{part}", "namespace": run.namespace, "labels": labels(run, part)}


def _job(run: Run, part: str, command: Sequence[str], *, pods: int, memory: str) -> dict[str, Any]:
    container = {
        "name": "locust",
        "image": run.image,
        "command": list(command),
        "env": [{"name": "HOME", "value": HOME}, {"name": "PYTHONUNBUFFERED", "value": "1"}],
        "resources": {"requests": {"cpu": "500m", "memory": memory}, "limits": {"memory": memory}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [{"name": "home", "mountPath": HOME}, {"name": "tmp", "mountPath": "/tmp"}],
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": _named(run, part),
        "spec": {
            "parallelism": pods,
            "completions": pods,
            "backoffLimit": 0,
            "activeDeadlineSeconds": run.seconds + SPARE_SECONDS,
            "ttlSecondsAfterFinished": KEPT_SECONDS,
            "template": {
                "metadata": {"labels": labels(run, part)},
                "spec": {
                    "restartPolicy": "Never",
                    "automountServiceAccountToken": False,
                    "securityContext": {
                        "runAsNonRoot": True,
                        "runAsUser": 10001,
                        "runAsGroup": 10001,
                        "fsGroup": 10001,
                        "seccompProfile": {"type": "RuntimeDefault"},
                    },
                    "containers": [container],
                    "volumes": [{"name": "home", "emptyDir": {}}, {"name": "tmp", "emptyDir": {}}],
                },
            },
        },
    }
