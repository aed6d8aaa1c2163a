"""A stream's factorisation goes on from segment to segment, and its budget holds tables and kept rows together."""

import json

import pytest

from cadc.pipeline.settings import Settings
from cadc.pipeline.stream import StreamRun
from cadc.pipeline.stream_run import run_stream
from cadc.training.checkpoints import CheckpointFolder
from tests.pipeline.test_stream_run import STREAM, Interrupted
from tests.support.commands import TINY, cadc, folders, train

WARM = (*STREAM, "stream.warm=true", "stream.factorize=reservoir")
OWN = 800
"""Training rows of a segment of `STREAM`."""


@pytest.fixture
def own_folders(session_cache, tmp_path):
    with folders(session_cache, tmp_path / "runs"):
        yield


def segments_of(*words):
    return json.loads((train(*words) / "record.json").read_text())["segments"]


@pytest.mark.usefixtures("own_folders")
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("stream.factorize=segment",), [OWN, OWN + OWN // 5, OWN + OWN // 5]),
        (("stream.factorize=past",), [OWN, 2 * OWN, 3 * OWN]),
        (("stream.factorize=reservoir",), [OWN, 2 * OWN, 3 * OWN]),
        (("stream.factorize=reservoir", "stream.reservoir=500"), [OWN, OWN + 500, OWN + 500]),
        # The rows that train are left out; in the first segment there is no other row.
        (("stream.factorize=past", "factorization_rows=complement"), [OWN, OWN * 4 // 5, 2 * OWN - OWN // 5]),
    ],
)
def test_a_factorisation_reads_the_rows_that_it_is_told_to(words, expected):
    found = segments_of(*STREAM, "initializer=mf", "stream.warm=true", "stream.passes=2", *words)
    assert [own["rows"]["factorized"] for own in found] == expected
    assert [own["factorize_epochs"] for own in found[1:]] == [2, 2]


@pytest.mark.usefixtures("own_folders")
@pytest.mark.parametrize(
    "factorization", ["logistic", "fm", "als", "bpr", "logistic factorization.solver=adam factorization.max_epochs=3"]
)
def test_all_methods_that_go_on_do_so_in_a_stream(factorization):
    words = f"factorization={factorization}".split()
    assert len(segments_of(*WARM, "initializer=mf", "stream.known=shifted", *words)) == 3


@pytest.mark.usefixtures("own_folders")
def test_a_residual_is_learnt_on_factors_that_know_all_earlier_rows():
    found = segments_of(*WARM, "model.residual=true", "factorization_rows=complement")
    assert [own["rows"]["factorized"] for own in found] == [OWN, OWN * 4 // 5, 2 * OWN - OWN // 5]


@pytest.mark.usefixtures("own_folders")
@pytest.mark.parametrize(
    "words",
    [
        ("initializer=mf_bias", "stream.known=shifted"),
        ("model.residual=true", "factorization_rows=complement"),
        ("sampler=recent", "stream.keep=sampler", "stream.budget=6000", "stream.rows_share=0.4", "initializer=mf"),
        ("model.dropout=0.2",),
    ],
)
def test_an_interrupted_stream_goes_on_to_the_same_bits(words, tmp_path):
    settings = Settings.compose([*TINY, *WARM, *words])
    checkpoints = CheckpointFolder(tmp_path / "checkpoints")

    def stop(history):
        if len(history) == 2:
            raise Interrupted

    for name in ("whole", "one", "two"):
        (tmp_path / name).mkdir()
    run_stream(settings, "id", "code", tmp_path / "whole")
    with pytest.raises(Interrupted):
        run_stream(settings, "id", "code", tmp_path / "one", checkpoints, stop)
    run_stream(settings, "id", "code", tmp_path / "two", checkpoints)
    for name in ("scores.parquet", "model.safetensors"):
        assert (tmp_path / "two" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


@pytest.mark.usefixtures("own_folders")
@pytest.mark.parametrize("share", [0.0, 0.4, 0.8])
def test_tables_and_kept_rows_together_hold_the_budget_in_every_segment(share):
    budget = 8000
    for own in segments_of(*STREAM, f"stream.budget={budget}", f"stream.rows_share={share}"):
        assert own["over_budget"] == 0
        assert own["budget_bytes"] + own["reservoir_bytes"] <= budget
        assert budget - 8 < own["number_bytes"] + own["reservoir_bytes"] <= budget
        assert own["reservoir_bytes"] == min(9 * int(share * budget / 9), 9 * OWN * (own["segment"] + 1))


@pytest.mark.usefixtures("own_folders")
def test_the_sampler_keeps_the_rows():
    settings = Settings.compose(
        [*TINY, *STREAM, "sampler=label_balanced", "stream.keep=sampler", "stream.reservoir=100"]
    )
    stream = StreamRun(settings)
    stream()
    assert stream.log.column("label")[stream.progress.reservoir.rows].sum() == 50


def test_options_of_a_factorisation_do_not_tell_runs_without_one_apart():
    options = ("stream.warm=true", "stream.factorize=past", "stream.known=shifted", "stream.passes=3")
    random = Settings.compose([*TINY, *STREAM, *options])
    assert random.protocol == Settings.compose([*TINY, *STREAM]).protocol
    assert Settings.compose([*TINY, *STREAM, *options, "initializer=mf"]).protocol != random.protocol


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("initializer=mf", "factorization=svd", "stream.warm=true"), "SVD cannot go on from earlier factors; set"),
        (
            ("model.residual=true", "factorization_rows=crossfit", "stream.warm=true"),
            "its factorisations cannot go on from earlier ones; set stream.warm=false, or factorization_rows=full",
        ),
        (
            ("sampler=leverage", "stream.keep=sampler"),
            "LeverageSampler cannot do that segment by segment; set stream.keep=uniform, or choose sampler=popularity",
        ),
        (("stream.reservoir=99999",), "more than the 2400 rows that the segments of synthetic train; lower it, or set"),
        (("data.n_users=400", "stream.budget=3100"), "bytes do not hold segment 2, which has "),
        (("data.n_users=400", "stream.budget=3735"), " 3736 bytes. 3736 bytes hold all 3 segments."),
        (
            ("stream.budget=1500", "stream.rows_share=0.5"),
            "segment 1, which has 142 rows; a number and a linear term of each take 1136 bytes, and 83 rows of the "
            "log 747. 2272 bytes hold all 3 segments.",
        ),
        (
            ("initializer=mf", "factorization_rows=complement", "stream.factorize=segment"),
            "the sample holds all training rows",
        ),
    ],
)
def test_what_allows_no_such_stream_is_one_sentence(words, message, monkeypatch):
    monkeypatch.setattr(StreamRun, "_carry_out", lambda *_: pytest.fail("a segment was carried out"))
    answer = cadc("train", *TINY, *STREAM, *words)
    assert answer.status != 0
    assert message in answer.err
