"""How the CPU computes in a block: threads, and denormal numbers."""

import pytest
import torch

from cadc.provenance.threads import share_flushed, threads

N = 1 << 17


def share_of_zeros():
    """Share of the products of denormal numbers and 1 that are 0, over as many as two threads share."""
    tiniest = torch.ones(N, dtype=torch.int32).view(torch.float32)
    return float(((tiniest * 1.0).view(torch.int32) == 0).double().mean())


@pytest.mark.parametrize("number", [1, 2])
def test_all_threads_take_denormal_numbers_for_zero_also_those_that_ran_before(number):
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        assert share_of_zeros() == 0
        with threads(number):
            assert torch.get_num_threads() == number
            assert share_of_zeros() == share_flushed() == 1
            with threads(1):
                assert share_flushed() == 1
            assert share_of_zeros() == 1
        assert share_of_zeros() == share_flushed() == 0
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("before, number", [(1, 2), (2, 1), (2, 2)])
def test_threads_that_computed_in_the_block_compute_as_before_when_they_are_wanted_again(before, number):
    at_first = torch.get_num_threads()
    torch.set_num_threads(before)
    try:
        with threads(number):
            assert share_of_zeros() == 1
        assert torch.get_num_threads() == before
        torch.set_num_threads(2)
        assert share_of_zeros() == 0
    finally:
        torch.set_num_threads(at_first)


def test_an_error_leaves_all_as_it_was():
    before = torch.get_num_threads()
    with pytest.raises(ZeroDivisionError), threads(2):
        _ = 1 / 0
    assert torch.get_num_threads() == before
    assert share_flushed() == 0


def test_a_flag_that_the_caller_set_after_the_threads_ran_is_kept():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        assert share_of_zeros() == 0
        torch.set_flush_denormal(True)  # which the other thread does not notice
        with threads(1):
            pass
        assert float((torch.ones(4, dtype=torch.int32).view(torch.float32) * 1.0).view(torch.int32).sum()) == 0
    finally:
        torch.set_flush_denormal(False)
        with threads(2):
            pass
        assert share_of_zeros() == 0
        torch.set_num_threads(before)
