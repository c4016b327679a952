"""A Hugging Face Hub for tests: repositories in memory, served over HTTP from a thread of this process.

    with HubStandIn() as hub:
        HfApi(endpoint=hub.url, token=hub.token).create_repo("tester/model")
        hub.fail("/commit/", status=503, times=2)

It speaks the part of the protocol that huggingface_hub uses without Xet (HF_HUB_DISABLE_XET=1), and knows no pull
requests, tags, lists of commits, deletion of repositories or pages of long listings.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import re
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal
from urllib.parse import parse_qs, unquote, urlsplit

from tof_hf.config.yaml import parse_yaml

USER = "tester"
ATTRIBUTES = b"*.parquet filter=lfs diff=lfs merge=lfs -text\n*.safetensors filter=lfs diff=lfs merge=lfs -text\n"
DATE = "2026-01-01T00:00:00.000Z"
DROPPED = 0  # in `HubStandIn.requests` the status of a request that got no answer


@dataclass(frozen=True)
class Commit:
    """A state of a repository; the sha follows from the parent, the title and the files, as in git."""

    sha: str
    title: str
    files: dict[str, bytes]

    @classmethod
    def after(cls, parent: str, title: str, files: dict[str, bytes]) -> Commit:
        """The commit whose parent has the sha `parent`; "" for the first one."""
        content = "\n".join(f"{path} {_git_oid(files[path])}" for path in sorted(files))
        return cls(hashlib.sha1(f"{parent}\n{title}\n{content}".encode()).hexdigest(), title, files)


@dataclass
class Repo:
    """The commits of each branch, oldest first. As on the Hub, a new repository has one with .gitattributes."""

    kind: str
    name: str
    private: bool = False
    branches: dict[str, list[Commit]] = field(
        default_factory=lambda: {"main": [Commit.after("", "initial commit", {".gitattributes": ATTRIBUTES})]}
    )

    @property
    def page(self) -> str:
        """The path of its page."""
        return f"/{'' if self.kind == 'model' else self.kind + 's/'}{self.name}"

    def history(self, revision: str = "main") -> list[Commit]:
        """The commits up to a branch's head or up to the commit with that sha. Raises Refusal."""
        if revision in self.branches:
            return list(self.branches[revision])
        for commits in self.branches.values():
            for number, commit in enumerate(commits, 1):
                if commit.sha == revision:
                    return commits[:number]
        raise Refusal(404, f"Invalid rev id: {revision}", "RevisionNotFound")

    def files(self, revision: str = "main") -> dict[str, bytes]:
        """The content of every path at that revision. Raises Refusal."""
        return self.history(revision)[-1].files


@dataclass(frozen=True)
class Answer:
    """What goes back to the client."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


class Refusal(Exception):
    """An answer in place of what was asked for; the client makes its exception from the code, if there is one."""

    def __init__(self, status: int, message: str, code: str = "", headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        about = {"X-Error-Message": message, **({"X-Error-Code": code} if code else {}), **(headers or {})}
        self.answer = _json({"error": message}, status, about)


@dataclass
class Fault:
    """What shall go wrong with the next `left` requests that match (None: with all of them)."""

    pattern: str
    method: str | None
    left: int | None
    kind: Literal["refuse", "drop", "drop after"]
    answer: Answer = Answer()

    def strikes(self, method: str, path: str) -> bool:
        """Whether this request is hit, which counts it."""
        if self.left == 0 or self.method not in (None, method) or not re.search(self.pattern, path):
            return False
        if self.left is not None:
            self.left -= 1
        return True


class HubStandIn:
    """A running Hub. Tests may read and change its attributes; what they hold survives `stop` and `start`."""

    def __init__(self) -> None:
        self.token = "hf_StandInTokenOfTheTesterOnly"
        self.read_only = False  # whether the token may only read
        self.orgs: list[str] = []  # further namespaces that the user may write to
        self.repos: dict[tuple[str, str], Repo] = {}  # of ("model" | "dataset" | "space", "user/name")
        self.requests: list[tuple[str, str, int]] = []  # method, path with query, status or DROPPED
        self.faults: list[Fault] = []  # the first that strikes counts
        self.blobs: dict[str, bytes | None] = {}  # of a SHA-256; None: it may be uploaded and is not yet
        self.lock = threading.RLock()
        self._port = 0
        self._server: _Server | None = None

    def __enter__(self) -> HubStandIn:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """The address, without a slash at its end."""
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Serve; after a stop on the same port."""
        self._server = _Server(("127.0.0.1", self._port), _Handler)
        self._server.hub = self
        self._port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        """Refuse new connections and close the open ones."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server.hang_up()
            self._server = None

    def add(self, kind: str, name: str, *, private: bool = False) -> Repo:
        """The new repository, also of somebody else, or the one of that name."""
        return self.repos.setdefault((kind, name), Repo(kind, name, private))

    def owns(self, name: str) -> bool:
        """Whether the user may write to repositories of that namespace."""
        return name.split("/")[0] in (USER, *self.orgs)

    def fail(
        self,
        pattern: str,
        status: int = 500,
        times: int | None = 1,
        headers: Mapping[str, str] | None = None,
        message: str = "The stand-in was set to fail",
        method: str | None = None,
    ) -> None:
        """Answer with `status` where the regular expression is found in the path; nothing is done."""
        self.faults.append(Fault(pattern, method, times, "refuse", Refusal(status, message, "", headers).answer))

    def drop(self, pattern: str, times: int | None = 1, method: str | None = None) -> None:
        """Close the connection halfway through the request; nothing is done."""
        self.faults.append(Fault(pattern, method, times, "drop"))

    def drop_after(self, pattern: str, times: int | None = 1, method: str | None = None) -> None:
        """Do what is asked and close the connection before the answer."""
        self.faults.append(Fault(pattern, method, times, "drop after"))

    def fault(self, method: str, path: str) -> Fault | None:
        """The fault that strikes this request."""
        with self.lock:
            return next((fault for fault in self.faults if fault.strikes(method, path)), None)


@dataclass(frozen=True)
class Call:
    """A request, with what its handler needs to know of the one who asks."""

    hub: HubStandIn
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body, read as JSON."""
        return json.loads(self.body)

    def is_known(self) -> bool:
        """Whether the right token came along. Raises Refusal for a wrong one, as the Hub does for any request."""
        sent = self.headers.get("Authorization")
        if sent not in (None, f"Bearer {self.hub.token}"):
            raise Refusal(401, "Invalid credentials in Authorization header")
        return sent is not None

    def check_may_write(self, name: str) -> None:
        """Raise Refusal unless the one who asks may write to repositories of that namespace."""
        if not self.is_known():
            # Over https the client takes any 401 of a repository for RepoNotFound, over http only with this code.
            raise Refusal(
                401, "Invalid username or password.", "" if self.path.startswith("/api/repos/") else "RepoNotFound"
            )
        if self.hub.read_only or not self.hub.owns(name):
            raise Refusal(403, f"You don't have the rights to write to {name}")

    def repo(self, kind: str, name: str, writes: bool) -> Repo:
        """The repository. Raises Refusal, in the same words if it is missing or hidden."""
        known = self.is_known()
        repo = self.hub.repos.get(((kind.strip("/") or "models")[:-1], name))
        if repo is None or (repo.private and not (known and self.hub.owns(name))):
            raise Refusal(404 if known else 401, "Repository not found", "RepoNotFound")
        if writes:
            self.check_may_write(name)
        return repo


Handler = Callable[..., Answer]
ROUTES: list[tuple[str, re.Pattern[str], Handler, bool]] = []
API = r"/api/(?P<kind>models|datasets|spaces)/(?P<name>[^/]+/[^/]+)"
PAGE = r"/(?P<kind>datasets/|spaces/|)(?P<name>[^/]+/[^/]+)"
REVISION = r"/(?P<revision>[^/]+)"


def _route(method: str, pattern: str, *, writes: bool = False) -> Callable[[Handler], Handler]:
    """Register a function of the call, of the repository if the path names one, and of the path's other groups."""

    def add(handler: Handler) -> Handler:
        ROUTES.append((method, re.compile(pattern), handler, writes))
        return handler

    return add


def _answer(call: Call) -> Answer:
    path = urlsplit(call.path).path
    try:
        for method, pattern, handler, writes in ROUTES:
            found = pattern.fullmatch(path)
            if found and method == call.method.replace("HEAD", "GET"):
                # Unquoted only now: a slash in the name of a branch comes as %2F.
                groups = {key: unquote(value) for key, value in found.groupdict().items() if value is not None}
                repos = [call.repo(groups.pop("kind"), groups.pop("name"), writes)] if "kind" in groups else []
                return handler(call, *repos, **groups)
        raise Refusal(404, "The stand-in does not know this address")
    except Refusal as refusal:
        return refusal.answer


@_route("GET", "/api/whoami-v2")
def _whoami(call: Call) -> Answer:
    if not call.is_known():
        raise Refusal(401, "Invalid username or password.")
    role = "read" if call.hub.read_only else "write"
    orgs = [{"type": "org", "name": name, "roleInOrg": role} for name in call.hub.orgs]
    access = {"type": "access_token", "accessToken": {"role": role, "displayName": "tests"}}
    return _json({"type": "user", "name": USER, "orgs": orgs, "auth": access})


@_route("POST", "/api/validate-yaml")
def _validate_yaml(call: Call) -> Answer:
    header = parse_yaml(call.json()["content"].split("---")[1], name="card")
    results = [result for model in header.get("model-index", []) for result in model["results"]]
    types = [result["dataset"]["type"] for result in results]
    wrong = [name for name in types if not re.fullmatch(r"([\w-]+/)?[\w.-]+", name, re.ASCII)]
    if wrong:
        return _json({"errors": [{"message": f"dataset.type {wrong[0]!r} fails to match the pattern"}]}, 400)
    return _json({"errors": [], "warnings": []})


@_route("POST", "/api/repos/create")
def _create_repo(call: Call) -> Answer:
    asked = call.json()
    kind, name = asked.get("type") or "model", f"{asked.get('organization') or USER}/{asked['name']}"
    call.check_may_write(name)
    if (kind, name) in call.hub.repos:  # `exist_ok` wants the url
        url = call.hub.url + call.hub.repos[kind, name].page
        return _json({"error": "You already created this repo", "url": url}, 409)
    repo = call.hub.add(kind, name, private=asked.get("visibility") == "private")
    return _json({"url": call.hub.url + repo.page, "name": name})


@_route("GET", f"{API}(?:/revision{REVISION})?")
def _info(call: Call, repo: Repo, revision: str = "main") -> Answer:
    commit = repo.history(revision)[-1]
    about = {"id": repo.name, "sha": commit.sha, "private": repo.private, "gated": False, "disabled": False}
    siblings = [{"rfilename": path} for path in sorted(commit.files)]
    return _json({**about, "downloads": 0, "likes": 0, "tags": [], "lastModified": DATE, "siblings": siblings})


@_route("GET", f"{API}/refs")
def _refs(call: Call, repo: Repo) -> Answer:
    heads = [(branch, commits[-1].sha) for branch, commits in repo.branches.items()]
    branches = [{"name": branch, "ref": f"refs/heads/{branch}", "targetCommit": sha} for branch, sha in heads]
    return _json({"branches": branches, "tags": [], "converts": [], "pullRequests": []})


@_route("POST", f"{API}/branch{REVISION}", writes=True)
def _create_branch(call: Call, repo: Repo, revision: str) -> Answer:
    with call.hub.lock:
        if revision in repo.branches:
            raise Refusal(409, f"Reference already exists: {revision}")
        repo.branches[revision] = repo.history(call.json().get("startingPoint", "main"))
    return _json({})


@_route("GET", f"{API}/tree{REVISION}(?:/(?P<folder>.+))?")
def _tree(call: Call, repo: Repo, revision: str, folder: str = "") -> Answer:
    files = repo.files(revision)
    start = f"{folder.rstrip('/')}/" if folder else ""
    deep = _query(call.path).get("recursive", "").lower() in ("true", "1")
    ends = [(path, end.start()) for path in files for end in re.finditer("/|$", path)]
    inside = {path[:end] for path, end in ends if path[:end].startswith(start)}
    if folder and not inside:
        raise Refusal(404, f"{folder} does not exist", "EntryNotFound")
    return _json([_entry(files, path) for path in sorted(inside) if deep or "/" not in path[len(start) :]])


@_route("POST", f"{API}/paths-info{REVISION}")
def _paths_info(call: Call, repo: Repo, revision: str) -> Answer:
    files = repo.files(revision)
    entries = [_entry(files, path.rstrip("/")) for path in parse_qs(call.body.decode()).get("paths", [])]
    return _json([entry for entry in entries if entry])


@_route("GET", f"{PAGE}/(?:resolve|raw){REVISION}/(?P<path>.+)")
def _resolve(call: Call, repo: Repo, revision: str, path: str) -> Answer:
    commit = repo.history(revision)[-1]
    headers = {"X-Repo-Commit": commit.sha, "Accept-Ranges": "bytes", "Content-Type": "application/octet-stream"}
    if path not in commit.files:
        raise Refusal(404, "Entry not found", "EntryNotFound", {"X-Repo-Commit": commit.sha})
    content = commit.files[path]
    headers["ETag"] = f'"{_oid(path, content)}"'
    if _is_lfs(path, len(content)):
        headers |= {"X-Linked-ETag": headers["ETag"], "X-Linked-Size": str(len(content))}
    wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", call.headers.get("Range", ""))
    if not wanted:
        return Answer(200, content, headers)
    first, last = int(wanted[1]), min(int(wanted[2] or len(content)), len(content) - 1)
    if first > last:
        raise Refusal(416, "Range not satisfiable", "", {"Content-Range": f"bytes */{len(content)}"})
    headers["Content-Range"] = f"bytes {first}-{last}/{len(content)}"
    return Answer(206, content[first : last + 1], headers)


@_route("POST", f"{API}/preupload{REVISION}", writes=True)
def _preupload(call: Call, repo: Repo, revision: str) -> Answer:
    there = repo.files(revision)
    files = [
        {
            "path": (path := file["path"]),
            "uploadMode": "lfs" if _is_lfs(path, file["size"]) else "regular",
            "shouldIgnore": False,
            "oid": _oid(path, there[path]) if path in there else None,  # the client leaves out what has not changed
        }
        for file in call.json()["files"]
    ]
    return _json({"files": files})


@_route("POST", rf"{PAGE}\.git/info/lfs/objects/batch", writes=True)
def _lfs_batch(call: Call, repo: Repo) -> Answer:
    objects = []
    for asked in call.json()["objects"]:
        entry = {"oid": asked["oid"], "size": asked["size"]}
        if call.hub.blobs.setdefault(asked["oid"], None) is None:
            href = f"{call.hub.url}/lfs/{asked['oid']}"
            entry["actions"] = {"upload": {"href": href}, "verify": {"href": f"{href}/verify"}}
        objects.append(entry)
    return _json({"transfer": "basic", "objects": objects})


@_route("PUT", r"/lfs/(?P<oid>\w+)")
def _lfs_upload(call: Call, oid: str) -> Answer:
    # Without a token, as at the Hub, where this is a signed address of a bucket: only what a batch has named.
    if oid not in call.hub.blobs:
        raise Refusal(403, "This upload was not asked for")
    if hashlib.sha256(call.body).hexdigest() != oid:
        raise Refusal(400, "The content is not the one with this SHA-256")
    call.hub.blobs[oid] = call.body
    return Answer()


@_route("POST", r"/lfs/(?P<oid>\w+)/verify")
def _lfs_verify(call: Call, oid: str) -> Answer:
    if call.hub.blobs.get(oid) is None:
        raise Refusal(404, "The content was not uploaded")
    return _json({})


@_route("POST", f"{API}/commit{REVISION}", writes=True)
def _commit(call: Call, repo: Repo, revision: str) -> Answer:
    if "create_pr" in _query(call.path):
        raise Refusal(501, "The stand-in knows no pull requests")
    header, *changes = [json.loads(line) for line in call.body.splitlines()]
    with call.hub.lock:
        if revision not in repo.branches:
            raise Refusal(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        head = repo.branches[revision][-1]
        if not head.sha.startswith(header["value"].get("parentCommit", "")):
            raise Refusal(412, "A commit has happened since. Please refresh and try again.")
        files = dict(head.files)
        for change in changes:
            _apply(call.hub, files, change["key"], change["value"])
        commit = Commit.after(head.sha, header["value"]["summary"], files)
        repo.branches[revision].append(commit)
    url = f"{call.hub.url}{repo.page}/commit/{commit.sha}"
    return _json({"success": True, "commitOid": commit.sha, "commitUrl": url, "hookOutput": ""})


def _apply(hub: HubStandIn, files: dict[str, bytes], key: str, value: dict[str, Any]) -> None:
    path = value["path"]
    if key == "file":
        files[path] = base64.b64decode(value["content"])
    elif key == "lfsFile":
        content = hub.blobs.get(value["oid"])
        if content is None:
            raise Refusal(400, f"{path} points to content that was not uploaded")
        files[path] = content
    elif key in ("deletedFile", "deletedFolder"):
        folder = f"{path.rstrip('/')}/"
        gone = [old for old in files if (old.startswith(folder) if key == "deletedFolder" else old == path)]
        if not gone:
            raise Refusal(404, f"A file with this name doesn't exist: {path}", "EntryNotFound")
        for old in gone:
            del files[old]
    else:
        raise Refusal(501, f"The stand-in knows no {key} in a commit")


def _json(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    return Answer(status, json.dumps(value).encode(), {"Content-Type": "application/json", **(headers or {})})


def _query(path: str) -> dict[str, str]:
    return {key: values[-1] for key, values in parse_qs(urlsplit(path).query).items()}


def _is_lfs(path: str, size: int) -> bool:
    return size > 10_000_000 or (size > 0 and path.endswith((".safetensors", ".parquet")))


def _git_oid(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def _oid(path: str, content: bytes) -> str:
    """What the client compares with its own file: a SHA-256 if it is kept in LFS, git's name of it otherwise."""
    return hashlib.sha256(content).hexdigest() if _is_lfs(path, len(content)) else _git_oid(content)


def _entry(files: Mapping[str, bytes], path: str) -> dict[str, Any] | None:
    """The line about a path in a listing; None if it is neither a file nor a folder."""
    if path not in files:
        folder = {"type": "directory", "path": path, "oid": _git_oid(path.encode()), "size": 0}
        return folder if any(file.startswith(f"{path}/") for file in files) else None
    entry = {"type": "file", "path": path, "oid": _git_oid(files[path]), "size": len(files[path])}
    if _is_lfs(path, len(files[path])):
        entry["lfs"] = {"oid": _oid(path, files[path]), "size": len(files[path]), "pointerSize": 130}
    return entry


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    hub: HubStandIn

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.connections: set[socket.socket] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        self.connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self.connections.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        """Close what clients keep open for their next request, which would still be answered."""
        for connection in list(self.connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):  # a client that went away is no news
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # headers and body go out as two writes, which otherwise cost 40 ms
    server: _Server

    def log_message(self, *_: object) -> None:
        """Stay silent: `HubStandIn.requests` has it."""

    def serve(self) -> None:
        """Answer, or let the fault that strikes have its way."""
        hub = self.server.hub
        fault = hub.fault(self.command, self.path)
        if fault and fault.kind == "drop":
            self.rfile.read(int(self.headers.get("Content-Length", 0)) // 2)
            return self._drop()
        body = b"".join(self._body())
        refused = fault and fault.kind == "refuse"
        answer = fault.answer if refused else _answer(Call(hub, self.command, self.path, self.headers, body))
        if fault and fault.kind == "drop after":
            return self._drop()
        hub.requests.append((self.command, self.path, answer.status))
        self.send_response(answer.status)
        for key, value in {**answer.headers, "Content-Length": str(len(answer.body))}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = serve

    def _body(self) -> Iterator[bytes]:
        if self.headers.get("Transfer-Encoding") != "chunked":
            yield self.rfile.read(int(self.headers.get("Content-Length", 0)))
            return
        while size := int(self.rfile.readline(), 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()

    def _drop(self) -> None:
        self.server.hub.requests.append((self.command, self.path, DROPPED))
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)
