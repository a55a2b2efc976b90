"""A stand-in for the API of a cluster: keeps objects, and has a pod for the master whose log is told in pieces."""

import base64
import io
import json
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from loadtests.cluster.objects import BEGIN, END

POD = "the-master"


def archive(**files: str) -> str:
    """Reports, as the master writes them to its log."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, text in files.items():
            member = tarfile.TarInfo(name if "/" in name else name.replace("_", "."))
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text.encode()))
    return base64.encodebytes(buffer.getvalue()).decode()


class ClusterApi:
    """What was asked of it, and what it says."""

    def __init__(self) -> None:
        self.made: dict[str, dict[str, Any]] = {}
        self.removed: list[str] = []
        self.refuse = ""  # the end of a path whose objects cannot be made
        self.exit_code = 0
        self.pending = 2  # looks until the pod runs
        self.log = ""
        self.url = ""

    def reports(self, said: str, **files: str) -> None:
        """Have the master say this and leave these reports."""
        self.log = f"{said}\n{BEGIN}\n{archive(**files)}{END}\n"

    def get(self, path: str) -> tuple[int, Any]:
        """What a GET is answered."""
        if path.endswith(f"/pods/{POD}"):
            ended = {"terminated": {"exitCode": self.exit_code, "reason": "Completed"}}
            return 200, _pod("Succeeded", [_status(ended)])
        self.pending -= 1
        phase = "Pending" if self.pending >= 0 else "Running"
        return 200, {"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": [_pod(phase, [])]}

    def post(self, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        """What a POST is answered."""
        if self.refuse and path.endswith(self.refuse):
            return 403, {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Forbidden"}
        self.made[f"{path}/{body['metadata']['name']}"] = body
        return 201, body


def _status(state: dict[str, Any]) -> dict[str, Any]:
    common = {"name": "locust", "image": "x", "imageID": "x", "ready": False, "restartCount": 0}
    return {**common, "state": state}


def _pod(phase: str, statuses: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": {"name": POD},
        "status": {"phase": phase, "containerStatuses": statuses},
    }


@contextmanager
def serving() -> Iterator[ClusterApi]:
    """The stand-in on a free port."""
    api = ClusterApi()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self, status: int, body: Any) -> None:
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def do_GET(self) -> None:
            path = urlsplit(self.path).path
            if not path.endswith("/log"):
                self._answer(*api.get(path))
                return
            self.send_response(200)
            self.send_header("Content-Type", "text/plain")
            self.end_headers()
            for start in range(0, len(api.log), 100):  # lines are cut anywhere
                self.wfile.write(api.log[start : start + 100].encode())

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self._answer(*api.post(urlsplit(self.path).path, body))

        def do_DELETE(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            path = urlsplit(self.path).path
            there = path in api.made
            api.removed.append(path)
            self._answer(200 if there else 404, {"kind": "Status", "apiVersion": "v1"})

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        api.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield api
        finally:
            server.shutdown()
            thread.join()
