"""A local server with the part of the Hub's interface that models pass through."""

import base64
import hashlib
import json
import re
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote


class Hub(ThreadingHTTPServer):
    """Repositories in memory: revisions by name, and files by revision."""

    def __init__(self, token: str):
        super().__init__(("127.0.0.1", 0), Handler)
        self.token = token
        self.repos: dict[str, dict[str, dict[str, bytes]]] = {}
        self.heads: dict[str, dict[str, str]] = {}
        self.private: set[str] = set()
        self.tokens_seen: list[str | None] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def create(self, name: str, private: bool) -> None:
        if name not in self.repos:
            self.repos[name] = {"0" * 40: {}}
            self.heads[name] = {"main": "0" * 40}
            if private:
                self.private.add(name)

    def commit(self, name: str, branch: str, files: dict[str, bytes]) -> str:
        files = self.repos[name][self.heads[name][branch]] | files
        names = json.dumps({key: files[key].hex() for key in sorted(files)})
        oid = hashlib.sha1(names.encode()).hexdigest()
        self.repos[name][oid] = files
        self.heads[name][branch] = oid
        return oid


class Handler(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        """Stay silent."""

    def answer(self, status: int, body=b"", /, **headers):
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
            headers["Content-Type"] = "application/json"
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def refuse(self, status: int, code: str):
        self.answer(status, {"error": code}, X_Error_Code=code, X_Error_Message=code)

    def may(self, repo: str | None = None) -> bool:
        given = self.headers.get("Authorization")
        self.server.tokens_seen.append(given)
        is_public = repo is not None and repo not in self.server.private
        return is_public or given == f"Bearer {self.server.token}"

    def do_HEAD(self):
        self.serve_file()

    def do_GET(self):
        self.serve_file()

    def serve_file(self):
        found = re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", self.path)
        if found is None:
            return self.refuse(404, "EntryNotFound")
        repo, revision, file = (unquote(part) for part in found.groups())
        if repo not in self.server.repos or not self.may(repo):
            return self.refuse(401, "RepoNotFound")
        oid = self.server.heads[repo].get(revision, revision)
        if oid not in self.server.repos[repo]:
            return self.refuse(404, "RevisionNotFound")
        data = self.server.repos[repo][oid].get(file)
        if data is None:
            return self.refuse(404, "EntryNotFound")
        etag = f'"{hashlib.sha1(data).hexdigest()}"'
        return self.answer(200, data, ETag=etag, X_Repo_Commit=oid)

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if not self.may():
            return self.refuse(401, "Unauthorized")
        if self.path == "/api/validate-yaml":
            return self.answer(200, {"errors": [], "warnings": []})
        if self.path == "/api/repos/create":
            asked = json.loads(body)
            name = f"{asked['organization']}/{asked['name']}"
            is_private = asked.get("visibility") == "private" or asked.get("private")
            self.server.create(name, bool(is_private))
            return self.answer(200, {"url": f"{self.server.url}/{name}"})
        found = re.fullmatch(
            r"/api/models/([^/]+/[^/]+)/(preupload|commit|branch)/([^/?]+).*", self.path
        )
        repo, action, revision = (unquote(part) for part in found.groups())
        return getattr(self, action)(repo, revision, body)

    def preupload(self, repo, revision, body):
        files = [
            {"path": file["path"], "uploadMode": "regular", "shouldIgnore": False}
            for file in json.loads(body)["files"]
        ]
        self.answer(200, {"files": files})

    def branch(self, repo, revision, body):
        heads = self.server.heads[repo]
        if revision in heads:
            return self.refuse(409, "Conflict")
        heads[revision] = heads["main"]
        return self.answer(200, {})

    def commit(self, repo, revision, body):
        files = {}
        for line in body.splitlines():
            entry = json.loads(line)
            if entry["key"] == "file":
                value = entry["value"]
                files[value["path"]] = base64.b64decode(value["content"])
        oid = self.server.commit(repo, revision, files)
        url = f"{self.server.url}/{repo}/commit/{oid}"
        self.answer(200, {"success": True, "commitUrl": url, "commitOid": oid})


@contextmanager
def running_hub(monkeypatch, cache, token="secret"):
    """Run a server, and let ``huggingface_hub`` know no other."""
    from huggingface_hub import constants

    hub = Hub(token)
    thread = threading.Thread(target=hub.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setattr(constants, "ENDPOINT", hub.url)
    template = hub.url + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_TELEMETRY", True)
    try:
        yield hub
    finally:
        hub.shutdown()
        thread.join()
        hub.server_close()
