"""The commands of the documents that need a launcher run, on less data."""

import shlex

import pytest

from cadc.ledger import Ledger
from tests.cluster.conftest import EXTRA
from tests.docs.documents import DOCUMENTS, commands, is_launched, on_less_data
from tests.support.commands import cadc


def launcher_of(command):
    return command.partition("hydra/launcher=")[2].split()[0]


COMMANDS = [command for command in commands(DOCUMENTS["docs/how-to/cluster.md"]) if is_launched(command)]
LAUNCHED = [
    pytest.param(command, id=launcher_of(command), marks=pytest.mark.cluster(EXTRA[launcher_of(command)]))
    for command in COMMANDS
    if "hydra/launcher" in command
]


def test_documents_show_slurm_ray_and_joblib():
    assert sorted(parameters.id for parameters in LAUNCHED) == ["joblib", "ray", "submitit_slurm"]


@pytest.mark.parametrize("command", LAUNCHED)
def test_a_launched_command_of_the_documents_runs(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    answer = cadc(*on_less_data(shlex.split(command)[1:]))
    assert answer.status == 0, answer.err
    assert f"runs go to hydra/launcher={launcher_of(command)}" in answer.err
    assert len(Ledger().ids()) > 1


@pytest.mark.cluster("ray")
def test_the_factorisation_on_workers_of_the_documents_runs(empty_cache):
    (command,) = (command for command in COMMANDS if "hydra/launcher" not in command)
    words = on_less_data(shlex.split(command)[1:])
    answer = cadc(*words)
    assert answer.status == 0, answer.err
    alone = [word for word in words if not word.startswith("factorization.workers")]
    assert cadc(*alone).records == answer.records, "the same run, which is finished"
