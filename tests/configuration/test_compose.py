from concurrent.futures import ThreadPoolExecutor

import hydra
import pytest
from omegaconf import OmegaConf

from cadc.configuration.components import build
from cadc.configuration.compose import compose_config
from cadc.configuration.groups import groups
from cadc.configuration.override_text import expand_files
from cadc.configuration.overrides import expand, key_of
from cadc.configuration.precheck import precheck
from cadc.errors import UsageError
from cadc.paths import conf_dir
from cadc.randomness import numpy_generator
from tests.support.helpers import small_synthetic_log


def message(*words):
    with pytest.raises(UsageError) as error:
        compose_config(words)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_no_words_give_the_defaults():
    config = compose_config([])
    assert config["seed"] == 0
    assert config["sample_seed"] is config["weight_seed"] is None
    assert config["sampler"] == {"_target_": "cadc.sampling.uniform.UniformSampler", "rate": 1.0}
    assert config["data"]["split"]["validation"] == 0.1
    assert config["choices"]["data"] == "synthetic"
    assert config["choices"]["data/split"] == "random"


def test_words_set_keys_and_switch_groups():
    config = compose_config(["data=ml-1m", "model=bias", "sampler.rate=0.1", "seed=3", "data.split.test=0.2"])
    assert config["data"]["_target_"] == "cadc.data.sources.ml_1m.MovieLens1M"
    assert config["model"]["_target_"] == "cadc.models.factorization.BiasModel"
    assert (config["sampler"]["rate"], config["seed"], config["data"]["split"]["test"]) == (0.1, 3, 0.2)


def test_a_changed_configuration_does_not_change_the_next_one():
    compose_config(["seed=1"])["sampler"]["rate"] = 0.5
    assert compose_config(["seed=1"])["sampler"]["rate"] == 1.0


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("modle=bias", "there is no key modle; did you mean model?"),
        ("smapler.rate=1", "there is no key smapler.rate; did you mean sampler.rate"),
        ("sampler.rat=0.1", "there is no key sampler.rat; did you mean sampler.rate"),
        ("rate=0.1", "there is no key rate; did you mean sampler.rate?"),
        ("embeding.dim=8", "there is no key embeding.dim; did you mean embedding.dim"),
        ("model=dlmr", "model=dlmr does not exist; did you mean model=dlrm"),
        ("data=ml1m", "data=ml1m does not exist; did you mean data=ml-1m"),
        ("data/split=randm", "data/split=randm does not exist; did you mean data/split=random?"),
        ("initializer=zzz", "choose one of content, mf, mf_bias, random, table."),
        ("qqqqq=1", "there is no key qqqqq"),
        ("sampler.rate=high", "sampler.rate is 'high'; expected a finite number."),
        ("embedding.dim=4.5", "embedding.dim is 4.5; expected a whole number."),
        ("trainer.max_epochs=inf", "trainer.max_epochs is inf; expected a whole number."),
        ("model.top_mlp=64", "model.top_mlp is 64; expected a list"),
        ("trainer.batch_size=many", "expected a whole number or 'auto'"),
        ("seed=one", "seed is 'one'; expected a whole number."),
        ("seed=null", "seed is None; expected a whole number."),
        ("weight_seed=1.5", "weight_seed is 1.5; expected a whole number or null."),
        ("data.split_seed=x", "data.split_seed is 'x'; expected a whole number."),
        ("+model.foo=1", "model.foo is not an option of DLRM"),
        ("+foo=1", "foo"),
        ("+experiment=quick", "an experiment is a command, `cadc experiment NAME`"),
        ("model._target_=os.system", "_target_ 'os.system' is not allowed"),
        ("+sampler.extra={_target_:os.system}", "sampler.extra"),
        ("model={_target_:subprocess.Popen}", "'subprocess.Popen' is not allowed"),
        ("sampler.rate=0.1,0.2", "gives several values; add -m"),
        ("data.path=a,b.csv", "or quote a text that holds a comma: \"data.path='...'\"."),
        ("model=[dlrm,bias]", "model=[dlrm,bias] does not exist"),
        ("views=null", "views=[] chooses nothing"),
        ("sampler={rate:0.1,rte:2}", "there is no key sampler.rte; did you mean sampler.rate"),
        ("data.split=segmets", "data/split=segmets does not exist; did you mean data/split=segments?"),
        ("data.path=it's.csv", '"data.path=it\'s.csv" cannot be parsed; quote the value: "data.path=\'...\'".'),
        ("data.path=ä,b.csv", "'data.path=ä,b.csv' cannot be parsed; quote the value: \"data.path='...'\"."),
        ("model.top_mlp=[8,4", "cannot be parsed; quote the value: \"model.top_mlp='...'\"."),
        (r"data.path=a\(ä", "cannot be parsed; quote the value"),
        ("seed=ä", "seed is 'ä'; expected a whole number."),
        ("model=bias (1)", "model=bias (1) does not exist; did you mean model=bias"),
        ("~data.path=ä", "is not an override; write key=value"),
        ("sampler", "'sampler' is not an override; write key=value"),
        ("~sampler", "~sampler"),
        ("~seed", "~seed"),
        ("hydra.run.dir=elsewhere", "configures Hydra itself"),
        ("hydra/launcher=joblib", "configures Hydra itself"),
        ("+hydra.searchpath=[elsewhere]", "configures Hydra itself"),
    ],
)
def test_word_that_is_wrong_gets_one_sentence_with_what_was_meant(word, hint):
    assert hint in message(word)


def test_a_group_without_a_choice_may_be_written_as_null():
    assert compose_config(["policy=null"]) == compose_config([])
    runs = expand(["policy=null,equal", "data/split=segments"])
    assert [compose_config(run)["policy"] is None for run in runs] == [True, False]
    precheck(runs)
    assert compose_config(["data/split=segments", "policy=equal", "policy=null"])["policy"] is None


@pytest.mark.parametrize("prefix", ["", "+", "++"])
def test_the_options_of_an_inner_group_may_be_written_like_a_key(prefix):
    words = [f"{prefix}data.split=leave_one_out", f"{prefix}trainer.callbacks=[early_stopping]"]
    assert compose_config(words) == compose_config(["data/split=leave_one_out", "trainer/callbacks=[early_stopping]"])


@pytest.mark.parametrize(
    "word",
    [
        "=3",
        "model=null",
        "model=3",
        "model=[dlrm,bias]",
        "data.split=3",
        "data.split=null",
        "data=null",
        "model._target_=[os,system]",
        "model._target_=null",
        "model@other=bias",
        "sampler.rate=${nothing}",
        "sampler.rate=${oc.env:NO_SUCH_VARIABLE}",
        "model.top_mlp={a:1}",
        "embedding.dim=1e400",
        "",
        "seed=",
    ],
)
def test_odd_word_is_a_usage_error_and_no_stack_trace(word):
    assert message(word)


def test_key_of_another_option_of_its_group_is_no_key():
    assert "there is no key data.n_rows" in message("data=ml-1m", "data.n_rows=4")
    assert "there is no key model.top_mlp" in message("model=bias", "model.top_mlp=[4]")


def test_sweeps_expand_to_every_combination_the_last_varying_fastest():
    assert expand(["seed=0,1", "model=bias", "sampler.rate=0.1,0.5"]) == [
        ["seed=0", "model=bias", "sampler.rate=0.1"],
        ["seed=0", "model=bias", "sampler.rate=0.5"],
        ["seed=1", "model=bias", "sampler.rate=0.1"],
        ["seed=1", "model=bias", "sampler.rate=0.5"],
    ]
    assert expand(["seed=range(0,3)"]) == [["seed=0"], ["seed=1"], ["seed=2"]]
    assert expand([]) == [[]]


def test_every_expanded_word_composes_and_lists_are_no_sweeps():
    runs = expand(["model.top_mlp=[8,4],[]", "sampler.rate=0.5,1", "weight_seed=null,3"])
    assert len(runs) == 8
    assert compose_config(runs[0])["model"]["top_mlp"] == [8, 4]
    assert compose_config(runs[-1])["weight_seed"] == 3
    assert expand(["model.top_mlp=[8,4]"]) == [["model.top_mlp=[8,4]"]]


@pytest.mark.parametrize(
    "path", ["dätä.csv", "plain (1).csv", "dé_té/x=1.csv", "a&b;c#d!.csv", "~/ガ.csv", "int(1", "two  spaces é"]
)
@pytest.mark.parametrize("prefix", ["", "+", "++"])
def test_text_that_only_the_grammar_refuses_is_taken_as_if_quoted(path, prefix):
    word, quoted = f"{prefix}data.path={path}", f"{prefix}data.path='{path}'"
    config = compose_config(["data=table", word])
    assert config["data"]["path"] == path
    assert config == compose_config(["data=table", quoted])
    # Handed on as it was given, so that what compares or reads words again finds the same ones everywhere.
    assert expand(["seed=0,1", word]) == [["seed=0", word], ["seed=1", word]]
    assert key_of(word) == "data.path"
    assert expand_files([word]) == [word]


def test_text_of_a_file_of_words_may_hold_what_the_grammar_refuses(tmp_path):
    (tmp_path / "words.yaml").write_text("data: table\ndata.path: dé té (1)/x=1.csv\n")
    words = expand_files([f"@{tmp_path / 'words.yaml'}"])
    assert compose_config(words)["data"]["path"] == "dé té (1)/x=1.csv"


def test_sweep_of_quoted_texts_is_a_sweep():
    words = expand(["data=table", "data.path='ä (1).csv','b=2.csv'"])
    assert [compose_config(own)["data"]["path"] for own in words] == ["ä (1).csv", "b=2.csv"]


def test_sweep_that_cannot_be_listed_is_a_usage_error():
    with pytest.raises(UsageError, match="list the values"):
        expand(["sampler.rate=interval(0,1)"])


def test_key_of_a_word_is_what_it_sets():
    assert [key_of(word) for word in ("sampler.rate=0.1", "+x.y=2", "data/split=random")] == [
        "sampler.rate",
        "x.y",
        "data/split",
    ]


def test_option_of_a_plugin_composes_builds_and_runs(plugin):
    assert "first" in groups()["sampler"]
    config = compose_config(["sampler=first", "sampler.rate=0.5"])
    sample = build(config["sampler"], "sampler")(small_synthetic_log(), numpy_generator(0, "sample"))
    assert sample.rows.tolist() == list(range(2400))
    assert "sampler=first" in message("sampler=frist")


def test_threads_compose_at_the_same_time():
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda seed: compose_config([f"seed={seed}", "data.n_rows=4321"])["seed"], range(12)))
    assert found == list(range(12))


def test_an_application_of_the_caller_keeps_its_hydra(tmp_path):
    (tmp_path / "mine.yaml").write_text("mine: 1\n")
    with hydra.initialize_config_dir(str(tmp_path), version_base="1.3"):
        assert compose_config(["seed=4321"])["seed"] == 4321
        assert hydra.compose("mine").mine == 1


@pytest.mark.parametrize(
    "overrides",
    [
        [],
        ["data=synthetic", "seed=3", "sampler.rate=0.25"],
        ["sampler.rate=0.25", "sampler=popularity", "data.split_seed=4", "data/split=global_time", "data=ml-100k"],
        ["embedding=lma", "embedding.ratio=8", "++trainer.max_epochs=2"],
        ["model.top_mlp=[8,4]", "trainer={max_epochs:2}"],
        ["data.path='a,b c.csv'", "data=table", "data.item_bags=[genres]"],
        ["model=two_tower", "trainer=ranking", "task=ranking", "evaluate=validation", "sample_seed=1"],
    ],
)
def test_keys_set_after_the_options_are_merged_give_what_hydra_alone_composes(overrides):
    with hydra.initialize_config_dir(str(conf_dir()), version_base="1.3"):
        expected = OmegaConf.to_container(hydra.compose("config", overrides), resolve=True)
    found = compose_config(overrides)
    found.pop("choices")
    assert found == {"views": {}, "policy": None} | expected
