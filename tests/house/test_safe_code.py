"""Nothing in the package can execute what a file holds: the syntax trees are walked for every way to do so."""

import ast
from pathlib import Path

import pytest

import cadc

PACKAGE = Path(cadc.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
FORBIDDEN_MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "code", "pty"}
FORBIDDEN_CALLS = {
    "eval",
    "exec",
    "compile",
    "__import__",
    "os.system",
    "os.popen",
    "yaml.unsafe_load",
    "yaml.full_load",
}
FORBIDDEN_ENDS = {"read_pickle", "to_pickle", "load_model", "exec_module", "get_method"}
ALLOWED_LOADERS = {"SafeLoader", "_Loader"}


def name_of(node):
    """Dotted name of what is called: `np.load`, or `.load` where it hangs on something without a name."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{name_of(node.value)}.{node.attr}"
    return ""


def faults(tree):
    """What a module does that could execute what a file holds."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (f"import {alias.name}" for alias in node.names if alias.name.split(".")[0] in FORBIDDEN_MODULES)
        if isinstance(node, ast.ImportFrom):
            names = {node.module or "", *(alias.name for alias in node.names)}
            found = names & {*FORBIDDEN_CALLS, *FORBIDDEN_ENDS} | {
                name for name in names if name.split(".")[0] in FORBIDDEN_MODULES
            }
            yield from (f"from ... import {name}" for name in found)
            # Called by another name, the next rules would not see them.
            if node.module in ("numpy", "torch", "yaml", "os", "subprocess"):
                yield from (f"from {node.module} import {alias.name}" for alias in node.names if alias.name == "load")
        if not isinstance(node, ast.Call):
            continue
        name = name_of(node.func)
        given = {keyword.arg: keyword.value for keyword in node.keywords}
        constants = {key: value.value for key, value in given.items() if isinstance(value, ast.Constant)}
        if name in FORBIDDEN_CALLS or name.rpartition(".")[2] in FORBIDDEN_ENDS:
            yield name
        if name in ("np.load", "numpy.load") and constants.get("allow_pickle") is not False:
            yield f"{name} without allow_pickle=False"
        if name == "torch.load" and constants.get("weights_only") is not True:
            yield "torch.load without weights_only=True"
        if name in ("yaml.load", "yaml.load_all"):
            loader = given.get("Loader", node.args[1] if len(node.args) > 1 else None)
            if loader is None or name_of(loader).rpartition(".")[2] not in ALLOWED_LOADERS:
                yield f"{name} without a safe loader"
        if "shell" in given and constants.get("shell") is not False:
            yield f"{name} with a shell"
        if constants.get("trust_remote_code") or constants.get("allow_pickle"):
            yield f"{name} trusts what it reads"


@pytest.mark.parametrize("path", FILES, ids=[path.relative_to(PACKAGE).as_posix() for path in FILES])
def test_no_module_can_execute_what_a_file_holds(path):
    assert list(faults(ast.parse(path.read_bytes()))) == []


@pytest.mark.parametrize(
    "code",
    [
        "import pickle",
        "from pickle import loads",
        "import joblib",
        "np.load(path)",
        "numpy.load(path, allow_pickle=True)",
        "np.load(path, allow_pickle=flag)",
        "from numpy import load",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "from torch import load",
        "yaml.load(text)",
        "yaml.load(text, Loader=yaml.Loader)",
        "yaml.load(text, yaml.UnsafeLoader)",
        "yaml.unsafe_load(text)",
        "eval(text)",
        "exec(text)",
        "os.system(text)",
        "subprocess.run(text, shell=True)",
        "subprocess.run(text, shell=flag)",
        "pd.read_pickle(path)",
        "hydra.utils.get_method(name)",
    ],
)
def test_the_walk_sees(code):
    assert list(faults(ast.parse(code)))


@pytest.mark.parametrize(
    "code",
    [
        "np.load(path, mmap_mode='r', allow_pickle=False)",
        "torch.load(path, weights_only=True)",
        "yaml.load(text, Loader=yaml.SafeLoader)",
        "model.eval()",
        "re.compile(pattern)",
        "subprocess.run(['git', 'status'])",
        "load_file(path)",
    ],
)
def test_the_walk_passes(code):
    assert not list(faults(ast.parse(code)))


def test_the_package_was_walked():
    assert len(FILES) > 50
    loads = [path.name for path in FILES if "np.load(" in path.read_text()]
    assert "log_files.py" in loads
