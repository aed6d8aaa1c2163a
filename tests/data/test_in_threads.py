"""Preparation gives the same log whatever number of threads it may use, and however small the cuts of a file are."""

import pytest
import torch

from cadc.data.files import separated
from cadc.data.in_threads import in_threads
from cadc.data.prepare import prepare
from cadc.data.sources.criteo import Criteo
from cadc.data.split.random import RandomSplit
from cadc.errors import DataError
from tests.data.small_sources import write_criteo


@pytest.fixture
def three_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


def test_results_are_in_the_order_of_the_items(three_threads):
    assert in_threads(lambda number: number**2, range(50)) == [number**2 for number in range(50)]


def test_the_error_of_the_first_wrong_item_is_raised(three_threads):
    def refuse(number):
        if number >= 7:
            raise DataError(f"wrong {number}")

    with pytest.raises(DataError, match="wrong 7"):
        in_threads(refuse, range(50))


def test_a_log_is_the_same_of_one_thread_and_of_several_with_small_cuts(tmp_path, monkeypatch, three_threads):
    write_criteo(tmp_path / "criteo", 1000)
    monkeypatch.setenv("CADC_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("CADC_CACHE", str(tmp_path / "several"))
    monkeypatch.setattr(separated, "CUT_BYTES", 300)
    several = prepare(Criteo(min_count=3), RandomSplit())
    torch.set_num_threads(1)
    monkeypatch.setattr(separated, "CUT_BYTES", 2 << 20)
    monkeypatch.setenv("CADC_CACHE", str(tmp_path / "one"))
    one = prepare(Criteo(min_count=3), RandomSplit())
    assert several.folder != one.folder
    assert several.content_hash == one.content_hash
