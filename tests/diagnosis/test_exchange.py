"""Two processes really exchange numbers; one that does not answer, or dies, is noticed."""

import time

from cadc.diagnosis.exchange import check_exchange
from cadc.distributed.ranks import Ranks


def test_two_processes_exchange_numbers():
    found = check_exchange()
    assert found.state == "ok", found
    assert "MB/s" in found.text


def test_process_that_does_not_answer_is_given_up():
    started = time.monotonic()
    found = check_exchange(limit=0.5, module="tests.diagnosis.programs.silent")
    assert (found.state, "within 0.5 s" in found.text) == ("wrong", True), found
    assert time.monotonic() - started < 10
    assert "GLOO_SOCKET_IFNAME" in found.advice


def test_process_that_dies_is_named_with_its_last_words():
    found = check_exchange(module="tests.diagnosis.programs.failing")
    assert found.state == "wrong"
    assert "no such network" in found.text


def test_wrong_numbers_are_noticed(monkeypatch):
    # The sum of the first rank is off by one; the other rank's is as it should be.
    right = Ranks.sum_
    monkeypatch.setattr(Ranks, "sum_", lambda ranks, values: right(ranks, values).add_(1))
    found = check_exchange()
    assert (found.state, "other numbers" in found.text) == ("wrong", True), found
