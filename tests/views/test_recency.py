"""Recency: residuals of the rows before, as a loop finds them, and never of later rows."""

from math import log as ln

import pytest
import torch

from cadc.errors import UsageError
from cadc.testing.logs import made_up_factors, small_log
from cadc.views.evidence import Evidence
from cadc.views.recency import RecencyView
from cadc.views.views import FittedPart, Views


def evidence_of(log):
    return Evidence(log, log.rows("train")[::3], lambda own: (made_up_factors(own.schema), {}))


def module_of(view, evidence):
    return Views({"r": view}, [FittedPart({"r": view.fit(evidence)}, None)], evidence.log.schema)


def test_numbers_equal_a_loop_over_the_rows():
    log = small_log()
    evidence = evidence_of(log)
    views = module_of(RecencyView(windows=(2, 5), shrinkage=1.5), evidence)
    assert views.columns == ("r.last_2", "r.last_5", "r.past", "r.count")
    residuals = (evidence.labels - evidence.base.sigmoid()).tolist()
    read = list(zip(evidence.users.tolist(), evidence.times.tolist(), residuals, strict=True))
    rows = log.rows("test")[:40]
    found = views(log.gather(rows, with_times=True)).tolist()
    asked = zip(found, log.field_ids("user", rows).tolist(), log.times(rows).tolist(), strict=True)
    for row, user, time in asked:
        before = [e for _, e in sorted((at, e) for own, at, e in read if own == user and at < time)]
        means = [sum(own) / (len(own) + 1.5) for own in (before[-2:], before[-5:], before)]
        assert row == pytest.approx([*means, ln(1 + len(before))], abs=1e-4)


def test_rows_of_the_same_time_and_later_ones_say_nothing():
    log = small_log()
    evidence = evidence_of(log)
    views = module_of(RecencyView(), evidence)
    batch = log.gather(evidence.rows, with_times=True)
    first = torch.full((evidence.n_users,), torch.iinfo(torch.int64).max)
    first.scatter_reduce_(0, evidence.users, evidence.times, "amin")
    at_first = evidence.times == first[evidence.users]
    assert at_first.any() and not at_first.all()
    assert not views(batch)[at_first].any()
    assert views(batch)[~at_first].any(1).all()


def test_rows_without_times_are_refused():
    log = small_log()
    with pytest.raises(UsageError, match="reads the time of each row"):
        module_of(RecencyView(), evidence_of(log))(log.gather(log.rows("test")))


@pytest.mark.parametrize("wrong", [{"windows": (0,)}, {"shrinkage": -1.0}])
def test_impossible_options_are_refused(wrong):
    with pytest.raises(UsageError, match=rf"views\.recency\.{next(iter(wrong))}"):
        RecencyView(**wrong)
