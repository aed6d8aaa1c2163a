"""Watching a sweep: the page is written again as runs end, and two small scripts beside it carry what is new.

A page that was opened from a folder may load scripts beside it, but fetch nothing. `NAME.live.js` says how the sweep
stands, and is loaded every two seconds; `NAME.data.js` has the results, and is loaded when there are new ones.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from cadc.errors import CadcError, one_line
from cadc.experiment import load_experiment
from cadc.ledger.status import Entry
from cadc.ledger.store import Ledger, Record
from cadc.ledger.sweeps import Sweep, SweepRun, sweeps
from cadc.reporting.page.data import as_text, page_data
from cadc.reporting.page.frame import html
from cadc.reporting.page.live import Standings, finished, live_data, of_running
from cadc.reporting.page.source import Source, from_records
from cadc.reporting.points import points
from cadc.reporting.table import table_of
from cadc.reporting.timing import timing_notes
from cadc.storage.lease_files import lives
from cadc.storage.output_files import write_output

PAUSE = 1.0
"""Seconds between two looks at the ledger."""

SILENCE = 5.0
"""Seconds without a process after which a sweep counts as interrupted; another process may be taking it over."""

BETWEEN = 15.0
"""Seconds for which a process that lives may take to begin its next sweep, such as the study of another arm."""

IDLE = 10
"""The results are put together again at the earliest after so many times as long as that took."""


def sweep_to_watch(ledger: Ledger, name: str = "") -> Sweep | None:
    """Return the sweep that began last of those that work, or the runs that work outside of one; None without any.

    Parameters
    ----------
    ledger : that is looked at.
    name : of an experiment or a study; empty for any sweep.
    """
    # Looked for first: a sweep that begins meanwhile is noted before its first run.
    alone = None if name else of_running(ledger)
    found = [sweep for sweep in sweeps(ledger) if sweep.is_running and name in ("", sweep.name)]
    return found[-1] if found else alone


class Watch:
    """Writes the page of a sweep until it ends.

    Parameters
    ----------
    ledger : of its runs.
    sweep : that is watched.
    output : file of the page.
    command : that made it.
    report : takes a line whenever the counts change.
    goes_on : whether further sweeps of the same process are watched when this one has ended.
    """

    def __init__(
        self,
        ledger: Ledger,
        sweep: Sweep,
        output: Path,
        command: str,
        report: Callable[[str], None],
        goes_on: bool = False,
    ) -> None:
        self.ledger, self.sweep, self.output, self.command, self.report = ledger, sweep, output, command, report
        self._standings = Standings(ledger)
        self._entries: dict[str, Entry] = {}
        self._goes_on, self._has_failed = goes_on, False
        self._last_seen = time.monotonic()
        self._results: dict[str, Any] = {}
        self._shown_runs: list[str] | None = None
        self._built_at, self._took, self._version = float("-inf"), 0.0, 0
        self._said = ""
        self._written: dict[str, str] = {}

    def until_it_ends(self) -> str:
        """Watch the sweep; return how it ended: `done`, `failed` or `interrupted`.

        The page that is left, also by Ctrl-C, holds the last state and asks for nothing more.
        """
        end = ""
        try:
            while not end:
                end = self.look()
                if not end:
                    time.sleep(PAUSE)
        finally:
            self.write(end or "stopped")
        return end

    def look(self) -> str:
        """Look at the ledger once, and write what is new; return how the sweep ended, or an empty text."""
        is_noted = self._find()
        self._entries = self._standings.entries(list(self.sweep.runs))
        end = self._end(is_noted)
        if end in ("done", "failed") and self._goes_on:
            end = self._after(end)
        if not end:
            self.write("")
        return end

    def _after(self, end: str) -> str:
        """Take up the next sweep of the process; return how all ended once it has no other."""
        process = self.sweep.process
        following = [
            sweep for sweep in sweeps(self.ledger) if sweep.is_running and process and sweep.process == process
        ]
        if following:
            self._has_failed = self._has_failed or end == "failed"
            self.sweep, self._entries, self._shown_runs = following[-1], {}, None
            self._last_seen = time.monotonic()
            return ""
        if process and lives(process) and time.monotonic() - self._last_seen < BETWEEN:
            return ""
        return "failed" if self._has_failed else end

    def _find(self) -> bool:
        """Take the newest note of the sweep; return whether it is still there."""
        if not self.sweep.sweep_id:
            return False
        found = [sweep for sweep in sweeps(self.ledger) if sweep.sweep_id == self.sweep.sweep_id]
        if found:
            # One that was interrupted just now names no process any more.
            self.sweep = replace(found[0], process=found[0].process or self.sweep.process)
        return bool(found)

    def _end(self, is_noted: bool) -> str:
        statuses = [entry.status for entry in self._entries.values()]
        if "running" in statuses or (is_noted and self.sweep.is_running):
            self._last_seen = time.monotonic()
            return ""
        is_left = len([status for status in statuses if status in ("finished", "pruned", "failed")]) < len(
            self.sweep.runs
        )
        if is_left and time.monotonic() - self._last_seen < SILENCE:
            return ""
        if is_left:
            return "interrupted"
        return "failed" if "failed" in statuses else "done"

    def write(self, end: str) -> None:
        """Write the page and the scripts beside it, where their content has changed."""
        runs = finished(self.sweep, self._entries)
        ids = [run.run_id for run, _ in runs]
        is_due = time.monotonic() - self._built_at > IDLE * self._took
        if end or (ids != self._shown_runs and is_due):
            started = time.monotonic()
            self._results = page_data(self._sources(runs, end), self.ledger, self.command)
            self._shown_runs, self._version = ids, self._version + 1
            self._built_at = time.monotonic()
            self._took = self._built_at - started
        live = live_data(self.sweep, self._entries, end) | {"version": self._version, "files": self._files}
        if line := self._counts(live):
            self.report(line)
        data = self._results | {"live": live}
        # The whole page is written as results come, so that it is of use however this process ends.
        if self._written.get("page") != f"{self._version} {end}":
            self._written["page"] = f"{self._version} {end}"
            self._put(
                self._files["data"], f"cadc.receive_data({as_text(self._results | {'version': self._version})});\n"
            )
            write_output(self.output, html(data))
        self._put(self._files["live"], f"cadc.receive_live({as_text(live)});\n")

    @property
    def _files(self) -> dict[str, str]:
        return {kind: f"{self.output.stem}.{kind}.js" for kind in ("live", "data")}

    def _put(self, name: str, text: str) -> None:
        if self._written.get(name) != text:
            self._written[name] = text
            write_output(self.output.with_name(name), text)

    def _counts(self, live: dict[str, Any]) -> str:
        counts = ", ".join(f"{live[name]} {name}" for name in ("done", "running", "failed", "left"))
        said, self._said = self._said, counts
        return "" if said == counts else counts

    def _sources(self, runs: list[tuple[SweepRun, Record]], end: str) -> list[Source]:
        """Return the results so far as the part of a page; none before the first, or if they make no table.

        All that a reader's open page would have to be loaded anew for stays the same until the end.
        """
        if not runs:
            return []
        title, claim, source = "Results so far", "", ""
        with suppress(CadcError):
            if self.sweep.name:
                experiment = load_experiment(self.sweep.name)
                title, claim, source = experiment.title, experiment.claim, experiment.source
        name = self.sweep.name or "runs"
        try:
            found = self._with_arms(name, runs) if runs[0][0].arm else self._of_runs(name, runs)
        except CadcError as error:
            self.report(f"the results make no table yet: {one_line(str(error))}")
            return []
        return [replace(found, title=title, claim=claim, source=source, notes=found.notes if end else [])]

    def _with_arms(self, name: str, runs: list[tuple[SweepRun, Record]]) -> Source:
        rows = points([(run.arm, record) for run, record in runs])
        notes = timing_notes([record for _, record in runs])
        return Source(name, name, table_of(rows), points=rows, notes=notes, place=str(self.ledger.folder))

    def _of_runs(self, name: str, runs: list[tuple[SweepRun, Record]]) -> Source:
        return from_records([record for _, record in runs], self.ledger, name)
