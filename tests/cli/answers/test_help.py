"""What answers at once: help, version, and an import that loads none of the heavy libraries."""

import pytest

import cadc as package
from cadc.cli import COMMANDS
from tests.support.commands import cadc, process

HEAVY = (
    "torch",
    "hydra",
    "omegaconf",
    "pytorch_lightning",
    "lightning",
    "pandas",
    "pyarrow",
    "matplotlib",
    "wandb",
)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command):
    answer = cadc(command, "--help")
    assert answer.status == 0
    assert answer.out.startswith(f"usage: cadc {command}")
    assert "--debug" in answer.out
    assert answer.err == ""


def test_help_lists_the_commands():
    answer = cadc("--help")
    assert answer.status == 0
    listed = [line.split()[0] for line in answer.out.splitlines() if line[:4].isspace() and line[4:5].isalpha()]
    assert listed == list(COMMANDS)


def test_version_is_that_of_the_package():
    assert cadc("--version").out == f"cadc {package.__version__}\n"


def test_no_command_at_all_is_answered_with_the_help():
    assert cadc() == cadc("--help")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["tain"], "'tain' is not a command; did you mean train?"),
        (["Ledger"], "'Ledger' is not a command; did you mean ledger?"),
        (["frobnicate"], "'frobnicate' is not a command; choose one of train, experiment, tune"),
        (["completion"], "no shell was given; name one of bash, zsh, fish."),
        (["experiment", "zzz"], "there is no experiment 'zzz'; choose one of cadc_ml1m, "),
        (["data", "describe", "my log.csv"], "read by cadc data describe table 'data.path=my log.csv'."),
        (["ledger", "lst"], "'lst' is not one of its values; did you mean list?"),
        (["export", "0", "--format", "Parquet"], "'Parquet' is not one of its values; did you mean parquet?"),
    ],
)
def test_a_word_that_is_not_known_is_met_with_what_was_meant(words, said):
    answer = cadc(*words)
    assert answer.status == 2
    assert said in answer.err.splitlines()[-1]


@pytest.mark.parametrize("words", [["frobnicate"], ["train", "--frobnicate"], ["predict"]])
def test_words_that_are_no_command_show_the_usage(words):
    answer = cadc(*words)
    assert answer.status == 2
    assert answer.err.startswith("usage: cadc")
    assert answer.out == ""


def test_help_loads_none_of_the_heavy_libraries():
    code = (
        "import sys; from cadc.cli import main\n"
        "main(['train', '--help'])\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    answer = process(["-c", code])
    assert answer.status == 0, answer.err
    assert answer.out.splitlines()[-1] == "[]"


def test_a_run_loads_neither_lightning_nor_a_compiler_nor_what_draws():
    slow = ("pytorch_lightning", "torch._dynamo", "sympy", "scipy.stats", "matplotlib", "optuna", "wandb")
    code = (
        "import sys; from cadc.cli import main\n"
        "status = main(['train', 'data=synthetic', 'data.n_rows=500', 'trainer.max_epochs=1'])\n"
        f"print(status, [name for name in {slow!r} if name in sys.modules])"
    )
    answer = process(["-c", code])
    assert answer.out.splitlines()[-1] == "0 []", answer.err


def test_ledger_ls_is_ledger_list():
    assert cadc("ledger", "ls") == cadc("ledger", "list")
