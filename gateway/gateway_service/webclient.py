"""The built web client, served from memory: a page, its assets, and nothing else of the file system."""

import gzip
import hashlib
import mimetypes
from pathlib import Path

import msgspec
from quart import Response, request

COMPRESSED = ("text/", "application/javascript", "image/svg+xml", "application/json")
FOREVER = "public, max-age=31536000, immutable"  # what has the hash of its content in its name
ASK_AGAIN = "no-cache"
CSP = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' https:",  # people's pictures are anywhere
        "connect-src 'self'",  # `'self'` includes the WebSocket of the same origin (CSP level 3)
        "manifest-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
    )
)

DOCS_PAGE = "/docs.html"
# Swagger UI: its pictures are in its stylesheet, and it writes HTML from Markdown (through DOMPurify), which the
# client's policy of trusted types would refuse.
DOCS_CSP = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)


class File(msgspec.Struct, frozen=True):
    """One file, ready to be sent."""

    body: bytes
    compressed: bytes | None
    kind: str
    tag: str
    caching: str


class WebClient:
    """The files of a build; empty when there is none.

    Arguments:
        folder: what `npm run build` made, with an `index.html`; None for no client.
    """

    def __init__(self, folder: Path | None) -> None:
        self._files: dict[str, File] = {}
        if folder is not None and (folder / "index.html").is_file():
            for path in sorted(folder.rglob("*")):
                if path.is_file():
                    name = "/" + path.relative_to(folder).as_posix()
                    self._files[name] = read(path, FOREVER if name.startswith("/assets/") else ASK_AGAIN)

    def has(self, path: str) -> bool:
        """Whether the build has such a file."""
        return path in self._files

    def page(self, name: str = "/index.html", policy: str = CSP) -> Response | None:
        """A page of the build; None if it has none of that name.

        The client's is shown whatever the path: it finds out itself what to show.
        """
        file = self._files.get(name)
        return None if file is None else self._answer(file, {"Content-Security-Policy": policy})

    def find(self, path: str) -> Response | None:
        """A file of the build other than a page."""
        file = self._files.get(path)
        return None if file is None or path.endswith(".html") else self._answer(file, {})

    @staticmethod
    def _answer(file: File, more: dict[str, str]) -> Response:
        headers = {"Cache-Control": file.caching, "ETag": file.tag, "Vary": "Accept-Encoding", **more}
        if request.headers.get("If-None-Match") == file.tag:
            return Response(status=304, headers=headers)
        body = file.body
        if file.compressed is not None and "gzip" in request.headers.get("Accept-Encoding", ""):
            body = file.compressed
            headers["Content-Encoding"] = "gzip"
        return Response(body, content_type=file.kind, headers=headers)


def read(path: Path, caching: str) -> File:
    """A file as it is sent."""
    body = path.read_bytes()
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    if path.suffix == ".js":
        kind = "text/javascript"  # RFC 9239; some systems' tables have something else
    compressed = gzip.compress(body, 9, mtime=0) if kind.startswith(COMPRESSED) else None
    if kind.startswith("text/"):
        kind += "; charset=utf-8"
    return File(body, compressed, kind, f'"{hashlib.sha256(body).hexdigest()[:32]}"', caching)
