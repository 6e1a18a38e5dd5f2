"""A Hub in a thread: the parts of the real protocol that surveying a repository needs, spoken to the real client.

API: repository information, the tree with pages in `Link` headers, paths-info with scan statuses. Files: /resolve/ answers with a redirect
to a storage host (the same server by its other name, so that a client which forwards its token there is seen), which answers ranges.
Failures are planned by `trouble`: a list of (pattern of the path, what) that is used up in order.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

COMMIT = "1234567890abcdef1234567890abcdef12345678"
OTHER = "fedcba0987654321fedcba0987654321fedcba09"


@dataclass
class File:
    """`head` and then zeros up to `size`; LFS where `lfs`. `sha256` and `oid` are declared, true or not."""

    head: bytes
    size: int = -1
    lfs: bool = False
    sha256: str = ""
    oid: str = ""
    security: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        if self.size < 0:
            self.size = len(self.head)
        whole = self.size == len(self.head)
        self.sha256 = self.sha256 or (hashlib.sha256(self.head).hexdigest() if whole else hashlib.sha256(b"%d" % self.size).hexdigest())
        self.oid = self.oid or hashlib.sha1(b"blob %d\0" % self.size + self.head).hexdigest()

    def bytes(self, start: int, end: int) -> bytes:
        return self.head[start:end] + bytes(max(0, end - max(start, len(self.head))))

    def row(self, path: str, expand: bool = False) -> dict[str, Any]:
        row: dict[str, Any] = {"type": "file", "path": path, "size": self.size, "oid": self.oid}
        if self.lfs:
            row["lfs"] = {"oid": self.sha256, "size": self.size, "pointerSize": 134}
        if expand and self.security:
            row["securityFileStatus"] = self.security
        return row


@dataclass
class Hub:
    files: dict[str, File] = field(default_factory=dict)
    name: str = "acme/asr"
    kind: str = "models"
    commit: str = COMMIT
    gated: int = 0  # the status that files and information are refused with
    rows: Callable[[], list[dict[str, Any]]] | None = None  # a list of files that is not that of `files`
    page: int = 1000
    trouble: list[tuple[str, str]] = field(default_factory=list)
    sent: int = 0  # bytes of files
    requests: list[tuple[str, str]] = field(default_factory=list)
    tokens: list[tuple[str, str]] = field(default_factory=list)  # (host, authorization)
    after_info: Callable[[], None] | None = None
    ranges: bool = True
    etag: str = ""

    def __enter__(self) -> Hub:
        handler = type("Handler", (_Handler,), {"hub": self})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    def listed(self, expand: bool = False) -> list[dict[str, Any]]:
        return self.rows() if self.rows else [f.row(path, expand) for path, f in self.files.items()]


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        path = unquote(url.path)
        self.hub.requests.append((self.command, path))
        self.hub.tokens.append((self.headers.get("host", "").split(":")[0], self.headers.get("authorization", "")))
        what = self._trouble(path)
        if what and what.isdigit():
            wait = {"Retry-After": "0"} if what == "429" else {}
            return self._json({"error": "trouble"}, int(what), wait)
        if what.startswith("wait "):
            return self._json({"error": "slow down"}, 429, {"Retry-After": what[5:]})
        if what.startswith("code "):
            _, status, code = what.split(" ")
            return self._json({"error": code}, int(status), {"X-Error-Code": code})
        if what == "invalid token":
            return self._json({"error": "Invalid"}, 401, {"X-Error-Message": "Invalid credentials in Authorization header"})
        if what == "cut" and not path.startswith("/storage/"):
            self.close_connection = True
            return None
        if what == "garbage":
            return self._send(200, b"<html>maintenance</html>", {"Content-Type": "text/html"})
        if path.startswith(f"/api/{self.hub.kind}/"):
            return self._api(path, parse_qs(url.query))
        if path.startswith("/storage/"):
            return self._bytes(path.removeprefix("/storage/"), what)
        return self._resolve(path)

    do_POST = do_GET

    def _trouble(self, path: str) -> str:
        for i, (pattern, what) in enumerate(self.hub.trouble):
            if re.search(pattern, path):
                del self.hub.trouble[i]
                return what
        return ""

    def _api(self, path: str, query: dict[str, list[str]]) -> None:
        hub = self.hub
        rest = path.removeprefix(f"/api/{hub.kind}/")
        if hub.gated and "/tree/" not in rest:
            return self._json({"error": "gated"}, hub.gated, {"X-Error-Code": "GatedRepo"})
        if rest.startswith("old/name"):
            return self._send(307, b"", {"Location": path.replace("old/name", hub.name)})
        if not rest.startswith(hub.name):
            return self._json({"error": "Repository not found"}, 404, {"X-Error-Code": "RepoNotFound"})
        rest = rest.removeprefix(hub.name).strip("/")
        if rest in ("", "revision/main", f"revision/{hub.commit}"):
            self._json({"id": hub.name, "modelId": hub.name, "sha": hub.commit, "siblings": [], "tags": [], "private": False, "downloads": 0, "likes": 0})
            if hub.after_info:
                hub.after_info()
            return None
        if rest.startswith("tree/"):
            rows = hub.listed(query.get("expand", ["False"])[0] == "True")
            start = int(query.get("cursor", ["0"])[0])
            more = start + hub.page < len(rows)
            link = f'<{hub.url}{path}?recursive=True&cursor={start + hub.page}>; rel="next"'
            return self._json(rows[start : start + hub.page], 200, {"Link": link} if more else {})
        if rest.startswith("paths-info/"):
            asked = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())["paths"]
            return self._json([hub.files[p].row(p, True) for p in asked if p in hub.files])
        return self._json({"error": "Revision not found"}, 404, {"X-Error-Code": "RevisionNotFound"})

    def _resolve(self, path: str) -> None:
        prefix = "/" if self.hub.kind == "models" else f"/{self.hub.kind}/"
        found = re.fullmatch(prefix + re.escape(self.hub.name) + r"/resolve/([^/]+)/(.+)", path)
        if self.hub.gated:
            return self._json({"error": "gated"}, self.hub.gated, {"X-Error-Code": "GatedRepo"})
        if found is None or found[2] not in self.hub.files:
            return self._json({"error": "Entry not found"}, 404, {"X-Error-Code": "EntryNotFound"})
        file = self.hub.files[found[2]]
        headers = {"X-Repo-Commit": found[1], "Location": f"http://localhost:{self.hub.port}/storage/{found[2]}"}
        if file.lfs:
            headers["X-Linked-Etag"] = f'"{file.sha256}"'
            headers["X-Linked-Size"] = str(file.size)
        return self._send(302, b"", headers)

    def _bytes(self, name: str, what: str) -> None:
        file = self.hub.files[name]
        if what == "signature":
            return self._send(403, b"expired", {})
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("range", ""))
        headers = {"ETag": f'"{self.hub.etag or file.sha256[:32]}"'}
        if what == "etag":
            headers["ETag"] = '"another"'
        if asked and self.hub.ranges:
            start, end = int(asked[1]), min(int(asked[2]) + 1, file.size)
            total = file.size + 1 if what == "size" else file.size
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{total}"
            status = 206
        else:
            start, end, status = 0, file.size, 200
        if what == "cut":
            self.send_response(status)
            for name_, value in {**headers, "Content-Length": str(end - start)}.items():
                self.send_header(name_, value)
            self.end_headers()
            half = file.bytes(start, start + (end - start) // 2)
            self.wfile.write(half)
            self.hub.sent += len(half)
            self.close_connection = True
            return None
        body = file.bytes(start, end)
        if what == "changed":
            body = bytes(b ^ 1 for b in body)
        self.hub.sent += len(body)
        return self._send(status, body, headers)

    def _json(self, value: Any, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self._send(status, json.dumps(value).encode(), {"Content-Type": "application/json", **(headers or {})})

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        try:
            self.wfile.write(body)
        except OSError:
            self.close_connection = True
