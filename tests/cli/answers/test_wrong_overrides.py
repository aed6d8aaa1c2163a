"""Wrong words end with status 2 and one sentence that says what was meant; nothing is run."""

import pytest

from cadc.errors import UsageError
from cadc.ledger import Ledger
from tests.support.commands import TINY, cadc, runs
from tests.support.processes import Command


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("sampler.rte=0.1", "there is no key sampler.rte; did you mean sampler.rate"),
        ("samplr.rate=0.1", "there is no key samplr.rate; did you mean sampler.rate"),
        ("sede=1", "there is no key sede; did you mean seed"),
        ("sampler=unifrm", "sampler=unifrm does not exist; did you mean sampler=uniform?"),
        ("model=dlmr", "did you mean model=dlrm"),
        ("data/split=randm", "did you mean data/split=random"),
        ("data.split=randm", "did you mean data/split=random"),
        ("model=5", "model"),
        ("model=null", "model"),
        ("+sampler.speed=1", "sampler.speed is not an option of UniformSampler"),
        ("+speed=1", "speed"),
        ("++speed=1", "speed"),
        ("~sampler", "sampler"),
        ("~seed", "seed"),
        ("sampler.rate", "'sampler.rate' is not an override; write key=value"),
        ("=3", "key"),
        ("sampler.rate=0.1,0.2", "sampler.rate=0.1,0.2 gives several values; add -m"),
        ("hydra.run.dir=elsewhere", "configures Hydra itself"),
        ("hydra/sweeper=basic", "configures Hydra itself"),
        ("+hydra.sweep.dir=x", "configures Hydra itself"),
        ("model._target_=os.system", "'os.system' is not allowed"),
        ("model._target_=cadc.models.dlrm.DRLM", "does not exist"),
        ("sampler._target_=cadc.sampling.uniform.np", "'cadc.sampling.uniform.np' is not a class"),
    ],
)
def test_a_word_that_is_not_understood(word, said):
    answer = cadc("train", *TINY, word)
    assert answer.status == 2
    assert said in answer.sentence
    assert answer.out == ""
    assert runs() == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("sampler.rate=0", "sampler.rate is 0.0; it must be a share of the training rows in (0, 1]"),
        ("sampler.rate=1.5", "sampler.rate is 1.5"),
        ("sampler.rate=-0.1", "sampler.rate is -0.1"),
        ("sampler.rate=nan", "sampler.rate is nan"),
        ("sampler.rate=a", "sampler.rate is 'a'; expected a finite number"),
        ("sampler.rate=null", "sampler.rate is None; expected a finite number"),
        ("initializer=mf factorization.dim=12", "factorization.dim is 12, but embedding.dim 16"),
        ("initializer=mf factorization.batch_size=0", "factorization.batch_size"),
        ("initializer=mf factorization.learning_rate=-1", "factorization.learning_rate"),
        ("initializer.freeze=maybe", "initializer.freeze is 'maybe'; expected true or false"),
        ("initializer.std=-1", "initializer.std is -1.0"),
        ("embedding.dim=0", "embedding.dim is 0; it must be at least 1"),
        ("embedding.dim=-3", "embedding.dim is -3; it must be at least 1"),
        ("embedding.dim=wide", "embedding.dim is 'wide'; expected a whole number"),
        ("model.top_mlp=5", "model.top_mlp is 5; expected a list"),
        ("trainer.max_epochs=0", "trainer.max_epochs is 0; it must be at least 1"),
        ("trainer.max_epochs=1.5", "trainer.max_epochs is 1.5; expected a whole number"),
        ("trainer.batch_size=some", "trainer.batch_size is 'some'; expected a whole number or 'auto'"),
        ("trainer.learning_rate=0", "trainer.learning_rate is 0.0; it must be"),
        ("trainer.learning_rate=nan", "trainer.learning_rate is nan"),
        ("trainer.accelerator=abacus", "abacus"),
        ("logger=wandb logger.mode=sometimes", "logger.mode is 'sometimes'; choose one of offline, online"),
        ("data.n_rows=1.5", "data.n_rows is 1.5; expected a whole number"),
        ("data.n_users=0", "data.n_users is 0; it must be at least 1"),
        ("data.split.test=2", "data.split.test is 2.0"),
        ("data.split.test=0.6 data.split.validation=0.5", "leave no rows for training"),
        ("seed=lucky", "seed is 'lucky'; expected a whole number"),
        ("seed=1.5", "seed is 1.5; expected a whole number"),
        ("seed=null", "seed is None; expected a whole number"),
        ("sample_seed=x", "sample_seed is 'x'; expected a whole number"),
        ("data.split_seed=x", "data.split_seed is 'x'; expected a whole number"),
    ],
)
def test_a_value_that_is_not_accepted(words, said):
    answer = cadc("train", *TINY, *words.split())
    assert answer.status == 2
    assert said in answer.sentence
    assert runs() == []


@pytest.mark.parametrize(
    ("word", "said"),
    [("sampler.rate=1e-9", "of 2400 training rows keeps none"), ("model.top_mlp=[0]", "model.top_mlp")],
)
def test_a_value_that_shows_to_be_wrong_in_the_run_is_a_failed_run(word, said):
    answer = cadc("train", *TINY, word)
    assert answer.status == 2
    assert said in answer.sentence
    (run_id,) = runs()
    assert Ledger().status(run_id) == "failed"
    assert answer.sentence == f"cadc: {Ledger().record(run_id)['reason']}"


def test_numbers_that_do_not_fit_are_both_named_with_what_to_do():
    answer = cadc("train", *TINY, "initializer=mf", "factorization.dim=12", "embedding.dim=20")
    assert "factorization.dim is 12" in answer.sentence
    assert "embedding.dim 20" in answer.sentence
    assert "set factorization.dim=20, or embedding.dim=12" in answer.sentence


def test_one_wrong_word_stops_a_whole_multirun_before_it_starts():
    answer = cadc("train", "-m", *TINY, "sampler.rate=0.5,1.5")
    assert answer.status == 2
    assert "sampler.rate is 1.5" in answer.sentence
    assert runs() == []


def test_debug_raises_in_this_process():
    with pytest.raises(UsageError, match=r"no key sampler\.rte"):
        cadc("train", "sampler.rte=1", "--debug")


def test_debug_shows_the_stack_in_a_process_of_its_own(tmp_path):
    answer = Command(["train", "sampler.rte=1", "--debug"], tmp_path).answer()
    assert answer.status != 0
    assert "Traceback" in answer.err
    assert "there is no key sampler.rte" in answer.err.splitlines()[-1]
