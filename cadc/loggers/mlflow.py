"""Logs the curves of runs to MLflow, in a file or on a server."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from cadc.loggers.curve import Curve, quiet
from cadc.loggers.of_lightning import LoggerOfLightning
from cadc.loggers.sent import SentNotes, safe_name
from cadc.paths import user_path

TAG = "cadc.run"
"""Tag of a run in MLflow that holds its id in the ledger."""

PATIENCE = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "10", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2"}
"""How long a server is waited for, unless the environment says so already: no run waits for minutes."""


class MLflow(LoggerOfLightning):
    """Logs each run as a run of an MLflow experiment, under its id.

    Parameters
    ----------
    experiment : name of the MLflow experiment.
    tracking_uri : of the server, or an SQLite file; None takes `$MLFLOW_TRACKING_URI`, else the file
        `outputs/mlflow.db`. Keys of a server belong into MLflow's own environment variables: records hold this option.
    """

    package: ClassVar[str | None] = "mlflow"

    def __init__(self, experiment: str = "cadc", tracking_uri: str | None = None) -> None:
        self.experiment, self.tracking_uri = experiment, tracking_uri

    @property
    def place(self) -> str:
        """URI of the server, or of the file."""
        return self._uri if ":" in self._uri else f"sqlite:///{user_path(self._uri).absolute()}"

    @property
    def _uri(self) -> str:
        return self.tracking_uri or os.environ.get("MLFLOW_TRACKING_URI") or "outputs/mlflow.db"

    def follow(self, run_id: str, config: Mapping[str, Any]) -> Curve:
        """Return a curve that goes on after the epochs that the run has in MLflow."""
        for name, value in PATIENCE.items():
            os.environ.setdefault(name, value)
        from mlflow.tracking import MlflowClient
        from pytorch_lightning.loggers import MLFlowLogger

        if ":" not in self._uri:
            user_path(self._uri).parent.mkdir(parents=True, exist_ok=True)
        with quiet():
            client = MlflowClient(self.place)
            known = client.get_experiment_by_name(self.experiment)
            found = [] if known is None else client.search_runs([known.experiment_id], f"tags.`{TAG}` = '{run_id}'")
            logger = MLFlowLogger(
                self.experiment,
                run_name=run_id,
                tracking_uri=self.place,
                tags={TAG: run_id},
                run_id=found[0].info.run_id if found else None,
            )
            n_logged = int(found[0].data.metrics.get("epoch", 0)) if found else 0
            return Curve(logger, config, n_logged)

    def notes(self, ledger: Path) -> SentNotes:
        """Return the notes beside the ledger, for each place and experiment."""
        return SentNotes(ledger / ".synced" / safe_name(self.place) / safe_name(self.experiment))
