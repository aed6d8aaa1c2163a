"""`cadc ledger verify`: whichever byte of a run is flipped, it is noticed."""

import shutil

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from cadc.ledger import Ledger
from cadc.ledger.verify import verify
from tests.ledger.verifying import FILES
from tests.support.commands import folders


@pytest.fixture(scope="module")
def to_flip(real_once, session_cache, tmp_path_factory):
    """A run of the module's own whose bytes are flipped and put back."""
    place, ids = real_once
    copy = tmp_path_factory.mktemp("flip") / "runs"
    shutil.copytree(place / ids["enriched"], copy / ids["enriched"])
    with folders(session_cache, copy):
        yield Ledger(copy), ids["enriched"]


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(FILES), st.floats(0, 1, exclude_max=True), st.integers(1, 255))
@example("record.json", 0.00028, ord("\n") ^ ord("\r"))  # Python reads both as an end of line
@example("scores.parquet", 0.0, 255)
def test_whichever_byte_of_a_run_is_flipped_it_is_noticed(to_flip, name, place, mask):
    ledger, run_id = to_flip
    assert not verify(ledger, run_id).faults
    path = ledger.path(run_id) / name
    content = path.read_bytes()
    position = int(place * len(content))
    try:
        path.write_bytes(content[:position] + bytes([content[position] ^ mask]) + content[position + 1 :])
        assert verify(ledger, run_id).faults
    finally:
        path.write_bytes(content)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_whichever_byte_of_a_record_is_flipped_it_is_noticed(to_flip, data):
    ledger, run_id = to_flip
    path = ledger.path(run_id) / "record.json"
    content = path.read_bytes()
    position = data.draw(st.integers(0, len(content) - 1))
    other = data.draw(st.integers(0, 255).filter(lambda byte: byte != content[position]))
    try:
        path.write_bytes(content[:position] + bytes([other]) + content[position + 1 :])
        assert verify(ledger, run_id).faults
    finally:
        path.write_bytes(content)
