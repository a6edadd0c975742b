"""A Hugging Face hub on the loopback interface, for the genuine client: references, files, gated repositories."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

Files = dict[str, bytes]
_LOCK = threading.Lock()


def folder_files(folder: Path) -> Files:
    """The files of a folder as a commit's, by path."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@dataclass
class Repository:
    """A model or dataset: ``commits`` by hash, ``branches`` and ``tags`` by name."""

    gated: bool = False
    commits: dict[str, Files] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)

    def commit(self, files: Files, *, branch: str | None = None, tag: str | None = None) -> str:
        """Add a commit with these files and point names at it; the hash comes from the content."""
        digest = hashlib.sha1()
        for path in sorted(files):
            digest.update(path.encode() + b"\0" + files[path] + b"\0")
        sha = digest.hexdigest()
        self.commits[sha] = files
        if branch:
            self.branches[branch] = sha
        if tag:
            self.tags[tag] = sha
        return sha

    def resolve(self, revision: str) -> str | None:
        """The commit that a name or hash means."""
        return (
            self.branches.get(revision) or self.tags.get(revision) or (revision if revision in self.commits else None)
        )


@dataclass
class LoopbackHub:
    """What the server serves and what it was asked: set ``status`` to make every answer that error.

    ``faults`` are what happens to coming requests whose path contains the first part, each once: an error's status, or
    an effect (``"short"``: half of the content, ``"wrong length"``: announced in the answer to HEAD, ``"silent"``: no
    answer until the hub is closed, ``"html"``: a page of another site). ``headers`` are added to every answer.
    ``login`` is the name and password that it asks for.
    """

    url: str
    models: dict[str, Repository] = field(default_factory=dict)
    datasets: dict[str, Repository] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    status: int | None = None
    faults: list[tuple[str, int | str]] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    login: tuple[str, str] | None = None
    waited: list[float] = field(default_factory=list)
    closed: threading.Event = field(default_factory=threading.Event)

    def fault(self, path: str) -> int | str | None:
        """What happens to a request of ``path``, taken from ``faults``."""
        with _LOCK:
            found = next((one for one in self.faults if one[0] in path), None)
            if found is not None:
                self.faults.remove(found)
        return None if found is None else found[1]

    def environment(self, cache: Path) -> dict[str, str]:
        """Variables by which a child process uses this hub, with caches of its own."""
        return {
            "HF_ENDPOINT": self.url,
            "HF_HOME": str(cache),
            "HF_HUB_OFFLINE": "0",
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
        }


@contextmanager
def loopback_hub() -> Iterator[LoopbackHub]:
    """Serve an empty hub on a free port until the block ends."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    hub = LoopbackHub(f"http://127.0.0.1:{server.server_address[1]}")
    server.hub = hub  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        hub.closed.set()
        server.shutdown()
        server.server_close()
        thread.join()


class _Refused(Exception):
    def __init__(self, status: int, code: str = "") -> None:
        super().__init__(code)
        self.status, self.code = status, code


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: Any) -> None:
        """Keep standard error clean."""

    def _answer(self) -> None:
        hub: LoopbackHub = self.server.hub  # type: ignore[attr-defined]
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = unquote(urlsplit(self.path).path).strip("/")
        hub.requests.append(f"{self.command} /{path}")
        self._effect = hub.fault(f"{self.command} /{path}")
        try:
            if hub.login is not None and self.headers.get("Authorization") != _basic(hub.login):
                raise _Refused(401)
            if hub.status is not None:
                raise _Refused(hub.status)
            if isinstance(self._effect, int):
                raise _Refused(self._effect)
            if self._effect == "silent":
                hub.closed.wait(60)
                self.close_connection = True
                return
            if self._effect == "html":
                self._send(200, b"<html>Sign in to the network</html>", {"Content-Type": "text/html"})
                return
            self._route(hub, path, json.loads(body) if body[:1] == b"{" else {})
        except _Refused as refusal:
            headers = {"X-Error-Code": refusal.code} if refusal.code else {}
            self._send(refusal.status, json.dumps({"error": refusal.code or "refused"}).encode(), headers)

    def _route(self, hub: LoopbackHub, path: str, body: dict[str, Any]) -> None:
        if not path:
            self._send(200, b"")
        elif path.startswith("api/models/"):
            self._api(hub.models, path.removeprefix("api/models/"), body)
        elif path.startswith("api/datasets/"):
            self._api(hub.datasets, path.removeprefix("api/datasets/"), body)
        elif path.startswith("datasets/"):
            self._file(hub.datasets, path.removeprefix("datasets/"))
        elif "/resolve/" in path:
            self._file(hub.models, path)
        else:
            raise _Refused(404)

    def _api(self, repositories: dict[str, Repository], path: str, body: dict[str, Any]) -> None:
        owner, name, *rest = path.split("/")
        repository = _find(repositories, f"{owner}/{name}")
        match rest:
            case ["refs"]:
                self._json(
                    {
                        "branches": _refs(repository.branches, "refs/heads/"),
                        "tags": _refs(repository.tags, "refs/tags/"),
                        "converts": [],
                    }
                )
            case [] | ["revision", *_]:
                sha = _commit(repository, "/".join(rest[1:]) or "main")
                files = [
                    {"rfilename": file, "size": len(content), "blobId": _blob(content)}
                    for file, content in sorted(repository.commits[sha].items())
                ]
                self._json({"id": f"{owner}/{name}", "sha": sha, "siblings": files, "tags": [], "private": False})
            case ["tree", revision, *below]:
                self._json(_tree(repository, revision, "/".join(below), "recursive=" in self.path))
            case ["paths-info", revision]:
                tree = _tree(repository, revision, "", recursive=True)
                self._json([entry for entry in tree if entry["path"] in body.get("paths", [])])
            case _:
                raise _Refused(404)

    def _file(self, repositories: dict[str, Repository], path: str) -> None:
        name, _, rest = path.partition("/resolve/")
        repository = _find(repositories, name)
        if repository.gated:
            raise _Refused(401, "GatedRepo")
        revision, _, file = rest.partition("/")
        sha = _commit(repository, revision)
        content = repository.commits[sha].get(file)
        if content is None:
            raise _Refused(404, "EntryNotFound")
        headers = {"X-Repo-Commit": sha, "ETag": f'"{_blob(content)}"', "Accept-Ranges": "bytes"}
        asked = self.headers.get("Range", "")
        if not asked.startswith("bytes="):
            self._send(200, content, headers)
            return
        first, _, last = asked.removeprefix("bytes=").partition("-")
        begin, end = int(first), min(int(last or len(content)), len(content) - 1)
        headers["Content-Range"] = f"bytes {begin}-{end}/{len(content)}"
        self._send(206, content[begin : end + 1], headers)

    def _json(self, value: Any) -> None:
        self._send(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def _send(self, status: int, content: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        hub: LoopbackHub = self.server.hub  # type: ignore[attr-defined]
        for name, value in ((headers or {}) | hub.headers).items():
            self.send_header(name, value)
        is_head = self.command == "HEAD"
        self.send_header("Content-Length", str(len(content) + (is_head and self._effect == "wrong length")))
        self.end_headers()
        if self._effect == "short":
            content, self.close_connection = content[: len(content) // 2], True
        if not is_head:
            self.wfile.write(content)


def _basic(login: tuple[str, str]) -> str:
    return "Basic " + base64.b64encode(":".join(login).encode()).decode()


def _find(repositories: dict[str, Repository], name: str) -> Repository:
    if name not in repositories:
        raise _Refused(404, "RepoNotFound")
    return repositories[name]


def _commit(repository: Repository, revision: str) -> str:
    sha = repository.resolve(revision)
    if sha is None:
        raise _Refused(404, "RevisionNotFound")
    return sha


def _refs(names: dict[str, str], prefix: str) -> list[dict[str, str]]:
    return [{"name": name, "ref": prefix + name, "targetCommit": sha} for name, sha in names.items()]


def _tree(repository: Repository, revision: str, below: str, recursive: bool) -> list[dict[str, Any]]:
    files = repository.commits[_commit(repository, revision)]
    prefix = below + "/" if below else ""
    inside = {path: content for path, content in files.items() if path.startswith(prefix)}
    if below and not inside:
        raise _Refused(404, "EntryNotFound")
    entries: dict[str, dict[str, Any]] = {}
    for path, content in sorted(inside.items()):
        folder, slash, _ = path.removeprefix(prefix).partition("/")
        if slash:
            entries[prefix + folder] = {"type": "directory", "path": prefix + folder, "oid": "0" * 40, "size": 0}
        if recursive or not slash:
            entries[path] = {"type": "file", "path": path, "oid": _blob(content), "size": len(content)}
    return list(entries.values())


def _blob(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
