"""Nothing leaves the machine: a run opens no socket and asks for no address unless its logger does."""

from tests.commands import TINY, process, runs

WATCH = """
import sys
seen = []
sys.addaudithook(lambda event, values: seen.append(event) if event.startswith("socket.") else None)
from cadc.cli import main
status = main(sys.argv[1:])
print(status, sorted(set(seen)))
"""


def test_a_run_with_its_curves_in_a_file_opens_no_socket():
    answer = process(["-c", WATCH, "train", *TINY, "initializer=mf", "logger=csv"])
    assert answer.out.splitlines()[-1] == "0 []", answer.err
    assert len(runs()) == 1


def test_the_watch_sees_a_socket():
    code = WATCH.replace("from cadc.cli import main", "import socket\nmain = lambda words: socket.socket() and 0")
    assert process(["-c", code]).out.splitlines()[-1] == "0 ['socket.__new__']"


def test_wandb_offline_keeps_each_run_in_files_of_its_own_where_it_is_told(tmp_path):
    words = ["logger=wandb", f"logger.folder={tmp_path / 'wandb'}", "seed=0,1"]
    answer = process(["-m", "cadc", "train", "-m", *TINY, *words], cwd=tmp_path)
    assert answer.status == 0, answer.err
    found = sorted(path.name for path in (tmp_path / "wandb").rglob("*.wandb"))
    assert found == [f"run-{run_id}.wandb" for run_id in runs()]
    assert len(found) == 2
    assert "W&B syncing is set to `offline`" in answer.err
    assert {path.name for path in tmp_path.iterdir()} <= {"runs", "wandb"}
