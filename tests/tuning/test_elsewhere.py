"""Studies from outside: workers that a launcher starts, and the dashboard that opens a study."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.commands import start
from tests.tuning.helpers import TUNE, check_study, look, tune, wait_until

pytestmark = pytest.mark.cluster

N_TRIALS = 5
LAUNCHED = ("hydra/launcher=joblib", "tune.workers=2")


@pytest.fixture
def launched(tmp_path, monkeypatch):
    """Start `cadc tune` with two workers of joblib in a folder of its own."""
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher", reason="hydra-joblib-launcher is not installed")
    monkeypatch.setenv("CADC_RUNS", str(tmp_path / "runs"))
    child = start(
        ["-m", "cadc", "tune", *TUNE, *LAUNCHED, f"tune.trials={N_TRIALS}"], cwd=tmp_path, start_new_session=True
    )
    yield child
    child.kill()
    child.communicate()


def workers_of(pid):
    """Return the processes that descend from one."""
    found = subprocess.run(["ps", "-e", "-o", "pid=,ppid=,stat="], capture_output=True, text=True, check=True).stdout
    rows = [line.split() for line in found.splitlines()]
    below = {pid}
    for _ in rows:
        below |= {int(child) for child, parent, state in rows if int(parent) in below and not state.startswith("Z")}
    return below - {pid}


def test_two_workers_of_a_launcher_reach_the_total(tmp_path, launched):
    out, err = launched.communicate(timeout=100)
    assert launched.returncode == 0, err
    check_study(look(tmp_path / "runs"), tmp_path / "runs", N_TRIALS)
    said = [line for line in err.splitlines() if line.startswith("[")]
    assert [line.split()[0] for line in said] == [f"[{n}/{N_TRIALS}]" for n in range(1, N_TRIALS + 1)]
    assert sorted(int(line.split(" trial ")[1].split()[0]) for line in said) == list(range(N_TRIALS))
    assert "cadc train @" in out


def test_ctrl_c_ends_the_workers_and_the_study_goes_on(tmp_path, launched):
    wait_until(lambda: any((tmp_path / "runs").glob("[!.]*/record.json")))
    below = workers_of(launched.pid)
    assert len(below) >= 2
    os.killpg(launched.pid, signal.SIGINT)
    _, err = launched.communicate(timeout=60)
    assert launched.returncode == 130, err
    assert "Traceback" not in err
    wait_until(
        lambda: (
            not any(
                Path(f"/proc/{pid}/cmdline").exists() and b"cadc" in Path(f"/proc/{pid}/cmdline").read_bytes()
                for pid in below
            )
        ),
        30,
    )
    study = tune(tmp_path / "runs", f"tune.trials={N_TRIALS}")
    check_study(study, tmp_path / "runs", N_TRIALS)


@pytest.fixture(params=["journal", "PostgreSQL"])
def words(request):
    """Words that choose where the study is kept."""
    if request.param == "journal":
        return ()
    return (f"tune.storage={request.getfixturevalue('database')}",)


def test_the_dashboard_opens_the_study(tmp_path, words):
    program = shutil.which("optuna-dashboard", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if program is None:
        pytest.skip("optuna-dashboard is not installed")
    study = tune(tmp_path, *words, "tune.trials=3")
    address = study.storage.place
    if words:
        address = study.storage.url.render_as_string(hide_password=False)
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [program, address, "--port", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    try:
        (found,) = fetch(f"http://127.0.0.1:{port}/api/studies", server)["study_summaries"]
        assert found["study_name"] == study.name
        detail = fetch(f"http://127.0.0.1:{port}/api/studies/{found['study_id']}?after=0", server)
        assert [trial["number"] for trial in detail["trials"]] == [0, 1, 2]
        values = [trial["values"][0] for trial in detail["trials"] if trial["state"] == "Complete"]
        assert values == pytest.approx([trial.value for trial in study.study.trials if trial.state.name == "COMPLETE"])
    finally:
        server.terminate()
        server.communicate(timeout=20)
    # The dashboard, which may write notes, leaves a study that goes on.
    assert len(tune(tmp_path, *words, "tune.trials=4").done()) == 4


def fetch(url, server):
    for _ in range(300):
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return json.load(answer)
        except OSError:
            assert server.poll() is None, server.stderr.read()
            time.sleep(0.1)
    raise AssertionError(f"{url} does not answer")
