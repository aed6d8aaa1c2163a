"""Versions are compared with what cadc needs, and with the lock file of the source tree."""

from importlib.metadata import PackageNotFoundError

import pytest

from cadc.diagnosis.versions import check_versions, differences

PROJECT = """
[project]
dependencies = ["numpy>=2.0", "torch>=2.11", "winonly>=1; sys_platform == 'win32'"]
"""
LOCK = "numpy==2.4.6\ntorch==2.13.0\npytest==9.1.1\n"


@pytest.fixture
def tree(tmp_path):
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    (tmp_path / "requirements.lock").write_text(LOCK)
    return tmp_path


def versions(**found):
    def installed(name):
        if name not in found:
            raise PackageNotFoundError(name)
        return found[name]

    return installed


def states(tree, **found):
    return {finding.topic: finding for finding in check_versions(tree, versions(**found))}


def test_versions_of_the_lock_are_in_order_whatever_the_build(tree):
    found = states(tree, numpy="2.4.6", torch="2.13.0+cpu")
    assert [finding.state for finding in found.values()] == ["ok", "ok"]
    assert found["packages"].text.startswith("the 2 packages")


def test_missing_and_old_packages_are_wrong_and_the_advice_installs_them(tree):
    found = states(tree, torch="2.4.1")["packages"]
    assert found.state == "wrong"
    assert "numpy is missing" in found.text and "torch is 2.4.1, torch>=2.11 is needed" in found.text
    assert found.advice == "pip install 'numpy>=2.0' 'torch>=2.11'"


def test_other_versions_than_the_lock_are_a_note_that_names_what_computes_first(tree):
    found = states(tree, numpy="2.5.0", torch="2.13.0", pytest="8.0")["versions"]
    assert found.state == "note"
    assert "2 packages of 3" in found.text and "numpy 2.5.0 (2.4.6), pytest 8.0 (9.1.1)" in found.text


def test_many_differences_are_counted(tree):
    (tree / "requirements.lock").write_text("".join(f"made-up-{i}==1.0\n" for i in range(9)))
    installed = versions(numpy="2.4.6", torch="2.13.0", **{f"made-up-{i}": "2.0" for i in range(9)})
    (_, found) = check_versions(tree, installed)
    assert "9 packages of 9" in found.text and "and 4 more" in found.text


def test_a_wheel_has_no_lock(tree):
    (tree / "requirements.lock").unlink()
    assert states(tree, numpy="2.4.6", torch="2.13.0")["versions"].state == "ok"


def test_texts_that_are_no_versions_are_compared_as_texts():
    assert differences({"odd": "of today"}, versions(odd="of today")) == []
    assert differences({"odd": "of today"}, versions(odd="of yesterday")) == [("odd", "of yesterday", "of today")]
