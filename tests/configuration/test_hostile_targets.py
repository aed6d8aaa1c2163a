"""No class that a configuration names is imported or called unless it is one of cadc or of an installed plug-in."""

import sys

import pytest

from cadc.configuration.components import build
from cadc.configuration.compose import compose_config
from cadc.errors import UsageError


@pytest.fixture
def trap(tmp_path, monkeypatch):
    """A module beside the packages that leaves a trace when it is imported, and another when its class is built."""
    (tmp_path / "trap.py").write_text(
        "from pathlib import Path\n"
        f"TRACE = Path({str(tmp_path / 'ran')!r})\n"
        "TRACE.write_text('imported')\n"
        "class Sprung:\n"
        "    def __init__(self, command='x'):\n"
        "        TRACE.write_text('built')\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path / "ran"
    sys.modules.pop("trap", None)


HOSTILE = [
    "trap.Sprung",
    "cadc.trap.Sprung",
    "cadc.paths.trap.Sprung",
    "trap.cadc.Sprung",
    "..trap.Sprung",
    ".trap.Sprung",
    "cadc..trap.Sprung",
    "cadc/../trap.Sprung",
    "cadc:trap.Sprung",
    "cadc\0.trap.Sprung",
    "cadc,trap.Sprung",
    "\uff54rap.Sprung",
    "c\u0430dc.trap.Sprung",
    " trap.Sprung",
    "trap.Sprung\n",
    "__main__.trap",
    "builtins.__import__",
    "importlib.import_module",
    "sys.modules",
    "os.system",
    "subprocess.Popen",
    "cadc.paths.os.system",
    "cadc.provenance.costs.subprocess.Popen",
    "cadc.configuration.components.importlib.import_module",
    "cadc.configuration.compose.compose",
    "cadc.pipeline.run.Path",
    "cadc.serving.load.load_file",
    "cadc.models.dlrm.DLRM.__init__",
    "cadc.models.dlrm.DLRM.__class__",
    "cadc.models.dlrm.__builtins__",
    "cadc.__builtins__.eval",
    "cadc.__loader__",
    "a" * 100_000,
    "cadc." * 1000 + "X",
    "",
]


@pytest.mark.parametrize("target", [*HOSTILE, 7, None, True, 1.5, ["trap.Sprung"], {"trap": "Sprung"}, b"trap.Sprung"])
def test_a_hostile_target_is_neither_imported_nor_built(target, trap):
    with pytest.raises(UsageError, match="_target_"):
        build({"_target_": target, "command": "y"})
    assert not trap.exists()
    assert "trap" not in sys.modules


@pytest.mark.parametrize(
    "target",
    ["cadc.models.dlrm.__builtins__", "cadc.__main__.main", "cadc..dlrm.DLRM", "cadc.models.dlrm.DLRM\n", "cadc"],
)
def test_what_is_no_name_of_a_class_is_refused_before_a_module_is_looked_for(target, monkeypatch):
    monkeypatch.setattr("importlib.import_module", lambda name: pytest.fail(f"{name} was imported"))
    with pytest.raises(UsageError, match="expected the path of a class"):
        build({"_target_": target})


@pytest.mark.parametrize("key", ["model", "data", "sampler", "data.split", "logger", "trainer"])
def test_nor_in_any_group(key, trap):
    with pytest.raises(UsageError, match="_target_"):
        compose_config([f"{key}._target_=trap.Sprung"])
    with pytest.raises(UsageError):
        compose_config([f"+{key}.inner={{_target_:trap.Sprung}}"])
    assert not trap.exists()


def test_the_trap_would_spring(trap):
    """Or the tests above show nothing."""
    import trap as module  # type: ignore[import-not-found]

    module.Sprung()
    assert trap.read_text() == "built"


def test_a_plugin_that_fails_while_it_is_imported_is_a_sentence(plugin):
    (plugin / "broken.py").write_text("raise RuntimeError('no such device')\n")
    with pytest.raises(UsageError, match="RuntimeError: no such device"):
        build({"_target_": "plugged.broken.Anything"})
