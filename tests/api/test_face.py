"""What `import cadc` offers, and what it costs."""

import ast
import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

import cadc
from cadc.configuration.public_names import homes_of

FACES = [
    "cadc",
    "cadc.data",
    "cadc.data.sources",
    "cadc.data.split",
    "cadc.embeddings",
    "cadc.evaluation",
    "cadc.evaluation.metrics",
    "cadc.factorization",
    "cadc.models",
    "cadc.sampling",
    "cadc.training",
]


@pytest.mark.parametrize("package", FACES)
def test_every_public_name_of_a_package_is_there_and_known_to_type_checkers(package):
    module = importlib.import_module(package)
    homes = homes_of(Path(module.__file__), package)
    defined = {name for name in module.__all__ if name in vars(module) and name not in homes}
    assert len(set(module.__all__)) == len(module.__all__)
    assert {*homes} - {"TYPE_CHECKING", "lazily"} == {*module.__all__} - defined
    for name in module.__all__:
        assert getattr(module, name) is not None
        assert name in dir(module)
    assert not {"TYPE_CHECKING", "lazily"} & {*dir(module)}


@pytest.mark.parametrize("package", FACES)
def test_no_public_name_is_hidden_by_a_module_of_the_same_name(package):
    module = importlib.import_module(package)
    modules = {path.stem for path in Path(module.__file__).parent.iterdir() if not path.name.startswith("_")}
    assert not modules & {*module.__all__}


@pytest.mark.parametrize("package", FACES)
def test_a_name_that_is_not_offered_raises_an_attribute_error(package):
    module = importlib.import_module(package)
    for name in ("no_such_name", "TYPE_CHECKING_", "_private"):
        with pytest.raises(AttributeError, match=name):
            getattr(module, name)


def test_importing_cadc_loads_nothing_heavy_and_little_of_itself():
    script = "import json, sys; import cadc; json.dump(sorted(sys.modules), sys.stdout)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = json.loads(done.stdout)
    heavy = {"torch", "numpy", "pandas", "hydra", "matplotlib", "pytorch_lightning", "scipy", "pyarrow", "yaml"}
    assert not heavy & {*loaded}
    assert [name for name in loaded if name.split(".")[0] == "cadc"] == [
        "cadc",
        "cadc.configuration",
        "cadc.configuration.public_names",
    ]


def test_the_package_says_that_it_is_typed():
    assert (Path(cadc.__file__).parent / "py.typed").is_file()


@pytest.mark.parametrize("package", FACES)
def test_public_functions_and_classes_are_documented(package):
    module = importlib.import_module(package)
    tree = ast.parse(Path(module.__file__).read_text())
    assert ast.get_docstring(tree)
    for name in module.__all__:
        value = getattr(module, name)
        assert not callable(value) or value.__doc__
