"""The process that talks to wandb: reads one request from standard input and answers on standard output.

It is run by its path, on its own: wandb starts threads, sockets and a server process, patches what it meets, and its
server process may crash or wait for ever. None of that may touch the process that measures runs. The request is
`{"init": arguments of wandb.init, "settings": ..., "content": ...}`, content as `cadc.loggers.content` makes it; the
answer, a line that begins with `cadc: `, is `{"url": ...}` or `{"kind": name of the exception, "error": its message}`.
"""

import json
import sys
from pathlib import Path
from typing import Any


def main() -> int:
    """Carry out one request and return the exit status."""
    request = json.load(sys.stdin)
    try:
        answer = {"url": send(**request)}
    except Exception as error:
        answer = {"kind": type(error).__name__, "error": str(error)}
    print(f"cadc: {json.dumps(answer)}", flush=True)
    return int("error" in answer)


def send(init: dict[str, Any], settings: dict[str, Any], content: dict[str, Any]) -> str | None:
    """Make one wandb run and return its address, if it has one."""
    import wandb

    run = wandb.init(**init, settings=wandb.Settings(**settings))
    run.define_metric("epoch")
    run.define_metric("*", step_metric="epoch")
    # A run that is there already goes on: its epochs are left out, or its curves would be there twice.
    begin = run.starting_step
    for epoch in content.get("history", ()):
        if epoch["epoch"] >= begin:
            run.log(epoch, step=epoch["epoch"], commit=True)
    # After the curves, or wandb would put the last epoch's values over those of the epoch that was kept.
    run.summary.update(content.get("summary", {}))
    if "columns" in content:
        artifact = _log_results(run, content)
        if init["mode"] == "online":
            # Otherwise nothing would say that it did not arrive.
            artifact.wait(int(settings["finish_timeout"]))
    url: str | None = run.url
    run.finish()
    return url


def _log_results(run: Any, content: dict[str, Any]) -> Any:
    """Log table and figure to be seen, and all files to be kept; return the artifact that keeps them."""
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
