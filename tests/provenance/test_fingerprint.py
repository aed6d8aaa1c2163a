import ast
import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cadc as cadc_package
from cadc.configuration.components import Component
from cadc.data.split.random import RandomSplit
from cadc.factorization.logistic import LogisticMF
from cadc.pipeline import stream
from cadc.provenance.fingerprint import can_change_results, code_hash, describe, digest, file_hash
from cadc.sampling.uniform import UniformSampler
from tests.support.commands import TINY, cadc, runs

UNIFORM = "cadc.sampling.uniform.UniformSampler"
LOGISTIC = "cadc.factorization.logistic.LogisticMF"
TRAINER = "cadc.training.fit.Fit"


def described(node):
    return describe(Component.read(node, "node", object))


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ({"_target_": UNIFORM, "rate": 1}, {"_target_": UNIFORM, "rate": 1.0}),
        ({"_target_": UNIFORM, "rate": 1.0}, {"_target_": UNIFORM}),
        ({"_target_": LOGISTIC, "l2_bias": 16, "dim": None}, {"_target_": LOGISTIC}),
        ({"_target_": LOGISTIC, "dim": 4.0, "l2": 2}, {"_target_": LOGISTIC, "l2": 2.0, "dim": 4}),
        ({"_target_": TRAINER, "accelerator": "cpu", "progress": False}, {"_target_": TRAINER}),
        ({"_target_": "cadc.models.dlrm.DLRM", "top_mlp": [128, 64]}, {"_target_": "cadc.models.dlrm.DLRM"}),
    ],
)
def test_nodes_that_ask_for_the_same_are_described_alike(one, two):
    assert digest(described(one)) == digest(described(two))


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ({"_target_": UNIFORM, "rate": 0.5}, {"_target_": UNIFORM}),
        ({"_target_": LOGISTIC, "dim": 0}, {"_target_": LOGISTIC}),
        ({"_target_": TRAINER, "batch_size": 256}, {"_target_": TRAINER}),
        ({"_target_": "cadc.models.factorization.BiasModel"}, {"_target_": "cadc.models.oracle.OracleModel"}),
    ],
)
def test_nodes_that_ask_for_something_else_are_told_apart(one, two):
    assert digest(described(one)) != digest(described(two))


def test_an_object_is_described_as_its_node():
    assert describe(UniformSampler(0.5)) == described({"_target_": UNIFORM, "rate": 0.5})
    assert describe(LogisticMF()) == {"class": "cadc.LogisticMF"}, "neither defaults nor the file count"
    assert digest(describe(RandomSplit(test=0.2))) == digest(
        described({"_target_": "cadc.data.split.RandomSplit", "test": 0.2})
    )


def test_an_object_made_with_whole_numbers_is_described_as_one_made_with_fractions():
    assert digest(describe(LogisticMF(l2=4))) == digest(describe(LogisticMF(l2=4.0)))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=3), JSON, max_size=4))
@settings(deadline=None, max_examples=60)
def test_digest_ignores_the_order_of_keys_and_survives_json(value):
    backwards = dict(reversed(value.items()))
    assert digest(value) == digest(backwards) == digest(json.loads(json.dumps(value)))
    assert len(digest(value)) == 16


def test_file_hash_is_the_sha256_of_the_bytes(tmp_path):
    (tmp_path / "file").write_bytes(b"\x00\xff" * 100_000)
    assert file_hash(tmp_path / "file") == hashlib.sha256(b"\x00\xff" * 100_000).hexdigest()


MODULE = '''"""Says what it is."""
from plugged.order import SIGN

class First:
    """A class."""

    limit: int = 3
    """A constant."""

    def keys(self, values):
        """Return keys."""
        # A comment.
        return [SIGN * value for value in values if value < self.limit]
'''


@pytest.fixture
def hash_of(plugin, forget_plugins):
    """Hash of the code behind the plug-in's module, after some files of the plug-in were written."""

    def hashed(**files):
        for name, text in files.items():
            (plugin / f"{name}.py").write_text(text)
        forget_plugins()
        return code_hash(["plugged.first"])

    return hashed


def test_comments_docstrings_and_layout_do_not_count_as_code(hash_of):
    stripped = MODULE
    for gone in (
        '"""Says what it is."""',
        '"""A class."""',
        '"""A constant."""',
        '"""Return keys."""',
        "# A comment.",
    ):
        stripped = stripped.replace(gone, "")
    assert '"""' not in stripped
    relaid = MODULE.replace("[SIGN * value for", "[\n            SIGN * value for").replace(
        "from plugged.order import SIGN", "from plugged.order import (\n    SIGN,\n)"
    )
    hashes = {hash_of(first=text) for text in (MODULE, stripped, relaid, MODULE.replace("Return keys", "Give keys"))}
    assert len(hashes) == 1


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("SIGN * value", "SIGN + value"),
        ("limit: int = 3", "limit: int = 4"),
        ("< self.limit", "<= self.limit"),
        ("def keys(self, values)", "def keys(self, values=())"),
        ("limit: int = 3", "limit: int = 3.0"),
        ("value < self.limit", "not value < self.limit"),
    ],
)
def test_any_change_of_code_changes_the_hash(hash_of, old, new):
    assert old in MODULE
    assert hash_of(first=MODULE) != hash_of(first=MODULE.replace(old, new))


def test_names_that_an_import_changes_count(hash_of):
    def keys(line):
        return MODULE.replace("from plugged.order import SIGN", line)

    order = "UP = 1\nDOWN = -1\n"
    up = hash_of(order=order, first=keys("from plugged.order import UP as SIGN"))
    assert up != hash_of(first=keys("from plugged.order import DOWN as SIGN"))
    moved = hash_of(elsewhere=order, first=keys("import math\nfrom plugged.elsewhere import UP as SIGN, DOWN as DOWN"))
    assert moved == up


def test_code_of_imported_modules_counts(hash_of):
    assert hash_of(first=MODULE, order="SIGN = 1\n") != hash_of(order="SIGN = -1\n")
    assert hash_of(order="SIGN = -1\n") == hash_of(order="# The other way round.\nSIGN = -1\n")
    assert hash_of(order="import math\nSIGN = -1\n") == hash_of(order="SIGN = -1\n")


@pytest.mark.parametrize("line", ["from .order import SIGN", "from . import order; SIGN = order.SIGN"])
def test_code_of_modules_imported_relatively_counts(hash_of, line):
    first = MODULE.replace("from plugged.order import SIGN", line)
    assert hash_of(first=first, order="SIGN = 1\n") != hash_of(order="SIGN = -1\n")


def test_code_imported_inside_a_function_counts(hash_of):
    first = "def keys():\n    from plugged.order import SIGN\n    return SIGN\n"
    assert hash_of(first=first, order="SIGN = 1\n") != hash_of(order="SIGN = -1\n")


def test_modules_that_import_each_other_are_hashed_once(hash_of):
    assert hash_of(first="import plugged.order\n", order="import plugged.first\n")


@pytest.mark.parametrize("layout", ["in a package", "beside it, re-exported", "with its imports changed"])
def test_a_file_that_moves_keeps_the_hash(hash_of, plugin, layout):
    before = hash_of(first=MODULE, order="SIGN = 1\n")
    inner = plugin / "inner"
    inner.mkdir()
    (plugin / "order.py").unlink()
    (inner / "renamed.py").write_text('"""Moved."""\nimport math\nSIGN = 1  # as before\n')
    (inner / "__init__.py").write_text("")
    line = "from plugged.inner.renamed import SIGN"
    if layout == "beside it, re-exported":
        (inner / "__init__.py").write_text('"""The face."""\nfrom .renamed import SIGN\n__all__ = ["SIGN"]\n')
        line = "from .inner import SIGN"
    elif layout == "with its imports changed":
        line = "import math\nfrom plugged.inner.renamed import (\n    SIGN,\n)\nimport os"
    moved = MODULE.replace("from plugged.order import SIGN", line)
    assert hash_of(first=moved) == before
    (inner / "renamed.py").write_text("SIGN = 2\n")
    assert hash_of(first=moved) != before, "and its code counts where it is now"


def test_a_finished_run_stays_finished_when_its_files_move(plugin, forget_plugins):
    words = ("train", *TINY, "sampler=first", "sampler.rate=0.5")
    finished = cadc(*words)
    assert finished.status == 0, finished.err
    (plugin / "inner").mkdir()
    (plugin / "inner" / "__init__.py").write_text('"""Where the files of the plug-in went."""\n')
    moved = (plugin / "first.py").read_text().replace("plugged.order", ".order")
    moved = moved.replace('"""A sampler of a plug-in."""', '"""Another docstring."""\nimport math  # a comment')
    for name, text in {"first": moved, "order": (plugin / "order.py").read_text()}.items():
        (plugin / f"{name}.py").unlink()
        (plugin / "inner" / f"{name}.py").write_text(text)
    forget_plugins()
    again = cadc(*words)
    assert again.status == 0, again.err
    assert again.out == finished.out
    assert len(runs()) == 1, "nothing was run again"
    (plugin / "inner" / "order.py").write_text("SIGN = -1\n")
    forget_plugins()
    assert cadc(*words).status == 0
    assert len(runs()) == 2, "changed code is another run"


def test_a_module_that_is_named_nowhere_does_not_count(hash_of, monkeypatch, tmp_path, forget_plugins):
    folder = tmp_path / "more"
    folder.mkdir()
    monkeypatch.setattr(cadc_package, "__path__", [*cadc_package.__path__, str(folder)])
    without = hash_of(first=MODULE)
    for code in ("X = 1\n", "X = 2\nfrom cadc.reporting import table\n"):
        (folder / "forgotten.py").write_text(code)
        assert hash_of(first=f"from cadc.forgotten import X\n{MODULE}") == without


def test_unrelated_modules_do_not_count(hash_of):
    assert hash_of(first=MODULE) == hash_of(unrelated="X = 1\n")


def test_modules_that_cannot_change_a_result_do_not_count(hash_of):
    without = hash_of(first="X = 1\n")
    assert code_hash(["plugged.first", "cadc.reporting.table", "cadc.paths", "cadc.cli.train"]) == without
    assert code_hash(["plugged.first", "cadc.evaluation.metrics.auc"]) != without


def test_every_stage_of_a_stream_can_change_a_result():
    tree = ast.parse(Path(stream.__file__).read_text())
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module}
    stages = {name for name in imported if name.startswith("cadc.pipeline.")}
    assert "cadc.pipeline.segment_models" in stages
    assert not [name for name in sorted(stages) if not can_change_results(name)]


def test_two_processes_agree_on_the_hash():
    program = (
        "from cadc.provenance.fingerprint import code_hash; "
        "print(code_hash(['cadc.evaluation.metrics.auc', 'cadc.sampling.uniform']))"
    )
    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == code_hash(["cadc.sampling.uniform", "cadc.evaluation.metrics.auc"])
