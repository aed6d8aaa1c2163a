"""Whether this machine computes the same bits twice: some training steps are taken two times."""

import hashlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, repeat

import torch
from torch import Tensor

from cadc.data.batches import BatchLoader
from cadc.diagnosis.finding import Finding
from cadc.errors import CadcError, one_line
from cadc.evaluation.tasks import BY_TASK
from cadc.pipeline.build import batch_columns
from cadc.pipeline.run import begin
from cadc.pipeline.settings import Settings
from cadc.provenance.threads import threads
from cadc.randomness import torch_generator
from cadc.training.device import device_of_accelerator

N_STEPS = 20
LOG = ("data=synthetic", "data.n_rows=6000", "data.n_users=300", "data.n_items=200")
"""A log that is generated in no time, in place of that of the run."""
OF_THE_LOG = ("data", "sampler", "policy", "stream", "logger", "evaluate")
"""Keys of overrides that choose the log or its rows, or what becomes of a run."""

Step = tuple[int, str, str]
"""Number of a step, the name of a tensor after it, and the hash of its bits."""


def check_repetition(overrides: Sequence[str]) -> Finding:
    """Return whether training steps give the same bits when they are taken again.

    The network is that of the run, on a small generated log; a run without a network, or one whose network needs
    another log, is represented by the default network.

    Parameters
    ----------
    overrides : of the run.
    """
    own = [text for text in overrides if text.lstrip("+~").split("=")[0].split(".")[0].split("/")[0] not in OF_THE_LOG]
    whose, first = "the run's network", None
    with _aside():
        try:
            settings = Settings.compose([*own, *LOG])
            first = list(steps(settings)) if settings.is_trained else None
        except CadcError:
            pass  # the run itself may well have the fields that are missing here
        try:
            if first is None:
                whose, settings = "the default network", Settings.compose(LOG)
                first = list(steps(settings))
            second = list(steps(settings))
        except CadcError as error:
            return Finding("repetition", "wrong", f"{whose} cannot be trained: {one_line(str(error))}")
    different = first_difference(first, second)
    if different is None:
        return Finding("repetition", "ok", f"{N_STEPS} steps of {whose} give the same bits twice")
    number, name = different
    return Finding(
        "repetition",
        "wrong",
        f"{N_STEPS} steps of {whose} were taken twice; the first tensor that differs is {name}, after step {number}",
        "set threads=1 and trainer.accelerator=cpu; if they differ there too, test this machine's memory, or report it",
    )


@contextmanager
def _aside() -> Iterator[None]:
    """Keep what the steps prepare out of the user's cache, inside a `with` block."""
    before = os.environ.get("CADC_CACHE")
    with tempfile.TemporaryDirectory(prefix="cadc-doctor-") as folder:
        os.environ["CADC_CACHE"] = folder
        try:
            yield
        finally:
            del os.environ["CADC_CACHE"]
            if before is not None:
                os.environ["CADC_CACHE"] = before


def steps(settings: Settings) -> Iterator[Step]:
    """Train the network of a run, and yield every gradient, weight and state of the optimiser after each step."""
    with threads(settings.threads):
        begun = begin(settings)
        fit, rows = settings.build_fit(), begun.sample.rows
        fit.callbacks = {}
        device = device_of_accelerator(fit.accelerator)
        model, log = begun.model.to(device), begun.log
        state = fit.begun(model, log, rows, BY_TASK[settings.task](log, "validation", fit.validation_rate))
        groups = log.field_ids("user", rows) if model.shuffles_users else None
        beside = batch_columns(begun.sample, begun.fitted)
        shuffle = torch_generator(settings.seeds.weights, "batches")
        loader = BatchLoader(log, rows, fit.rows_per_step(len(rows)), shuffle, beside, groups)
        for number, batch in zip(range(1, N_STEPS + 1), chain.from_iterable(repeat(loader)), strict=False):
            state.step(batch.to(device))
            named = dict(model.named_parameters())
            for name, weight in named.items():
                if weight.grad is not None:
                    yield number, f"the gradient of {name}", bits(weight.grad)
            for name, weight in named.items():
                yield number, name, bits(weight.detach())
                for key, value in state.optimizer.state.get(weight, {}).items():
                    if isinstance(value, Tensor):
                        yield number, f"the optimiser's {key} of {name}", bits(value)


def bits(values: Tensor) -> str:
    """Return the hash of the bits of a tensor of any device and layout."""
    dense = (values.to_dense() if values.is_sparse else values).detach().cpu().contiguous()
    return hashlib.sha256(dense.reshape(-1).view(torch.uint8).numpy().tobytes()).hexdigest()


def first_difference(first: Sequence[Step], second: Sequence[Step]) -> tuple[int, str] | None:
    """Return the step and the name of the first tensor whose bits differ; None if all are the same.

    >>> first_difference([(1, "weight", "a"), (2, "weight", "b")], [(1, "weight", "a"), (2, "weight", "c")])
    (2, 'weight')
    """
    for one, two in zip(first, second, strict=False):
        if one != two:
            return one[:2]
    return None
