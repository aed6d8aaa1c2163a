"""What a machine lacks interrupts a run, which goes on later; only what the run decides is recorded as failed."""

import errno
import json
from concurrent.futures.process import BrokenProcessPool

import pytest
import torch

import cadc as package
from cadc.errors import CadcError, Damaged, DataError, Lost, MachineTrouble, NoDevice, NotDownloadable, UsageError
from cadc.execution.failure import as_cadc_error, is_trouble
from cadc.ledger import Ledger
from cadc.pipeline import evaluate as evaluation
from cadc.pipeline import run as pipeline
from cadc.pipeline.build import open_log
from cadc.pipeline.settings import Settings
from tests.support.commands import TINY, cadc, closing, runs

FROM_A_FILE = DataError("a file cannot be read")
FROM_A_FILE.__cause__ = OSError(errno.EIO, "Input/output error", "vectors.parquet")

TROUBLE = {
    "memory": MemoryError(),
    "memory of the CPU": RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
    "memory of the GPU": torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
    "no driver": RuntimeError("Found no NVIDIA driver on your system."),
    "no CUDA": AssertionError("Torch not compiled with CUDA enabled"),
    "a broken GPU": torch.AcceleratorError("CUDA error: uncorrectable ECC error encountered"),
    "cuDNN": RuntimeError("cuDNN error: CUDNN_STATUS_INTERNAL_ERROR"),
    "NCCL": RuntimeError("NCCL communicator was aborted on rank 1."),
    "no MPS": NotImplementedError("Could not run 'aten::empty' with arguments from the 'MPS' backend."),
    "a worker": RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed."),
    "a pool": BrokenProcessPool("A process in the process pool was terminated abruptly"),
    "threads": RuntimeError("can't start new thread"),
    "disk": OSError(errno.ENOSPC, "No space left on device"),
    "disk, as torch says it": RuntimeError("[enforce fail at inline_container.cc:664] . unexpected pos 64 vs 0"),
    "permission": PermissionError(errno.EACCES, "Permission denied", "/cache/x"),
    "a file": FileNotFoundError(errno.ENOENT, "No such file or directory", "/cache/x"),
    "a file, inside a sentence": FROM_A_FILE,
    "network": ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"),
    "time": TimeoutError("timed out"),
    "the end of a file": EOFError("No data left in file"),
    "a library": ModuleNotFoundError("No module named 'torchrec'"),
    "a terminal": UnicodeEncodeError("ascii", "ü", 0, 1, "ordinal not in range(128)"),
    "a closed stream": ValueError("I/O operation on closed file."),
    "a cache": Damaged("user.npy is damaged; delete it"),
    "a device, in a sentence": NoDevice("trainer.accelerator=gpu is not available"),
    "a download": NotDownloadable("put the files there"),
}
OWN = {
    "data": DataError("the labels are all 1"),
    "options": UsageError("two options contradict each other"),
    "numbers": CadcError("the loss is NaN"),
    "a mistake": TypeError("'int' object is not iterable"),
    "shapes": RuntimeError("mat1 and mat2 shapes cannot be multiplied (2x3 and 4x5)"),
    "a division": ZeroDivisionError("division by zero"),
    "a key": KeyError("user"),
}
CONTROL = (*TINY[:-1], "model=bias")


def raising(error):
    def fail(*_):
        raise error

    return fail


@pytest.mark.parametrize("what", TROUBLE)
def test_trouble_of_the_machine_is_recorded_nowhere_and_the_same_command_goes_on(monkeypatch, what):
    with monkeypatch.context() as patch:
        patch.setattr(evaluation, "score", raising(TROUBLE[what]))
        answer = cadc("train", *CONTROL)
    assert answer.status in (1, 2), answer.err
    assert len(answer.err.splitlines()) == 1
    ledger = Ledger()
    assert list(ledger.statuses().values()) == ["interrupted"]
    assert runs() == [".unfinished"]
    again = cadc("train", *CONTROL)
    assert again.status == 0, again.err
    assert list(ledger.statuses().values()) == ["finished"]


@pytest.mark.parametrize("what", OWN)
def test_an_error_of_the_run_itself_is_recorded_as_its_failure(monkeypatch, what):
    with monkeypatch.context() as patch:
        patch.setattr(evaluation, "score", raising(OWN[what]))
        assert cadc("train", *CONTROL).status in (1, 2)
    assert list(Ledger().statuses().values()) == ["failed"]


def test_the_record_of_a_failure_says_how_the_run_computed(monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(evaluation, "score", raising(OWN["numbers"]))
        cadc("train", *CONTROL, f"threads={torch.get_num_threads() + 1}")
    (run_id,) = Ledger().statuses()
    environment = Ledger().record(run_id)["environment"]
    assert environment["threads"] == torch.get_num_threads() + 1
    assert environment["denormals_flushed"]


def test_an_unforeseen_error_on_a_device_decides_nothing_about_other_machines(monkeypatch):
    words = ("train", *TINY)
    with monkeypatch.context() as patch:
        patch.setattr(torch.accelerator, "is_available", lambda *_: True)
        patch.setattr(pipeline, "evaluate", raising(RuntimeError("expected all tensors to be on the same device")))
        patch.setattr("cadc.training.fit.device_of_accelerator", lambda _: torch.device("cpu"))
        assert cadc(*words).status == 1
    assert list(Ledger().statuses().values()) == ["interrupted"]
    assert cadc(*words).status == 0


@pytest.mark.skipif(torch.accelerator.is_available(), reason="this machine has a device")
@pytest.mark.parametrize("missing", ["gpu", "cuda", "mps"])
def test_a_device_that_is_not_there_leaves_no_failed_run(missing):
    answer = cadc("train", *TINY, f"trainer.accelerator={missing}")
    assert answer.status == 1
    assert f"trainer.accelerator={missing} is not available" in answer.sentence
    assert list(Ledger().statuses().values()) == ["interrupted"]
    answer = cadc("train", *TINY)
    assert answer.status == 0, answer.err
    assert list(Ledger().statuses().values()) == ["finished"]


@pytest.mark.skipif(torch.accelerator.is_available(), reason="this machine has a device")
def test_sweeps_experiments_studies_and_python_go_on_after_a_missing_device(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ex").mkdir()
    (tmp_path / "ex" / "experiment.yaml").write_text(
        f"title: x\nseeds: [0]\narms: {{A: [], B: [initializer=mf]}}\ncommon: {json.dumps(TINY)}\n"
    )
    sweep = ("train", "-m", *TINY, "initializer=random,mf")
    answer = cadc(*sweep, "trainer.accelerator=gpu")
    assert (answer.status, closing(answer)) == (1, {"interrupted": 2})
    answer = cadc("experiment", "ex", "trainer.accelerator=gpu", "--output", "out")
    assert answer.status == 1
    assert not (tmp_path / "out").exists()
    with pytest.raises(MachineTrouble, match="is not available"):
        package.run(*TINY, "trainer.accelerator=gpu")
    table = package.sweep(*TINY, "initializer=random,mf", "trainer.accelerator=gpu")
    assert set(table["status"]) == {"interrupted"}
    tune = ("tune", *TINY, "tune.trials=2", "tune.name=x", "--output", "t")
    assert cadc(*tune, "trainer.accelerator=gpu").status == 1
    assert "failed" not in Ledger().statuses().values()
    assert closing(cadc(*sweep)) == {"finished": 2}
    assert cadc("experiment", "ex", "--output", "out").status == 0
    assert package.run(*TINY).metrics
    assert "2 complete" in cadc(*tune).out


@pytest.mark.parametrize("word", ["trainer.checkpoint_minutes=-1", "threads=0", "threads=-2", "threads=1000000"])
def test_an_option_outside_the_id_is_refused_before_a_run_is_begun(word):
    answer = cadc("train", *TINY, word)
    assert answer.status == 2
    assert word.partition("=")[0] in answer.sentence
    assert runs() == []


@pytest.mark.parametrize("damage", ["flipped", "cut", "of another model"])
def test_a_damaged_checkpoint_is_dropped_with_a_word_and_the_run_has_its_result(monkeypatch, damage):
    words = ("train", *TINY, "trainer.patience=99")
    assert cadc(*words).status == 0
    (expected,) = [record["record_hash"] for record in Ledger()]
    monkeypatch.setenv("CADC_RUNS", str(Ledger().folder.with_name("other")))
    with monkeypatch.context() as patch:
        patch.setattr(evaluation, "score", raising(KeyboardInterrupt()))
        assert cadc(*words).status == 130
    ledger = Ledger()
    (run_id,) = ledger.statuses()
    (path,) = ledger.checkpoints(run_id).glob("*.ckpt")
    content = bytearray(path.read_bytes())
    if damage == "of another model":
        from cadc.training.checkpoints import CheckpointFolder
        from cadc.training.resumption import write_checkpoint

        with ledger.claim(run_id) as lease:
            CheckpointFolder(path.parent, lease).save(lambda partial: write_checkpoint({"weights": {}}, partial))
    elif damage == "cut":
        path.write_bytes(content[: len(content) // 2])
    else:
        content[len(content) // 3] ^= 1
        path.write_bytes(content)
    answer = cadc(*words)
    assert answer.status == 0, answer.err
    assert "starts from its beginning" in answer.err
    assert [record["record_hash"] for record in ledger] == [expected]


def test_a_process_that_lost_its_run_records_nothing(monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(evaluation, "score", raising(Lost("another process took it over")))
        assert cadc("train", *CONTROL).status == 1
    assert list(Ledger().statuses().values()) == ["interrupted"]


def test_the_sentence_for_trouble_is_trouble_too():
    assert all(isinstance(as_cadc_error(error), MachineTrouble | DataError) for error in TROUBLE.values())
    assert not any(is_trouble(as_cadc_error(error)) for error in OWN.values())


def flip_in_cache(name, place=600):
    """Turn a byte of a cached column in place, as a disk does that loses bits."""
    path = open_log(Settings.compose(CONTROL)).folder / name
    content = bytearray(path.read_bytes())
    content[place] ^= 0x40
    with path.open("r+b") as file:
        file.write(content)


@pytest.mark.parametrize("then", [None, *OWN], ids=str)
def test_a_cache_that_is_damaged_while_a_run_reads_it_decides_nothing(monkeypatch, then):
    evaluate = pipeline.evaluate
    assert cadc("train", *CONTROL, "seed=9", "threads=1").status == 0
    before = [record["record_hash"] for record in Ledger()]
    monkeypatch.setenv("CADC_RUNS", str(Ledger().folder.with_name("other")))

    def damages(*arguments):
        flip_in_cache("label.npy")
        if then is not None:
            raise OWN[then]
        return evaluate(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "evaluate", damages)
        answer = cadc("train", *CONTROL, "seed=9")
    assert answer.status in (1, 2)
    assert list(Ledger().statuses().values()) == ["interrupted"]
    again = cadc("train", *CONTROL, "seed=9")
    assert again.status == 0
    assert "label.npy has other bytes than were written) and is made again" in again.err
    assert [record["record_hash"] for record in Ledger()] == before
