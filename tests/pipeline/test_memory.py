"""A run that lacks memory is interrupted: the others go on, and the next start goes on with it."""

import pytest
import torch

from cadc.execution.jobs import plan
from cadc.ledger import Ledger
from cadc.pipeline import evaluate as evaluation
from tests.support.commands import TINY, cadc, closing

SWEEP = ("train", "-m", *TINY, "initializer=random,mf")


def lack_of_python():
    raise MemoryError


def lack_on_a_gpu():
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")


def lack_on_the_cpu():
    torch.empty(1 << 56)


@pytest.mark.parametrize("lack", [lack_of_python, lack_on_a_gpu, lack_on_the_cpu])
def test_a_lack_of_memory_interrupts_one_run_which_goes_on_next_time(monkeypatch, lack):
    first, second = (job.run_id for job in plan([[*TINY, f"initializer={name}"] for name in ("random", "mf")]))
    score, calls = evaluation.score, []

    def fails_once(*arguments):
        calls.append(1)
        if len(calls) == 1:
            lack()
        return score(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(evaluation, "score", fails_once)
        answer = cadc(*SWEEP)
    assert answer.status == 1
    assert closing(answer) == {"finished": 1, "interrupted": 1}
    assert "Traceback" not in answer.err
    ledger = Ledger()
    assert ledger.statuses() == {first: "interrupted", second: "finished"}
    assert answer.err.splitlines()[-1].split(": ", 1)[1] == ledger.about(first)["reason"]
    assert cadc(*SWEEP, "--dry-run").out.splitlines()[-2].split()[:2] == [first, "interrupted"]
    again = cadc(*SWEEP)
    assert again.status == 0
    assert closing(again) == {"resumed": 1, "skipped": 1}
    assert ledger.statuses() == {first: "finished", second: "finished"}


def test_alone_it_is_a_sentence_and_goes_on_too(monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(evaluation, "score", lambda *_: lack_on_the_cpu())
        answer = cadc("train", *TINY)
    assert answer.status == 1
    assert "can't allocate memory" in answer.sentence
    again = cadc("train", *TINY)
    assert again.status == 0
    assert ", resumed" in again.err


def test_an_error_of_the_code_is_no_lack_of_memory(monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(evaluation, "score", lambda *_: torch.ones(2) @ torch.ones(3))
        answer = cadc(*SWEEP)
    assert answer.status == 1
    assert closing(answer) == {"failed": 2}
    assert set(Ledger().statuses().values()) == {"failed"}
