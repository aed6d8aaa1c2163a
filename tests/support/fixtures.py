"""Fixtures of all tests: every cache and run lies in a temporary folder, and real data is opt-in."""

import gc
import importlib.util
import os
import signal
import sys
from pathlib import Path

import pytest
import torch

from cadc.configuration import class_lookup, compose
from cadc.configuration.class_lookup import allowed_packages
from cadc.configuration.public_names import homes_of
from cadc.evaluation.metrics import lookup
from cadc.loggers import wandb_process
from cadc.provenance import fingerprint
from tests.support.browser import missing_browser
from tests.support.commands import closing
from tests.support.forked_wandb import forking
from tests.support.helpers import small_synthetic_log, write_small_movielens
from tests.support.sweeps import FEW, N_RUNS, Place
from tests.support.wandb_server import KEY, WandbServer, serving

REAL_DATA = os.environ.get("CADC_DATA_DIR")
"""Folder with the publishers' files as it was set when the tests were started."""


def pytest_configure():
    # Small inputs are done sooner by one thread, the more so on a busy machine.
    torch.set_num_threads(1)
    # Nobody cuts the power here, and where the disk is busy each of the many files would be waited for.
    os.fsync = lambda descriptor: None


FEW_MODULES = 100
n_modules = 0
"""How many modules were loaded when garbage collection last put aside what there was."""


def _put_modules_aside():
    """Have garbage collection look no more at the modules that are loaded, once a good number was added."""
    global n_modules
    if len(sys.modules) > n_modules + FEW_MODULES:
        # Each run begins with a full collection, which spends as long on all modules as the tiny run takes.
        gc.collect()
        gc.freeze()
        n_modules = len(sys.modules)


def pytest_collection_finish():
    _put_modules_aside()


def pytest_runtest_logfinish():
    _put_modules_aside()


EXTRAS = {
    "scale": "duckdb",
    "ray": "hydra_plugins.hydra_ray_launcher",
    "slurm": "hydra_plugins.hydra_submitit_launcher",
    "joblib": "hydra_plugins.hydra_joblib_launcher",
    "postgresql": "psycopg",
    "dashboard": "optuna_dashboard",
    "bench": "lenskit",
    "torchrec": "torchrec",
}
"""A module of each extra by which it is known to be installed."""


def is_installed(extra):
    try:
        return importlib.util.find_spec(EXTRAS[extra]) is not None
    except ModuleNotFoundError:
        return False


def pytest_runtest_setup(item):
    for marker in item.iter_markers("cluster"):
        for extra in marker.args:
            if not is_installed(extra):
                pytest.skip(f"the extra [{extra}] is not installed; scripts/test --all installs it")
    if item.get_closest_marker("browser") is not None and (missing := missing_browser()):
        pytest.skip(f"{missing} is not installed; scripts/test --all installs it")


@pytest.fixture(scope="session", autouse=True)
def session_cache(tmp_path_factory):
    """One cache for all tests, so that equal preparations and factorisations are made once."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        # Fixtures of a module are made before `_own_folders` sets anything.
        patch.setenv("CADC_CACHE", str(folder))
        yield folder


@pytest.fixture(scope="module")
def log():
    """The log of `small_synthetic_log`, unless a module has a log of its own."""
    return small_synthetic_log()


@pytest.fixture(autouse=True)
def _own_folders(request, monkeypatch, session_cache, tmp_path):
    """Keep each test away from the user's cache, runs and data."""
    monkeypatch.setenv("CADC_CACHE", str(session_cache))
    monkeypatch.setenv("CADC_RUNS", str(tmp_path / "runs"))
    if request.node.get_closest_marker("realdata") is None:
        monkeypatch.delenv("CADC_DATA_DIR", raising=False)
    elif not REAL_DATA or not Path(REAL_DATA).is_dir():
        pytest.skip("CADC_DATA_DIR is not set to the folder with the publishers' files")
    else:
        monkeypatch.setenv("CADC_DATA_DIR", str(Path(REAL_DATA).absolute()))


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory):
    """A sweep of twelve runs that nobody disturbed; see `sweeps`."""
    place = Place(tmp_path_factory.mktemp("undisturbed"))
    assert closing(place.finish()) == {"finished": N_RUNS}
    return place


@pytest.fixture(scope="session")
def few(tmp_path_factory):
    """A sweep of two runs that nobody disturbed."""
    place = Place(tmp_path_factory.mktemp("few"), FEW)
    assert closing(place.finish()) == {"finished": 2}
    return place


@pytest.fixture
def small_movielens(tmp_path):
    """A folder to use as CADC_DATA_DIR, with small made-up copies of ml-1m and ml-100k."""
    folder = tmp_path / "publishers"
    write_small_movielens(folder)
    return folder


@pytest.fixture
def empty_cache(monkeypatch, tmp_path):
    """A cache of the test's own, for tests that look into it or count what is made."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("CADC_CACHE", str(folder))
    return folder


@pytest.fixture
def wandb_home(monkeypatch, tmp_path):
    """A home without any key or setting of wandb, and no wait for it that is longer than a test's patience."""
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        monkeypatch.delenv(name)
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setattr(wandb_process, "INIT_TIMEOUT_S", 3.0)
    monkeypatch.setattr(wandb_process, "FINISH_TIMEOUT_S", 5.0)
    monkeypatch.setattr(wandb_process, "RETRIES", 1)
    monkeypatch.setenv("WANDB_ERROR_REPORTING", "false")
    monkeypatch.setattr(wandb_process, "subprocess", forking())
    return folder


@pytest.fixture
def wandb_server(wandb_home, monkeypatch):
    """A wandb server on this machine that the environment names, with a made-up key."""
    with serving(WandbServer()) as server:
        monkeypatch.setenv("WANDB_BASE_URL", server.url)
        monkeypatch.setenv("WANDB_API_KEY", KEY)
        yield server


def _forget_plugins():
    """Empty the memories that assume one set of installed packages and files for the life of a process."""
    for remembered in (
        allowed_packages,
        class_lookup._load_class,
        lookup.metric_classes,
        compose._composed,
        fingerprint._module,
        fingerprint._exists,
        fingerprint._home,
        homes_of,
    ):
        remembered.cache_clear()
    for name in [name for name in sys.modules if name.split(".")[0] == "plugged"]:
        del sys.modules[name]
    importlib.invalidate_caches()


@pytest.fixture
def forget_plugins():
    """Call it after a plug-in's files changed."""
    return _forget_plugins


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """Folder of an installed plug-in package `plugged`, with a sampler and an option of the group `sampler`."""
    folder = tmp_path / "site" / "plugged"
    (folder / "conf" / "sampler").mkdir(parents=True)
    (folder / "conf" / "sampler" / "first.yaml").write_text("_target_: plugged.first.FirstRows\nrate: 1.0\n")
    (folder / "__init__.py").touch()
    (folder / "order.py").write_text("SIGN = 1\n")
    (folder / "first.py").write_text(
        '"""A sampler of a plug-in."""\n'
        "import numpy as np\n"
        "from cadc.sampling.sampler import Sampler\n"
        "from plugged.order import SIGN\n"
        "class FirstRows(Sampler):\n"
        "    def keys(self, log, generator, factors=None):\n"
        '        return SIGN * np.arange(log.n_rows("train"), dtype=float)\n'
    )
    installed = folder.with_name("plugged-1.0.dist-info")
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: plugged\nVersion: 1.0\n")
    (installed / "entry_points.txt").write_text("[cadc.plugins]\nplugged = plugged\n")
    monkeypatch.syspath_prepend(str(folder.parent))
    _forget_plugins()
    yield folder
    monkeypatch.undo()
    _forget_plugins()


@pytest.fixture
def _heeds_ctrl_c():
    """Have Ctrl-C raise, also where whoever started the tests in the background had it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
