"""Logs finished runs to Weights & Biases, only to files unless switched online."""

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

from cadc.loggers.content import RESULT_FILES, digest_of_files, results_content, run_content
from cadc.loggers.logger import RunLogger
from cadc.loggers.sent import SentNotes, safe_name
from cadc.loggers.wandb_live import WandbCurve
from cadc.loggers.wandb_process import server_name, talk
from cadc.paths import user_path
from cadc.storage.run_files import CURVES, MODEL, RECORD


class WandbLogger(RunLogger):
    """Logs every finished run as a wandb run of the same id, and the table of an experiment as a run of its own.

    What was logged is not logged again unless it changes, or joins an experiment. The server of wandb leaves out empty
    dictionaries, so that a run without views has no key `views` there.

    Parameters
    ----------
    project : name of the wandb project.
    mode : `offline` writes wandb's files into `folder`, `online` sends them.
    folder : for the files of `offline`.
    entity : user or team that owns the project; None takes the owner of the key.
    tags : of each run.
    group : of the runs; None groups those of an experiment by its name.
    model : whether the model's weights and the record go along, as an artifact of the type `model`.
    live : whether `online` sends a run's epochs while it is trained, too.
    """

    later: ClassVar[str] = "`cadc sync` sends it later."

    def __init__(
        self,
        project: str = "cadc",
        mode: Literal["offline", "online"] = "offline",
        folder: str = "outputs/wandb",
        entity: str | None = None,
        tags: tuple[str, ...] = (),
        group: str | None = None,
        model: bool = False,
        live: bool = False,
    ) -> None:
        self.project = project
        self.mode = mode
        self.folder = folder
        self.entity = entity
        self.tags = tuple(tags)
        self.group = group
        self.model = model
        self.live = live

    def follow(self, run_id: str, config: Mapping[str, Any]) -> WandbCurve | None:
        """Return what sends the epochs of a run while it is trained; None unless that is asked for, and online."""
        if not (self.live and self.mode == "online"):
            return None
        content: dict[str, Any] = {"id": run_id, "name": run_id, "group": self.group, "job_type": "train"}
        content |= {"config": dict(config), "tags": list(self.tags)}
        return WandbCurve(lambda history: self._make(content | {"history": history}))

    def log_run(self, folder: Path, group: str | None) -> None:
        """Log a finished run, unless it was logged before.

        Parameters
        ----------
        folder : of the run, in its ledger.
        group : name of the experiment that the run belongs to, if any.

        Raises
        ------
        CadcError : if wandb rejects it, or record or curves cannot be read.
        """
        if not self.is_logged(folder, group):
            self.send(folder, group)

    def is_logged(self, folder: Path, group: str | None) -> bool:
        """Return whether a run was logged as it is now, and, if a group is given, as part of a group."""
        note = self._notes(folder.parent).read(folder.name)
        if note is None or note.get("digest") != _digest_of_run(folder):
            return False
        # What was asked for beside the record may have changed; who asks for nothing takes it as it is.
        return (bool(note.get("group")) or not (self.group or group)) and self._beside in ({}, note.get("beside", {}))

    def send(self, folder: Path, group: str | None) -> str | None:
        """Log a finished run even if it was logged before; return its URL, if it has one."""
        content = run_content(folder, self.group or group) | {"tags": list(self.tags)}
        if self.model and (folder / MODEL).exists():  # a run may have been unpacked without
            files = [str((folder / name).absolute()) for name in (MODEL, RECORD)]
            content["model"] = {"name": safe_name(f"model-{folder.name}"), "files": files}
        url = self._make(content)
        note = {"digest": _digest_of_run(folder), "group": content["group"]}
        self._notes(folder.parent).write(folder.name, note | ({"beside": self._beside} if self._beside else {}))
        return url

    @property
    def _beside(self) -> dict[str, Any]:
        """What is asked for beside the record, as a note holds it."""
        asked = {"tags": list(self.tags), "group": self.group, "model": self.model}
        return {name: value for name, value in asked.items() if value}

    def log_results(self, folder: Path, group: str) -> None:
        """Log table and figure of an experiment, unless they were logged as they are now.

        Parameters
        ----------
        folder : of the results, with `table.csv`.
        group : name of the experiment.

        Raises
        ------
        CadcError : if wandb rejects it, or there is no table.
        """
        if not self.are_results_logged(folder, group):
            self.send_results(folder, group)

    def are_results_logged(self, folder: Path, group: str) -> bool:
        """Return whether results were logged as they are now."""
        note = self._result_notes().read(group)
        return note is not None and note.get("digest") == _digest_of_results(folder)

    def send_results(self, folder: Path, group: str) -> str | None:
        """Log the results of an experiment even if they were logged before; return their URL, if they have one."""
        url = self._make(results_content(folder, group) | {"artifact": safe_name(f"results-{group}")})
        self._result_notes().write(group, {"digest": _digest_of_results(folder)})
        return url

    def _notes(self, ledger: Path) -> SentNotes:
        place = f"{self.entity or 'default'}-{self.project}"
        if self.mode == "offline":
            return SentNotes(user_path(self.folder) / ".mirrored" / safe_name(place))
        return SentNotes(ledger / ".synced" / safe_name(server_name()) / safe_name(place))

    def _result_notes(self) -> SentNotes:
        from cadc.paths import runs_dir

        notes = self._notes(runs_dir())
        return SentNotes(notes.folder / "tables")

    def _make(self, content: dict[str, Any]) -> str | None:
        """Create a wandb run; return its URL, if it has one."""
        content = content | {"id": safe_name(content["id"])}
        init = {key: content.get(key) for key in ("id", "name", "group", "job_type", "config", "tags")}
        init |= {"project": self.project, "entity": self.entity, "mode": self.mode}
        if self.mode == "online":
            init["resume"] = "allow"
            # The ledger has all that is sent, so no copy is kept.
            with tempfile.TemporaryDirectory(prefix="cadc-wandb-", ignore_cleanup_errors=True) as folder:
                return talk(init, content, Path(folder))
        place = user_path(self.folder).absolute()
        for half in place.glob(f"wandb/offline-run-*-{content['id']}"):
            # Written before and not noted: interrupted, or the run has changed since.
            shutil.rmtree(half)
        place.mkdir(parents=True, exist_ok=True)
        return talk(init, content, place)


def _digest_of_run(folder: Path) -> str:
    return digest_of_files(folder / RECORD, folder / CURVES)


def _digest_of_results(folder: Path) -> str:
    return digest_of_files(*(folder / name for name in RESULT_FILES))
