"""What experiments claim, as `experiment.yaml` says it."""

import copy

import pytest
import yaml

from cadc.errors import UsageError
from cadc.experiment import Reference, load_experiment, names
from cadc.experiment.claims import Compared, Measured
from tests.experiment.small import ANALYSIS, experiment

REFERENCES = [
    {"arm": "full", "rate": 1, "metric": "auc", "arms": ["few"]},
    {"arm": "full", "rate": 1, "metric": "logloss", "arms": ["few"]},
    {"arm": "few", "metric": "auc", "margin": 0},
    {"arm": "few", "rate": 0.1, "metric": "auc", "margin": 0},
]
CLAIM = {"text": "Few rows are enough.", "by": "own", "arms": ["few"], "to": "full", "expected": "as good"}
MEASURED = {"text": "Few rows take few seconds.", "by": "own", "column": "total_s_mean", "rows": {"arm": "few"}}


def claims(folder, *nodes, **others):
    # Copies, since YAML would write the same object as an alias.
    return experiment(folder, references=REFERENCES, claims=[copy.deepcopy(node) for node in nodes], **others).claims


def test_a_claim_names_the_references_that_test_it(tmp_path):
    (both,) = claims(tmp_path, CLAIM)
    assert [(one.arm, one.metric) for one in both.test.references] == [("full", "auc"), ("full", "logloss")]
    (one,) = claims(tmp_path, CLAIM | {"metrics": ["logloss"], "rates": [0.1, 0.2], "data": ["synthetic"]})
    assert [own.metric for own in one.test.references] == ["logloss"]
    assert one.test.narrowed == {"dataset": ("synthetic",), "rate": (0.1, 0.2)}


def test_of_references_with_one_arm_the_one_that_names_no_more_is_meant(tmp_path):
    plain, at_rate = claims(
        tmp_path,
        CLAIM | {"arms": ["control"], "to": "few"},
        CLAIM | {"arms": ["control"], "to": {"arm": "few", "rate": 0.1}, "text": "Another."},
    )
    assert [own.rate for own in plain.test.references] == [None]
    assert [own.rate for own in at_rate.test.references] == [0.1]


def test_a_column_is_held_against_a_number_another_column_or_a_row(tmp_path):
    number, column, row = claims(
        tmp_path,
        MEASURED | {"at_most": 10},
        MEASURED | {"at_least": "auc_published", "text": "b", "column": "auc_mean", "times": 0.999},
        MEASURED | {"at_most": {"arm": "full", "rate": 1}, "text": "c", "rows": {"rate": [0.1, 0.2]}},
    )
    assert number.test == Measured("total_s_mean", {"arm": ("few",)}, True, 10.0)
    assert column.test == Measured("auc_mean", {"arm": ("few",)}, False, "auc_published", 0.999)
    assert row.test == Measured("total_s_mean", {"rate": (0.1, 0.2)}, True, {"arm": ("full",), "rate": (1.0,)})


def test_a_claim_on_what_validation_chose_takes_its_references(tmp_path):
    choose = {"arm": "full", "metric": "auc", "margin": 0.001}
    (own,) = claims(tmp_path, {"text": "a", "by": "own", "chosen": True, "expected": "as good"}, choose=choose)
    assert own.test == Compared((Reference("full", metric="auc", margin=0.001),), "as good", is_chosen=True)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"text": None}, "claims[0].text is None; expected"),
        ({"arms": ["fw"]}, "claims[0].arms: 'fw' is not an arm; did you mean few?"),
        ({"arms": []}, "claims[0] has no arms; expected"),
        ({"arms": ["control"]}, "claims[0]: no reference compares 'control' with 'full'; add one to references"),
        ({"to": "fll"}, "claims[0]: no reference compares 'few' with 'fll'"),
        ({"to": {"rate": 1}}, "claims[0].to is {'rate': 1}; expected an arm, or {arm: NAME, rate: NUMBER}."),
        (
            {"metrics": ["gauc"]},
            "claims[0].metrics has 'gauc', by which nothing is compared; choose among auc, logloss.",
        ),
        ({"expected": "good"}, "claims[0].expected is 'good'; choose one of better, as good, worse."),
        ({"share": 0.9}, "claims[0] needs one of expected and share"),
        ({"chosen": True}, "claims[0] has chosen: true, but the file has no key choose"),
        ({"margin": 0.1}, "claims[0] has the unknown keys 'margin'"),
    ],
    ids=str,
)
def test_a_claim_that_is_not_understood_is_a_sentence(tmp_path, change, sentence):
    with pytest.raises(UsageError) as caught:
        claims(tmp_path, CLAIM | change)
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({}, "claims[0] has no bound; expected one of at_most and at_least."),
        ({"at_most": 1, "at_least": 1}, "claims[0] has at_most and at_least; expected one"),
        ({"at_most": [1]}, "claims[0].at_most is [1]; expected"),
        ({"at_most": 1, "rows": ["few"]}, "claims[0].rows is ['few']; expected {column: value}"),
        ({"at_most": 1, "expected": "better"}, "claims[0] has the unknown keys 'expected'"),
    ],
    ids=str,
)
def test_a_bound_that_is_not_understood_is_a_sentence(tmp_path, change, sentence):
    with pytest.raises(UsageError) as caught:
        claims(tmp_path, MEASURED | change)
    assert sentence in str(caught.value)


def test_claims_are_a_list_without_repetition(tmp_path):
    with pytest.raises(UsageError, match=r"claims is \{'text': 'a'\}; expected a list"):
        experiment(tmp_path, claims={"text": "a"})
    with pytest.raises(UsageError, match=r"claims\[1\] repeats the text 'Few rows are enough.'"):
        claims(tmp_path, CLAIM, CLAIM)


def test_an_analysis_claims_by_its_table(tmp_path):
    content = ANALYSIS | {"claims": [MEASURED | {"at_most": {"network": "one SIREN"}}]}
    (tmp_path / "experiment.yaml").write_text(yaml.safe_dump(content))
    (own,) = load_experiment(str(tmp_path)).claims
    assert own.test.bound == {"network": ("one SIREN",)}


@pytest.mark.parametrize("name", names())
def test_every_experiment_claims_something_that_can_be_tested(name):
    for claim in load_experiment(name).claims:
        assert claim.text.endswith((".", ").")), claim.text
    assert load_experiment(name).claims
