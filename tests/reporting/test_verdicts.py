"""Sentences about a table: verdicts on all metrics together, beaten references, bytes that are served, mixed code."""

import pandas as pd
import pytest

from cadc.experiment import Reference
from cadc.reporting.model_bytes import ModelBytes
from cadc.reporting.points import points
from cadc.reporting.table import build_table
from cadc.reporting.verdicts import together, verdict_lines
from tests.reporting.made_up import record

REFERENCES = (Reference("full data", metric="auc"), Reference("full data", metric="logloss"))


def run(arm, *words, seed=0, auc=0.8, logloss=0.5, code="now", **parts):
    words = ("data=ml-1m", f"seed={seed}", f"data.split_seed={seed}", *words)
    own = {
        "code": {"hash": code},
        "data": {"name": "ml-1m", "content_hash": f"split {seed}", "files": {"ratings": "x"}},
    }
    found = record(*words, metrics={"auc": auc, "logloss": logloss}, **own | parts)
    if "trainer" in found["uses"]:
        found["rows"] = {"kept": int(8000 * found["config"]["sampler"]["rate"]), "full": 8000}
    return arm, found


def lines_of(runs, comparison=None, references=REFERENCES):
    return verdict_lines(references, points(runs), build_table(runs, ["auc", "logloss"]), comparison)


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        (["better", "better"], "better"),
        (["better", "as good (0.002)"], "as good"),
        (["as good (0.002)", "as good (0.001)"], "as good"),
        (["as good (0.002)", "undecided"], "undecided"),
        (["as good (0.002)", "worse"], "worse"),
        (["undecided", "worse"], "worse"),
        (["better", "worse"], "divided"),
        (["equal", "equal"], "equal"),
        (["equal", "better"], "as good"),
        (["equal", "one seed"], "one seed"),
    ],
)
def test_an_arm_is_as_good_only_by_all_metrics(verdicts, expected):
    assert together(verdicts) == together(verdicts[::-1]) == expected


def test_each_claim_names_the_differences_of_all_its_metrics():
    runs = [run("full data", "sampler.rate=1"), run("few", "sampler.rate=0.02"), run("biases only", "model=bias")]
    lines = []
    for metric, differences in {"auc": (None, 0.001, -0.02), "logloss": (None, 0.0005, 0.03)}.items():
        for verdict, difference in zip(("reference", "as good (0.002)", "worse"), differences, strict=True):
            p = None if difference is None else 0.5
            lines.append(
                {"family": f"{metric} to full data", "metric": metric, "verdict": verdict}
                | {"difference": difference, "p": p}
            )
    (said,) = lines_of(runs, pd.DataFrame(lines))
    assert said == (
        "ml-1m, against full data by AUC and logloss: as good: few at 2 % (AUC +0.0010, logloss +0.0005). "
        "worse: biases only (AUC -0.0200, logloss +0.0300)."
    )


def test_rows_that_are_compared_by_fewer_metrics_have_a_sentence_of_their_own():
    runs = [run("full data", "sampler.rate=1"), run("few", "sampler.rate=0.02"), run("frozen", "sampler.rate=0.1")]
    lines = [
        {"family": f"{metric} to full data at rate 1", "metric": metric, "verdict": verdict, "difference": 0.0, "p": p}
        for metric, last in (("auc", 0.5), ("logloss", None))
        for verdict, p in (("reference", None), ("as good (0.002)", 0.5), ("undecided", last))
    ]
    references = [Reference("full data", rate=1, metric=metric) for metric in ("auc", "logloss")]
    assert lines_of(runs, pd.DataFrame(lines), references) == [
        "ml-1m, against full data at 100 % by AUC and logloss: as good: few at 2 % (AUC +0.0000, logloss +0.0000).",
        "ml-1m, against full data at 100 % by AUC: undecided: frozen at 10 % (AUC +0.0000).",
    ]


def test_a_model_without_a_network_that_beats_the_reference_on_the_same_seeds_is_named():
    # Over all seeds the reference has the higher mean; on the seeds of both it is lower.
    full = [run("full data", "sampler.rate=1", seed=seed, auc=0.8 + 0.02 * seed) for seed in range(5)]
    simple = [
        run("biases only", "model=bias", seed=seed, auc=0.8 + 0.02 * seed + 0.0048, logloss=0.6) for seed in range(3)
    ]
    worse = [run("MF alone", "model=factorization", seed=0, auc=0.7, logloss=0.6)]
    (said,) = lines_of([*full, *simple, *worse])
    assert said == "ml-1m: models without a network beat full data at 100 %, on average: biases only (AUC by 0.0048)."


def test_rows_that_serve_more_bytes_than_the_reference_are_named():
    own = {"bytes": {"embedding": 1000, "model": 1500, "optimizer": None}}
    residual = {"bytes": {"embedding": 2000, "model": 2850, "optimizer": None}}
    runs = [run("full data", "sampler.rate=1", **own), run("same", "sampler.rate=0.02", **own)]
    runs += [run("residual", f"sampler.rate={rate}", "model.residual=true", **residual) for rate in (0.02, 0.1)]
    (said,) = lines_of(runs, references=(Reference("full data", rate=1),))
    start = "ml-1m: more bytes of the whole model are served than by full data at 100 %: "
    assert said == f"{start}residual (1.9 times)."
    # Names may hold commas, and say "at" themselves.
    wide = {"bytes": {"embedding": 20000, "model": 28500, "optimizer": None}}
    runs += [run("MF, alone at dim 8", "model=factorization", **wide)]
    (said,) = lines_of(runs, references=(Reference("full data", rate=1),))
    assert said == f"{start}residual (1.9 times); MF, alone at dim 8 (19.0 times)."


def test_rows_whose_seeds_were_run_with_different_code_are_named():
    runs = [run("full data", seed=seed, code="then" if seed else "now") for seed in range(3)]
    runs += [run("few", "sampler.rate=0.02", seed=seed) for seed in range(3)]
    (said,) = lines_of(runs, references=())
    assert said.startswith("The seeds of 1 of 2 rows were run with different code")
    assert "ml-1m: full data" in said


def test_bytes_of_older_records_follow_from_what_the_optimizer_held():
    network = 4 * 1000
    full = run("full", bytes={"embedding": 8000, "optimizer": 2 * (8000 + network)})[1]
    frozen = run(
        "few", "initializer=mf", "initializer.freeze=true", bytes={"embedding": 500, "optimizer": 2 * network}
    )[1]
    other = run("wide", "model.top_mlp=[8]", "initializer=mf", "initializer.freeze=true", bytes={"embedding": 500})[1]
    alone = run("MF alone", "model=factorization", bytes={"embedding": 700, "optimizer": None})[1]
    bytes_of = ModelBytes([full, frozen, other, alone])
    assert [bytes_of(one) for one in (full, frozen, other, alone)] == [12000, 4500, None, 700]
    assert bytes_of(full | {"bytes": {"embedding": 8000, "model": 12345}}) == 12345


def test_averaged_weights_of_a_record_do_not_count_as_network_of_others():
    averaged = record(bytes={"embedding": 1000, "model": 1500, "optimizer": 3 * 1500})
    frozen = record("initializer=mf", "initializer.freeze=true", bytes={"embedding": 1000, "optimizer": 1000})
    assert ModelBytes([averaged, frozen])(averaged) == 1500
    assert ModelBytes([averaged, frozen])(frozen) is None
