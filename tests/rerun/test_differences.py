"""Why a repeated run may differ from its record."""

import pytest

from cadc.pipeline.settings import Settings
from cadc.rerun import differences
from cadc.rerun.differences import of_the_machine, of_the_run
from tests.support.commands import TINY

HERE = {
    "python": "3.11.7",
    "packages": {"torch": "2.13.0", "numpy": "2.4.6"},
    "cpu": "A",
    "kernels": {"torch": "AVX512", "openblas": "SkylakeX", "chosen": {}},
    "gpu": None,
    "threads": 1,
    "denormals_flushed": True,
}
CODE = {"hash": "new", "commit": "b" * 40, "dirty": False}
DATA = {"content_hash": "c"}


def machine(**changes):
    return list(of_the_machine({"environment": HERE | changes}, HERE))


def code_and_data(record_id="old", code=None, data=None):
    record = {"id": record_id, "code": code or CODE, "data": data or DATA}
    return list(of_the_run(record, Settings.compose(TINY), "new", CODE, DATA))


def test_an_equal_machine_explains_nothing():
    assert machine() == []
    earlier = {key: value for key, value in HERE.items() if key not in ("kernels", "denormals_flushed")}
    assert list(of_the_machine({"environment": earlier}, HERE)) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"cpu": "B"}, "processor: B in the record, A here"),
        ({"threads": 4}, "threads: 4 in the record, 1 here"),
        ({"gpu": "H200"}, "GPU: H200 in the record, None here"),
        ({"packages": {"torch": "2.12.0", "numpy": "2.4.6"}}, "library torch: 2.12.0 in the record, 2.13.0 here"),
        ({"fleet": 8}, "fleet: trained together with 7 runs, now alone"),
        ({"ranks": {"size": 2}}, "processes that trained it: 2 in the record, 1 here"),
        (
            {"kernels": {"torch": "AVX2", "openblas": "SkylakeX", "chosen": {"MKL_CBWR": "AVX2"}}},
            "kernels of torch: AVX2 in the record, AVX512 here",
        ),
        (
            {"kernels": HERE["kernels"] | {"chosen": {"MKL_CBWR": "AVX2"}}},
            "variables that choose kernels: MKL_CBWR=AVX2 in the record, none here",
        ),
    ],
)
def test_what_differs_is_named(changes, said):
    assert said in machine(**changes)


def test_an_equal_id_needs_no_explanation():
    assert code_and_data("new", CODE | {"hash": "old"}) == []


def test_other_code_is_named_by_its_modules(monkeypatch):
    monkeypatch.setattr(differences, "changed_modules", lambda *codes: ["cadc.training.fit", "cadc.models.dlrm"])
    (said, *_) = code_and_data(code=CODE | {"hash": "old", "commit": "1" * 40})
    assert said == f"code: made by other code ({'1' * 12}); cadc.training.fit, cadc.models.dlrm"


def test_unknown_code_says_why_it_is_unknown(monkeypatch):
    monkeypatch.setattr(differences, "changed_modules", lambda *codes: None)
    (said, *_) = code_and_data(code=CODE | {"hash": "old", "commit": "2" * 40, "dirty": True})
    assert "which modules differ is unknown, since the record's code has local changes" in said
    (said, *_) = code_and_data(code=CODE | {"hash": "old", "commit": "3" * 40})
    assert "this source tree lacks the commit" in said


def test_prepared_data_of_other_content_is_named():
    (said, *_) = code_and_data(data={"content_hash": "other"})
    assert said == "data: the files are the same, but the prepared data have other content"


def test_options_that_a_record_does_not_name_are_given_with_their_default():
    settings = Settings.compose(TINY)
    config = dict(settings.config)
    config["sampler"] = {"_target_": config["sampler"]["_target_"]}
    config["model"] = {key: value for key, value in config["model"].items() if key != "bottom_mlp"}
    record = {"id": "old", "code": CODE | {"hash": "old", "commit": "4" * 40}, "data": DATA}
    said = list(of_the_run(record, Settings.of(config), "new", CODE, DATA))
    (options,) = [line for line in said if line.startswith("options that the record does not name")]
    assert "sampler.rate=1" in options and "model.bottom_mlp=" in options


def test_an_id_that_nothing_explains_is_questioned():
    assert code_and_data() == ["the id old does not follow from the record, which gives new; was it changed?"]
