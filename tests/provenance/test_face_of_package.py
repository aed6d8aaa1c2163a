"""The code behind a run is followed through the public names of a package, name by name."""

import pytest

from cadc.provenance.fingerprint import code_hash

FACE = (
    '"""Samplers."""\n'
    "from typing import TYPE_CHECKING\n"
    "from cadc.configuration.public_names import lazily\n"
    "if TYPE_CHECKING:\n"
    "{imports}"
    "else:\n"
    "    __getattr__, __dir__ = lazily(__name__)\n"
    "__all__ = {names!r}\n"
)


@pytest.fixture
def hash_of(plugin, forget_plugins):
    """Hash of a module that takes `First` from the face of its package, which offers these classes by file."""

    def hashed(classes, body="pass"):
        inside = plugin / "samplers"
        inside.mkdir(exist_ok=True)
        for file, name in classes.items():
            (inside / f"{file}.py").write_text(f"class {name}:\n    {body if name == 'First' else 'pass'}\n")
        imports = "".join(f"    from plugged.samplers.{file} import {name}\n" for file, name in classes.items())
        (inside / "__init__.py").write_text(FACE.format(imports=imports, names=sorted(classes.values())))
        (plugin / "user.py").write_text("from plugged.samplers import First\nVALUE = First\n")
        forget_plugins()
        return code_hash(["plugged.user"])

    return hashed


def test_a_class_added_beside_others_leaves_their_hash_alone(hash_of):
    assert hash_of({"first": "First"}) == hash_of({"first": "First", "second": "Second"})


def test_the_class_behind_a_public_name_counts(hash_of):
    assert hash_of({"first": "First"}) != hash_of({"first": "First"}, body="limit = 3")


def test_where_the_class_behind_a_public_name_lies_does_not_count(hash_of):
    assert hash_of({"first": "First"}) == hash_of({"moved": "First"})


def test_a_public_name_is_the_class_itself(hash_of):
    hash_of({"first": "First", "second": "Second"})
    from plugged.samplers import First
    from plugged.samplers.first import First as same

    assert First is same


@pytest.mark.parametrize(
    "statement", ["from cadc.sampling import Sampler", "from cadc.sampling.sampler import Sampler"]
)
def test_a_plug_in_depends_on_what_it_names_alone(plugin, forget_plugins, statement):
    (plugin / "own.py").write_text(f"{statement}\nclass Own(Sampler):\n    pass\n")
    (plugin / "bare.py").write_text("from cadc.sampling.sampler import Sampler\nclass Own(Sampler):\n    pass\n")
    forget_plugins()
    assert code_hash(["plugged.own"]) == code_hash(["plugged.bare"])
