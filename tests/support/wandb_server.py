"""A wandb server for tests: answers on this machine what wandb asks while it sends runs and artifacts."""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "0123456789abcdef0123456789abcdef01234567"
"""Looks like a key, and is none."""


@dataclass
class Run:
    """What the server holds of a run."""

    name: str
    group: str | None
    job_type: str | None
    host: str | None
    config: dict[str, Any] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    summary: dict[str, Any] = field(default_factory=dict)
    complete: bool = False


@dataclass
class Artifact:
    """What the server holds of an artifact."""

    name: str
    type: str
    run: str
    files: dict[str, bytes] = field(default_factory=dict)
    committed: bool = False


class WandbServer:
    """Keeps what it is sent.

    Parameters
    ----------
    refuse : pattern of the requests (path and operation) that are answered with `status`.
    status : what refused requests get; 0 gives no answer at all.
    """

    def __init__(self, refuse: str = "", status: int = 500) -> None:
        self.refuse, self.status = refuse, status
        self.runs: dict[str, Run] = {}
        self.artifacts: list[Artifact] = []
        self.files: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.keys: set[str] = set()
        self.over = threading.Event()
        self.url = ""

    def artifact(self, name: str) -> Artifact:
        """Return the only committed artifact of a name."""
        (found,) = [artifact for artifact in self.artifacts if artifact.name == name and artifact.committed]
        return found

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, Any]:
        """Take a request; return status and JSON."""
        asked: dict[str, Any] = json.loads(body) if path == "/graphql" else {}
        operation = re.search(r"(?:query|mutation) (\w+)", asked.get("query", ""))
        name = f"{method} {path}" + (f" {operation[1]}" if operation else "")
        if "/otel/" in path:
            return 200, {}
        self.asked.append(name)
        if self.refuse and re.search(self.refuse, name):
            if not self.status:
                self.over.wait()
            return self.status, {"errors": [{"message": "this is refused"}]}
        if operation:
            handler = getattr(self, f"_{operation[1]}", lambda variables: {})
            return 200, {"data": handler(asked.get("variables") or {})}
        if path.endswith("/file_stream"):
            self._file_stream(path.split("/")[-2], json.loads(body))
        elif path.startswith("/artifact/"):
            _, _, number, file = path.split("/", 3)
            self.artifacts[int(number)].files[file] = body
        elif path.startswith("/upload/"):
            self.files[path.removeprefix("/upload/")] = body
        return 200, {}

    def _Viewer(self, variables: dict[str, Any]) -> dict[str, Any]:
        teams: dict[str, Any] = {"edges": []}
        return {"viewer": {"id": "v", "entity": "me", "username": "me", "email": "", "flags": "{}", "teams": teams}}

    def _ArtifactType(self, variables: dict[str, Any]) -> dict[str, Any]:
        return {"project": None}

    def _RunResumeStatus(self, sent: dict[str, Any]) -> dict[str, Any]:
        run = self.runs.get(sent["name"])
        bucket = run and {
            "id": "b",
            "name": sent["name"],
            "summaryMetrics": json.dumps(run.summary),
            "displayName": run.name,
            "logLineCount": 0,
            "historyLineCount": len(run.history),
            "eventsLineCount": 0,
            "historyTail": json.dumps([json.dumps(line) for line in run.history[-1:]]),
            "eventsTail": "[]",
            "config": json.dumps({key: {"value": value} for key, value in run.config.items()}),
            "tags": [],
            "notes": None,
            # Without telemetry, wandb takes it for a run that was never begun.
            "wandbConfig": '{"t": 1}',
        }
        return {"model": {"id": "p", "name": sent["project"], "entity": {"id": "e", "name": "me"}, "bucket": bucket}}

    def _UpsertBucket(self, sent: dict[str, Any]) -> dict[str, Any]:
        is_new = sent["name"] not in self.runs
        if is_new:
            self.runs[sent["name"]] = Run(sent["displayName"], sent["groupName"], sent["jobType"], sent["host"])
        run = self.runs[sent["name"]]
        # What a later request leaves out stays as it is.
        run.group = sent["groupName"] or run.group
        values = json.loads(sent["config"] or "{}")
        run.config |= {key: value["value"] for key, value in values.items() if key != "_wandb"}
        entity = {"id": "e", "name": sent["entity"] or "me"}
        bucket = {
            "id": "b",
            "name": sent["name"],
            "displayName": run.name,
            "description": None,
            "config": sent["config"],
            "sweepName": None,
            "project": {"id": "p", "name": sent["project"], "entity": entity},
            "historyLineCount": len(run.history),
        }
        return {"upsertBucket": {"bucket": bucket, "inserted": is_new}}

    def _CreateRunFiles(self, sent: dict[str, Any]) -> dict[str, Any]:
        files = [{"name": file, "uploadUrl": f"{self.url}/upload/{sent['run']}/{file}"} for file in sent["files"]]
        return {"createRunFiles": {"runID": "b", "uploadHeaders": [], "files": files}}

    def _CreateArtifact(self, variables: dict[str, Any]) -> dict[str, Any]:
        sent = variables["input"]
        self.artifacts.append(Artifact(sent["artifactCollectionName"], sent["artifactTypeName"], sent["runName"]))
        sequence = {"id": "s", "latestArtifact": None}
        made = {"id": str(len(self.artifacts) - 1), "state": "PENDING", "artifactSequence": sequence}
        return {"createArtifact": {"artifact": made}}

    def _CreateArtifactManifest(self, sent: dict[str, Any]) -> dict[str, Any]:
        name = "wandb_manifest.json"
        file = {"id": "f", "name": name, "displayName": name, "uploadHeaders": []}
        file["uploadUrl"] = f"{self.url}/artifact/{sent['artifactID']}/{name}"
        return {"createArtifactManifest": {"artifactManifest": {"id": "m", "file": file}}}

    def _CreateArtifactFiles(self, variables: dict[str, Any]) -> dict[str, Any]:
        edges = [
            {
                "node": {
                    "id": str(number),
                    "name": file["name"],
                    "displayName": file["name"],
                    "uploadUrl": f"{self.url}/artifact/{file['artifactID']}/{file['name']}",
                    "uploadHeaders": [],
                    "uploadMultipartUrls": None,
                    "storagePath": file["name"],
                    "artifact": {"id": file["artifactID"]},
                }
            }
            for number, file in enumerate(variables["input"]["artifactFiles"])
        ]
        return {"createArtifactFiles": {"files": {"edges": edges}}}

    def _CommitArtifact(self, sent: dict[str, Any]) -> dict[str, Any]:
        self.artifacts[int(sent["artifactID"])].committed = True
        return {"commitArtifact": {"artifact": {"id": sent["artifactID"], "digest": ""}}}

    def _ArtifactByID(self, sent: dict[str, Any]) -> dict[str, Any]:
        artifact = self.artifacts[int(sent["id"])]
        project = {"id": "p", "internalId": "p", "name": "cadc", "entity": {"name": "me"}}
        fields = {
            "__typename": "Artifact",
            "id": sent["id"],
            "artifactSequence": {"__typename": "ArtifactSequence", "name": artifact.name, "project": project},
            "artifactType": {"name": artifact.type},
            "ttlDurationSeconds": -1,
            "ttlIsInherited": True,
            "tags": [],
            "aliases": [],
            "state": "COMMITTED",
            "size": sum(map(len, artifact.files.values())),
            "fileCount": len(artifact.files),
            "versionIndex": 0,
            "digest": "",
            "createdAt": "2026-01-01T00:00:00",
        }
        empty = ("description", "metadata", "historyStep", "digestAlgorithm", "commitHash", "updatedAt")
        return {"artifact": dict.fromkeys(empty) | fields}

    def _file_stream(self, run_id: str, sent: dict[str, Any]) -> None:
        run = self.runs[run_id]
        for name, part in sent.get("files", {}).items():
            lines = [json.loads(line) for line in part["content"]]
            if name == "wandb-history.jsonl":
                # Lines go where the sender says, over those that are there.
                run.history[part["offset"] : part["offset"] + len(lines)] = lines
            elif name == "wandb-summary.json":
                run.summary = lines[-1]
        run.complete |= bool(sent.get("complete"))


def _handler(server: WandbServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            server.keys.add(self.headers.get("Authorization", ""))
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, value = server.answer(self.command, self.path, body)
            content = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = answer

        def log_message(self, *_: object) -> None:
            pass

    return Handler


class _Listener(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing about a connection that the other side broke."""


@contextmanager
def serving(server: WandbServer) -> Iterator[WandbServer]:
    """Let a server answer at `server.url` while the body runs."""
    listener = _Listener(("127.0.0.1", 0), _handler(server))
    server.url = f"http://127.0.0.1:{listener.server_address[1]}"
    thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.over.set()
        listener.shutdown()
        listener.server_close()
        thread.join()
