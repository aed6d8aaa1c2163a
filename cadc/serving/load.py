"""Loads the model of a finished run with its final weights."""

from pathlib import Path

from safetensors.torch import load_file
from torch import nn

from cadc.data.log import InteractionLog
from cadc.data.text import unreadable
from cadc.embeddings.base.serving_state import load_stored
from cadc.errors import CadcError, UsageError
from cadc.evaluation.ranking import rows_before
from cadc.ledger.identity import content_read, run_code
from cadc.ledger.left_out import left_out_of
from cadc.ledger.record_schema import check_record
from cadc.ledger.store import Ledger, Record
from cadc.models.model import Model
from cadc.paths import regular_file
from cadc.pipeline.build import (
    draw_sample,
    factorize_for_sampler,
    factorize_log,
    fit_log_views,
    make_model,
    open_log,
)
from cadc.pipeline.compatibility import require_compatible
from cadc.pipeline.settings import Settings
from cadc.pipeline.stream import StreamRun
from cadc.provenance.fingerprint import file_hash
from cadc.provenance.threads import threads
from cadc.storage.run_files import MODEL, RECORD
from cadc.terminal.progress import say


def load_run(ledger: Ledger, run_id: str) -> tuple[Record, InteractionLog, Model]:
    """Return the record of a finished run, its log (prepared again if necessary) and its model with the final weights.

    Raises
    ------
    CadcError : if the data has changed since the run, or the weights cannot be read.
    """
    record = ledger.record(run_id)
    path = ledger.path(run_id) / MODEL
    check_record(record, ledger.path(run_id) / RECORD, run_id)
    if path.name in left_out_of(path.parent) and not path.exists():
        raise CadcError(
            f"run {run_id} was unpacked without {path.name}; pack it with --weights where it was made, or delete its "
            "folder and train again."
        )
    try:
        settings = Settings.of(record["config"])
        require_compatible(settings)
        log = open_log(settings)
    except UsageError as error:
        where = ledger.path(run_id) / RECORD
        raise CadcError(f"the configuration in {where} cannot be used: {error}") from error
    if content_read(settings, log.meta) != content_read(settings, record["data"]):
        raise CadcError(f"the data has changed since run {run_id}, so its ids would mean other values; train again.")
    if run_code(settings) != record["code"]["hash"]:
        say(f"the code has changed since run {run_id}; its scores may differ from those recorded")
    # Factors that are no longer in the cache have the run's bits for its number of threads alone.
    with threads(settings.threads):
        log, model = StreamRun(settings, log=log).last_segment() if settings.policy else _of_log(settings, log)
        if settings.task == "ranking":
            model.remember(log, rows_before(log, settings.evaluated))
    try:
        hashes = record.get("files")
        if isinstance(hashes, dict) and file_hash(regular_file(path)) != hashes.get(path.name, ""):
            raise ValueError("its content is not what the run wrote")
        load_weights(model, path)
    except OSError as error:
        raise unreadable(path, error) from error
    except Exception as error:  # safetensors has its own classes of error for broken files
        reason = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
        raise CadcError(f"{path} does not have the weights of this model ({reason}); train again.") from error
    return record, log, model.eval()


def _of_log(settings: Settings, log: InteractionLog) -> tuple[InteractionLog, Model]:
    sample = draw_sample(settings, log, factorize_for_sampler(settings, log))
    fitted, views = factorize_log(settings, log, sample), fit_log_views(settings, log, sample)
    return log, make_model(settings, log, fitted, sample, views)


def load_weights(model: nn.Module, path: Path) -> None:
    """Load the weights of a safetensors file into a model; only numbers of the right names and shapes are read.

    Raises
    ------
    Exception : of safetensors or the system, for an invalid file.
    ValueError : for weights of other names, shapes or types, or that are not finite.
    """
    load_stored(model, load_file(regular_file(path)))
