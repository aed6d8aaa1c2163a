"""Interpolations name other keys and call nothing, wherever they stand; sweeps are counted before they are built."""

import tracemalloc

import pytest
from omegaconf import OmegaConf

from cadc.configuration.compose import compose_config
from cadc.configuration.overrides import MAX_COMBINATIONS, expand
from cadc.errors import UsageError
from tests.malformed.overrides import LAUGHS
from tests.support.commands import cadc


@pytest.mark.parametrize(
    ("words", "key", "value"),
    [
        (["data.split_seed=${seed}", "seed=7"], ("data", "split_seed"), 7),
        (["model.top_mlp=[${embedding.dim},3]"], ("model", "top_mlp"), [16, 3]),
        (["logger=wandb", "logger.project=run-${seed}-${data.n_rows}"], ("logger", "project"), "run-0-100000"),
        (["logger=wandb", "logger.project=${logger.mode}"], ("logger", "project"), "offline"),
        (["sampler.rate=${data.split.test}"], ("sampler", "rate"), 0.1),
        (["logger=wandb", "logger.project=costs 5 $"], ("logger", "project"), "costs 5 $"),
    ],
)
def test_the_name_of_another_key_is_filled_in(words, key, value):
    node = compose_config(words)
    for part in key:
        node = node[part]
    assert node == value


@pytest.fixture
def resolver(tmp_path):
    """A resolver that leaves a trace when it is called."""
    trace = tmp_path / "called"
    OmegaConf.register_new_resolver("trace", lambda *words: trace.write_text("x") and 1)
    yield trace
    OmegaConf.clear_resolver("trace")


@pytest.mark.parametrize(
    "word",
    [
        "seed=${trace:}",
        "seed=${trace:1,2}",
        "seed='${trace:}'",
        r"seed=$\{trace\:\}",
        "data=${trace:}",
        "data/split=${trace:}",
        "+data=${trace:}",
        "model.top_mlp=[${trace:}]",
        "model={top_mlp:['${trace:}']}",
        "+model.${trace:}=1",
        "seed=${embedding.${trace:}}",
        "seed=${trace:${seed}}",
        r"logger.project=\\${trace:}",
        r"logger.project=\\\${trace:}",
    ],
)
def test_a_resolver_is_not_called(word, resolver):
    with pytest.raises(UsageError):
        compose_config(["logger=wandb", word])
    with pytest.raises(UsageError):
        [compose_config(words) for words in expand(["logger=wandb", f"{word},x"])]
    assert not resolver.exists()


def test_an_escaped_call_is_refused_before_hydra_composes(resolver, monkeypatch):
    monkeypatch.setattr(
        "cadc.configuration.chosen_options.compose", lambda *words, **options: pytest.fail("it was composed")
    )
    for word in (r"+model.x=$\{trace\:\}", r"+model={x:$\{trace\:\}}", r"+model.x=[$\{trace\:\}]"):
        with pytest.raises(UsageError, match="trace"):
            compose_config([word])
    assert not resolver.exists()


def test_the_resolver_would_be_called_without_the_check(resolver):
    """Or the test above shows nothing."""
    OmegaConf.to_container(OmegaConf.create({"seed": "${trace:}"}), resolve=True)
    assert resolver.exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("_target_: plugged.first.FirstRows\nrate: ${trace:}\n", "${trace:}"),
        ("defaults:\n  - /model: ${trace:}\n_target_: plugged.first.FirstRows\n", "${trace:}"),
        ("_target_: plugged.first.FirstRows\n${trace:}: 1\n", "${trace:}"),
        ("_target_: !!python/object/apply:os.system ['true']\n", "os.system"),
        ("_target_: !!python/name:os.system\n", "os.system"),
        ("_target_: &a plugged.first.FirstRows\nrate: *a\n", "*a"),
        (LAUGHS, "*a0"),
        ("_target_: [", "is not valid YAML"),
        ("[" * 3000, "deep"),
        ("#" * 200_000, "bytes"),
        ("_target_: \0\n", "is not valid YAML"),
    ],
)
def test_a_file_of_a_plugin_is_checked_before_it_is_used(content, said, plugin, resolver):
    path = plugin / "conf" / "sampler" / "second.yaml"
    path.write_text(content)
    answer = cadc("train", "--dry-run", "sampler=second")
    assert answer.status == 2
    assert str(path) in answer.sentence
    assert said in answer.sentence
    assert not resolver.exists()


def test_a_plugin_may_name_other_keys(plugin):
    (plugin / "conf" / "sampler" / "second.yaml").write_text(
        "_target_: plugged.first.FirstRows\nrate: ${data.split.test}\n"
    )
    assert compose_config(["sampler=second"])["sampler"]["rate"] == 0.1


@pytest.mark.parametrize(
    "words",
    [
        ["seed=range(0,1000000000000)"],
        ["seed=range(0,400)", "sample_seed=range(0,400)"],
        ["seed=range(3,0)", "sample_seed=range(0,1000000000000)"],
        [f"seed=range(0,{MAX_COMBINATIONS + 1})"],
    ],
)
def test_a_sweep_that_explodes_is_not_built(words):
    tracemalloc.start()
    try:
        with pytest.raises(UsageError, match="more than 100,000 runs"):
            expand(words)
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


def test_the_largest_sweep_is_built():
    assert len(expand([f"seed=range(0,{MAX_COMBINATIONS})"])) == MAX_COMBINATIONS


@pytest.mark.parametrize(
    ("sweep", "values"),
    [
        ("range(0,3)", ["0", "1", "2"]),
        ("range(3)", ["0", "1", "2"]),
        ("range(3,0,-1)", ["3", "2", "1"]),
        ("range(0,1,0.25)", ["0.0", "0.25", "0.5", "0.75"]),
        ("range(1,0)", []),
        ("choice(1,2)", ["1", "2"]),
        ("'a,b',c", ["'a,b'", "c"]),
    ],
)
def test_sweeps_are_listed(sweep, values):
    assert [words[0] for words in expand([f"seed={sweep}"])] == [f"seed={value}" for value in values]
