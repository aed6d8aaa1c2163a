"""Scripts of others are those of the npm registry, with their licences, and can stand in a page."""

import hashlib
import json
import re

import pytest

from cadc.reporting.page.vendored import FOLDER, manifest

SCRIPTS = manifest()


def sha256(name):
    return hashlib.sha256((FOLDER / name).read_bytes()).hexdigest()


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_script_and_licence_are_the_ones_that_the_manifest_names(script):
    assert sha256(script.file) == script.sha256
    assert sha256(script.license_file) == script.license_sha256
    assert script.license == "BSD-3-Clause"
    assert re.fullmatch(r"\d+\.\d+\.\d+", script.version)


def test_nothing_lies_there_that_the_manifest_does_not_name():
    named = {name for script in SCRIPTS for name in (script.file, script.license_file)}
    assert {path.name for path in FOLDER.iterdir()} == named | {"manifest.json"}


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_a_script_element_can_hold_it_with_its_licence(script):
    assert not re.search(r"</script|<!--|<script", script.text, re.IGNORECASE)
    assert "Redistribution and use in source and binary forms" in script.text.partition("*/")[0]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_a_script_is_of_the_version_that_the_manifest_names(script):
    if script.name != "vega-embed":  # which builds its version into a property
        assert json.dumps(script.version) in (FOLDER / script.file).read_text()
