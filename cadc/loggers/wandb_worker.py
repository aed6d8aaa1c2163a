"""The process that talks to wandb: reads one request from standard input and answers on standard output.

It is started by its path, as a separate process: wandb starts threads, sockets and a server process, patches other
modules, and its server may crash or hang. None of that may affect the process that measures runs. The request is
`{"init": arguments of wandb.init, "settings": ..., "content": ...}`, content from `cadc.loggers.content`; the
answer, a line that begins with `cadc: `, is `{"url": ...}` or `{"kind": name of the exception, "error": its message}`.
"""

import json
import sys
from pathlib import Path
from typing import Any


def main() -> int:
    """Answer one request and return the exit status."""
    request = json.load(sys.stdin)
    try:
        answer = {"url": send(**request)}
    except Exception as error:
        answer = {"kind": type(error).__name__, "error": str(error)}
    print(f"cadc: {json.dumps(answer)}", flush=True)
    return int("error" in answer)


def send(init: dict[str, Any], settings: dict[str, Any], content: dict[str, Any]) -> str | None:
    """Create a wandb run and return its URL, if it has one."""
    import wandb

    run = wandb.init(**init, settings=wandb.Settings(**settings))
    run.define_metric("epoch")
    run.define_metric("*", step_metric="epoch")
    # A run that exists is continued: its epochs are left out, or its curves would be duplicated.
    begin = run.starting_step
    for epoch in content.get("history", ()):
        if epoch["epoch"] >= begin:
            run.log(epoch, step=epoch["epoch"], commit=True)
    # After the curves, or wandb would replace these values by those of the last epoch.
    run.summary.update(content.get("summary", {}))
    artifacts = [_log_results(run, content)] if "columns" in content else []
    if "model" in content:
        model = wandb.Artifact(content["model"]["name"], type="model")
        for path in content["model"]["files"]:
            model.add_file(path)
        artifacts.append(run.log_artifact(model))
    for artifact in artifacts if init["mode"] == "online" else ():
        # Otherwise a failure to send it would not be reported.
        artifact.wait(int(settings["finish_timeout"]))
    url: str | None = run.url
    run.finish()
    return url


def _log_results(run: Any, content: dict[str, Any]) -> Any:
    """Log table and figure for display and all files as an artifact; return the artifact."""
    import wandb

    shown: dict[str, Any] = {"table": wandb.Table(columns=content["columns"], data=content["rows"])}
    artifact = wandb.Artifact(content["artifact"], type="results")
    for file in map(Path, content["files"]):
        artifact.add_file(str(file))
        if file.name == "figure.png":
            shown["figure"] = wandb.Image(str(file))
    run.log(shown)
    return run.log_artifact(artifact)


if __name__ == "__main__":
    sys.exit(main())
