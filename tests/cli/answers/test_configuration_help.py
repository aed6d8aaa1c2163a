"""`cadc train --help`, `--cfg` and `--info`: the configuration as Hydra's users look at it, before anything is run."""

import pytest
import yaml

from cadc.configuration.compose import composed_config
from cadc.configuration.groups import default_options, groups, keys_of
from tests.support.commands import cadc, process, runs


def words_of(text):
    return {word.strip("[],:") for word in text.split()}


def test_the_help_lists_all_groups_options_and_keys_of_the_default_options(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    answer = cadc("train", "--help")
    assert answer.status == 0
    assert max(map(len, answer.out.splitlines())) <= 80
    words = words_of(answer.out)
    for group, options in groups().items():
        assert f"{group}=" in words
        assert set(options) <= words
    config = composed_config([])
    keys = {f"sampler.{key}={value}" for key, value in config["sampler"].items() if key != "_target_"}
    keys |= {"seed=0", "trainer.max_epochs=50", "data.split.test=0.1", "model.dropout=0.0"}
    assert keys <= words
    assert "most epochs" in answer.out  # the comment of trainer.max_epochs


def test_the_help_beside_options_lists_their_keys():
    answer = cadc("train", "sampler=popularity", "views=[ease]", "--help")
    words = words_of(answer.out)
    assert {"sampler.beta=0.5", "views.ease.top_k=100", "[popularity]".strip("[]")} <= words
    assert "views.profile.rank" not in answer.out


def test_a_group_an_option_and_a_key_are_explained():
    group = cadc("train", "--help", "sampler").out
    for option in groups()["sampler"]:
        assert f"sampler={option}" in group
        assert all(f"sampler.{key}=" in group for key in keys_of("sampler", option) if key != "_target_")
    option = cadc("train", "--help", "sampler=popularity").out
    assert "sampler.beta=0.5" in option and "sampler=recent" not in option
    key = cadc("train", "--help", "embedding.ratio").out
    assert "bytes of the compressed fields' float32" in key and "embedding=qr" in key
    assert "seed=0" in cadc("train", "--help", "seed").out
    assert "metric=val/logloss" in cadc("train", "--help", "tune").out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--help", "embeding"], "did you mean embedding"),
        (["--help", "lr"], "did you mean trainer.learning_rate"),
        (["--help", "sampler=unifrm"], "choose one of coherence"),
        (["sampler=unifrm", "--help"], "sampler=unifrm does not exist"),
        (["--cfg", "hydra"], "choose --cfg job"),
        (["--cfg", "job", "-p", "tainer"], "did you mean trainer"),
        (["--package", "trainer"], "add --cfg job"),
        (["--cfg", "job", "sampler.rate=a"], "sampler.rate is 'a'"),
    ],
)
def test_what_is_not_there_is_met_with_what_is(words, said):
    answer = cadc("train", *words)
    assert answer.status == 2
    assert said in answer.sentence


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["train", "--config-name", "mine"], "@FILE.yaml reads overrides"),
        (["train", "--hydra-help"], "`cadc train --help`"),
        (["train", "model=bias", "-cn", "mine"], "train does not know -cn; @FILE.yaml reads overrides"),
        (["train", "--config-dir=conf", "-m"], "train does not know --config-dir=conf"),
        (["train", "--seed", "3"], "an override has no dashes: seed=VALUE."),
        (["experiment", "quickstart", "--batch-size=64"], "factorization.batch_size=64 or trainer.batch_size=64."),
        (["tune", "--lr=0.1"], "an override has no dashes: trainer.learning_rate=0.1."),
        (["train", "--dryrun"], "did you mean --dry-run?"),
        (["tune", "--multirun"], "run several values without it"),
        (["experiment", "quickstart", "--cfg", "job"], "prints a configuration"),
    ],
)
def test_an_option_that_a_command_lacks_is_answered(words, said):
    answer = cadc(*words)
    assert answer.status == 2
    assert said in answer.err.splitlines()[-1]


def test_the_composed_configuration_is_printed_and_nothing_is_prepared():
    overrides = ["data=ml-1m", "data.split_seed=${seed}", "seed=3", "model=deepfm"]
    answer = cadc("train", *overrides, "--cfg", "job", "--resolve")
    assert answer.status == 0
    assert yaml.safe_load(answer.out) == composed_config(overrides)
    assert yaml.safe_load(answer.out)["data"]["split_seed"] == 3
    assert runs() == []
    part = cadc("train", *overrides, "--cfg", "job", "--package", "data.split")
    assert yaml.safe_load(part.out) == composed_config(overrides)["data"]["split"]


def test_each_run_of_a_sweep_has_a_document():
    answer = cadc("train", "-m", "seed=0,1", "model=bias,dlrm", "--cfg", "job", "-p", "seed")
    assert [own["seed"] for own in yaml.safe_load_all(answer.out)] == [0, 0, 1, 1]
    assert "# seed=1 model=dlrm" in answer.out


def test_information_names_folders_launchers_and_the_file_of_each_option():
    answer = cadc("train", "sampler=recent", "views=[ease,profile]", "--info")
    lines = answer.out.splitlines()
    found = dict(line.split(maxsplit=1) for line in lines if "=" in line.split()[0])
    assert found["sampler=recent"].endswith("conf/sampler/recent.yaml")
    assert found["views=profile"].endswith("conf/views/profile.yaml")
    chosen = {group for group, option in default_options().items() if option != "null"}
    assert chosen <= {key.partition("=")[0] for key in found} <= set(groups())
    assert any(line.startswith("ledger") for line in lines)


def test_none_of_it_loads_pytorch():
    code = (
        "import sys; from cadc.cli import main\n"
        "found = [main(['train', *words]) for words in (['--help', 'embedding'], ['--cfg', 'job'], ['--info'])]\n"
        "print(found, 'torch' in sys.modules)"
    )
    answer = process(["-c", code])
    assert answer.out.splitlines()[-1] == "[0, 0, 0] False", answer.err
