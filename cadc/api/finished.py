"""A finished run in a notebook: its numbers, its files, its model."""

from collections.abc import Iterator
from contextlib import suppress
from functools import cached_property
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd

from cadc.api.carry_out import ledger_of, process_left_alone
from cadc.configuration.components import Component
from cadc.data.log import InteractionLog
from cadc.errors import CadcError, DataError
from cadc.evaluation.metrics.lookup import metric
from cadc.evaluation.prefixes import TEST
from cadc.evaluation.saved_tables import SAVED
from cadc.ledger.store import Record
from cadc.models.model import Model
from cadc.pipeline.settings import Settings
from cadc.provenance.fingerprint import describe
from cadc.reporting.saved import SavedRows
from cadc.serving.load import load_run
from cadc.serving.predict import Prediction
from cadc.storage.run_files import CURVES


class Run:
    """A finished run of the ledger.

    Parameters
    ----------
    run_id : its id, or the beginning of it.
    runs : folder of the ledger; `$CADC_RUNS`, else `runs`, where none is given.

    Raises
    ------
    UsageError : where no finished run, or more than one, begins so.

    >>> cadc.Run("3fa1")  # doctest: +SKIP
    <Run 3fa1…: data=synthetic model=dlrm …; test/auc 0.7153, test/logloss 0.6012; 4.1 s>
    """

    def __init__(self, run_id: str, runs: str | Path | None = None) -> None:
        self._ledger = ledger_of(runs)
        self.id = self._ledger.find(run_id)
        """Hash of configuration, data, seeds and code; also the name of its folder."""
        self.path = self._ledger.path(self.id)
        """Folder with all files of the run."""

    @cached_property
    def record(self) -> Record:
        """All that is known of the run: configuration, data, code, environment, metrics, costs, bytes, rows."""
        return self._ledger.record(self.id)

    @property
    def config(self) -> dict[str, Any]:
        """The composed configuration."""
        config: dict[str, Any] = self.record["config"]
        return config

    @property
    def metrics(self) -> dict[str, float]:
        """Metrics by name: those of the test part begin with `test/`, those of validation with `val/`."""
        return dict(self.record["metrics"])

    @property
    def seconds(self) -> float:
        """Seconds of all stages, factorisation included."""
        return float(self.record["cost"]["total_s"])

    @property
    def scores(self) -> pd.DataFrame:
        """A line for each row of the test part: `row` (place in the raw log), `user`, `item`, `label`, `probability`.

        Where the run ranks items it has `rank` in place of label and probability: that of each held-out item among all
        that its user has not met, from 1. Columns such as `user_rows_sample` count the training rows of its user and
        item; `user_surprise` and `user_conditional_surprise` say how coherent the user is.

        Raises
        ------
        CadcError : where the file is not there, or not the one that the record names.
        """
        return SavedRows(self._ledger).read(self.record, SAVED[self.record.get("task", "ctr")].file)

    def metric(self, name: str) -> float:
        """Return a metric of the part that the run was evaluated on, from its `scores`, recorded or not.

        Parameters
        ----------
        name : such as `brier`, `pr_auc` or `hr@50`, of the run's task.

        Raises
        ------
        UsageError : where there is no metric of that name.
        DataError : where it is undefined, or reads columns that the scores lack.
        CadcError : where the scores are not there, or not those that the record names.
        """
        found, rows = metric(name), self.scores
        if lacking := sorted(set(found.columns) - set(rows)):
            raise DataError(f"{name} reads the column {', '.join(lacking)}, which the scores of run {self.id} lack.")
        return found.value(rows)

    @property
    def history(self) -> pd.DataFrame:
        """A line for each epoch: `epoch` (from 1), `train/loss`, validation metrics; none for what is not trained."""
        path = self.path / CURVES
        return pd.read_csv(path) if path.exists() else pd.DataFrame({"epoch": []})

    @property
    def model(self) -> Model:
        """The model with its final weights, in evaluation mode; it maps a `cadc.data.Batch` to logits or scores."""
        return self._loaded[1]

    @property
    def log(self) -> InteractionLog:
        """The prepared log that the run read."""
        return self._loaded[0]

    @cached_property
    def _loaded(self) -> tuple[InteractionLog, Model]:
        with process_left_alone():
            _, log, model = load_run(self._ledger, self.id)
        return log, model

    def predict(self, rows: pd.DataFrame, column: str | None = None) -> pd.DataFrame:
        """Score new rows.

        Parameters
        ----------
        rows : raw ids in columns named `user` and `item`, or as in the log's own file, and a column for each context
            field and dense feature of the log. Users, items and values that training never saw count as unknown, and
            are counted on standard error.
        column : name of the answer, in place of `probability` or `score`.

        Returns
        -------
        scored : the rows with the column `probability`, of label 1; or `score`, higher for better, where the run
            ranks items.

        Raises
        ------
        DataError : for a missing column, a row without user or item, a value that cannot be an id or a category, or a
            dense value that is not a finite number.
        """
        return Prediction(self.record, self.log, self.model, column).of_frame(rows, "the data frame")

    def __repr__(self) -> str:
        asked = " ".join(f"{name}={value}" for name, value in self._asked())
        numbers = ", ".join(f"{name} {value:.4f}" for name, value in self._judged().items())
        return f"<Run {self.id}: {asked}; {numbers}; {self.seconds:.1f} s>"

    def _repr_html_(self) -> str:
        rows = [
            ("run", self.id),
            *self._asked(),
            *((name, f"{value:.4f}") for name, value in self.metrics.items()),
            ("seconds", f"{self.seconds:.1f}"),
            ("bytes of tables", f"{self.record.get('bytes', {}).get('embedding') or 0:,}"),
            ("folder", self.path),
        ]
        cells = "".join(f"<tr><th>{escape(str(name))}</th><td>{escape(str(value))}</td></tr>" for name, value in rows)
        return f"<table>{cells}</table>"

    def _judged(self) -> dict[str, float]:
        """Return the metrics of the test part; all of them where there are none of it."""
        found = self.metrics
        return {name: value for name, value in found.items() if name.startswith(TEST)} or found

    def _asked(self) -> Iterator[tuple[str, Any]]:
        """Yield the option of each group that the run uses, its keys that are not at their default, and the seed."""
        components: dict[str, Component[Any]] = {}
        with suppress(CadcError):  # a plug-in that is not installed here
            settings = Settings.of(self.config)
            components = {"data": settings.source, **settings.used()}
        for group in ("data", *self.record.get("uses", ())):
            yield group, self.config["choices"].get(group, "?")
            options = describe(components[group]) if group in components else {}
            yield from ((f"{group}.{key}", value) for key, value in options.items() if key != "class")
        yield "seed", self.config["seed"]
