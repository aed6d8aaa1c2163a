"""A mirror of finished runs in Weights & Biases, in files only until switched online."""

import shutil
import tempfile
from pathlib import Path
from typing import Any, Literal

from cadc.loggers.content import RESULT_FILES, digest_of_files, run_content, table_content
from cadc.loggers.logger import RunLogger
from cadc.loggers.sent import Marks, plain
from cadc.loggers.wandb_process import server_name, talk


class WandbMirror(RunLogger):
    """Shows every finished run as a wandb run of the same id, and an experiment's table as a run of its own.

    What was mirrored once is left alone, until it changes or comes to belong to an experiment.

    Parameters
    ----------
    project : name of the project there.
    mode : `offline` writes wandb's files into `folder`; `online` sends instead.
    folder : where the files of `offline` go.
    entity : user or team that the project belongs to; the key's own where None is given.
    """

    def __init__(
        self,
        project: str = "cadc",
        mode: Literal["offline", "online"] = "offline",
        folder: str = "outputs/wandb",
        entity: str | None = None,
    ) -> None:
        self.project = project
        self.mode = mode
        self.folder = folder
        self.entity = entity

    def mirror(self, folder: Path, group: str | None) -> None:
        """Mirror one finished run, unless it was mirrored before.

        Parameters
        ----------
        folder : of the run, in its ledger.
        group : name of the experiment that it belongs to, if any.

        Raises
        ------
        CadcError : where wandb does not take it, or record or curves cannot be read.
        """
        if not self.is_mirrored(folder, group):
            self.send(folder, group)

    def is_mirrored(self, folder: Path, group: str | None) -> bool:
        """Tell whether this run, as it is, was mirrored; without a group it has yet to come into its first one."""
        mark = self._marks(folder.parent).read(folder.name)
        if mark is None or mark.get("digest") != _digest_of_run(folder):
            return False
        return bool(mark.get("group")) or not group

    def send(self, folder: Path, group: str | None) -> str | None:
        """Mirror one finished run whether or not it was before; return its address in wandb, if it has one."""
        url = self._make(run_content(folder, group))
        self._marks(folder.parent).write(folder.name, {"digest": _digest_of_run(folder), "group": group})
        return url

    def mirror_table(self, folder: Path, group: str) -> None:
        """Mirror the table and the figure of an experiment, unless they were mirrored as they are.

        Parameters
        ----------
        folder : of its results, with `table.csv`.
        group : name of the experiment.

        Raises
        ------
        CadcError : where wandb does not take it, or there is no table.
        """
        if not self.is_table_mirrored(folder, group):
            self.send_table(folder, group)

    def is_table_mirrored(self, folder: Path, group: str) -> bool:
        """Tell whether these results were mirrored as they are."""
        mark = self._table_marks().read(group)
        return mark is not None and mark.get("digest") == _digest_of_results(folder)

    def send_table(self, folder: Path, group: str) -> str | None:
        """Mirror the results of an experiment whether or not they were before; return the address, if any."""
        url = self._make(table_content(folder, group) | {"artifact": plain(f"results-{group}")})
        self._table_marks().write(group, {"digest": _digest_of_results(folder)})
        return url

    def _marks(self, ledger: Path) -> Marks:
        place = f"{self.entity or 'default'}-{self.project}"
        if self.mode == "offline":
            return Marks(Path(self.folder) / ".mirrored" / plain(place))
        return Marks(ledger / ".synced" / plain(server_name()) / plain(place))

    def _table_marks(self) -> Marks:
        from cadc.paths import runs_dir

        marks = self._marks(runs_dir())
        return Marks(marks.folder / "tables")

    def _make(self, content: dict[str, Any]) -> str | None:
        """Make one wandb run; return its address, if it has one."""
        content = content | {"id": plain(content["id"])}
        init = {key: content.get(key) for key in ("id", "name", "group", "job_type", "config")}
        init |= {"project": self.project, "entity": self.entity, "mode": self.mode}
        if self.mode == "online":
            init["resume"] = "allow"
            # The ledger holds all that was sent, so nothing of it is kept here.
            with tempfile.TemporaryDirectory(prefix="cadc-wandb-", ignore_cleanup_errors=True) as folder:
                return talk(init, content, Path(folder))
        place = Path(self.folder).absolute()
        for half in place.glob(f"wandb/offline-run-*-{content['id']}"):
            # Written before, and not marked: interrupted, or of another state of the run.
            shutil.rmtree(half)
        place.mkdir(parents=True, exist_ok=True)
        return talk(init, content, place)


def _digest_of_run(folder: Path) -> str:
    return digest_of_files(folder / "record.json", folder / "metrics.csv")


def _digest_of_results(folder: Path) -> str:
    return digest_of_files(*(folder / name for name in RESULT_FILES))
