"""The factorisation machine: it ends where a general optimiser does, on every kind of field."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from cadc.data.prepare import prepare
from cadc.data.raw import Chunk, RawLog
from cadc.data.schema import Field, Schema
from cadc.data.sources.source import Source
from cadc.data.split.random import RandomSplit
from cadc.errors import DataError, UsageError
from cadc.evaluation.metrics.logloss import logloss
from cadc.factorization.factors import Factors
from cadc.factorization.fm import FactorizationMachine
from cadc.factorization.logistic import LogisticMF
from cadc.factorization.solvers.fm_fit import ContextRows, SideRows, update_context, update_linear
from cadc.factorization.solvers.fm_rows import incidence, read_rows
from tests.data.test_prepare import Rows as PlainRows
from tests.support.helpers import ListSource, small_synthetic_log


class ContextOnly(Source):
    """Rows of a site and a device, without users and items; label 1 where their numbers have the same parity."""

    name = "context"

    def fingerprint(self):
        return {}

    def edition(self, fingerprint):
        return "generated"

    def read(self):
        site, device = np.random.default_rng(0).integers(0, 6, (2, 2000))
        labels = ((site + device) % 2).astype(np.float32)
        schema = Schema((Field("site", "context"), Field("device", "context")), ("age",))
        dense = np.random.default_rng(1).random((2000, 1), dtype=np.float32)
        return RawLog(schema, {}, [Chunk(labels, {}, {"site": site.astype(str), "device": device.astype(str)}, dense)])


PENALTIES = {"l2": 2.0, "l2_side": 3.0, "l2_bias": 5.0}


def objective(factors, log, rows, linear):
    """Penalised loss of factors by autograd's own arithmetic, with one bias of all rows beside them."""
    logits = factors.logits(log, rows) + linear
    loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, log.labels(rows).double(), reduction="sum")
    for name in factors.fields:
        l2 = PENALTIES["l2"] if name in ("user", "item") else PENALTIES["l2_side"]
        loss = loss + l2 / 2 * factors.vectors[name].square().sum()
        loss = loss + PENALTIES["l2_bias"] / 2 * factors.biases[name].square().sum()
    return loss + PENALTIES["l2_bias"] / 2 * factors.dense.square().sum()


def machine_after(log, rows, n_passes, dim=3, **options):
    """State of a fit, without early stopping."""
    fm = FactorizationMachine(**(PENALTIES | {"variational": False, "relaxation": 1.0} | options))
    fields = list(log.schema.fields)
    kept = read_rows(log, rows, fields)
    machine = fm._start(log, kept, fields, dim)
    machine.penalise(fm.l2, fm.l2_side, fm.l2_bias)
    sides = [SideRows(kept, side, machine) for side in machine.sides]
    context = [ContextRows(kept, name, len(field.parameters)) for name, field in machine.context.items()]
    for _ in range(n_passes):
        for side in sides:
            side.update(machine, kept, fm.relaxation)
        update_context(machine, kept, context, fm.variational, fm.relaxation)
        update_linear(machine, kept, fm.l2_bias)
    states = {name: field for side in machine.sides.values() for name, field in side.fields.items()} | machine.context
    return machine, kept, states


def double_factors(states, machine, dim):
    """Factors in float64, whose gradients autograd can find."""
    return Factors(
        {name: state.parameters[:, :dim].double() for name, state in states.items()},
        {name: state.parameters[:, dim].double() for name, state in states.items()},
        machine.linear[:-1].double(),
    )


class DoubleLog:
    """A log whose dense columns are float64."""

    def __init__(self, log):
        self.log = log

    def __getattr__(self, name):
        return getattr(self.log, name)

    def gather(self, rows):
        batch = self.log.gather(rows)
        batch.dense = batch.dense.double()
        return batch


@pytest.mark.parametrize("n_rows", [6000])
def test_fit_ends_where_the_gradient_of_the_penalised_loss_is_zero(n_rows):
    log = small_synthetic_log(n_rows=n_rows)
    rows = log.rows("train")
    machine, _, states = machine_after(log, rows, 400)
    factors = double_factors(states, machine, 3)
    linear = machine.linear[-1].double()
    parts = [*factors.vectors.values(), *factors.biases.values(), factors.dense, linear]
    for part in parts:
        part.requires_grad_()
    objective(factors, DoubleLog(log), rows, linear).backward()
    gradients = [part.grad.clone() for part in parts]
    for gradient in gradients[: len(factors.fields)]:
        gradient[0] = 0  # the vector of *unknown* is held at zero
    assert max(float(gradient.abs().max()) for gradient in gradients) < 0.05


@pytest.mark.parametrize("relaxation", [1.0, 1.6])
def test_every_pass_lowers_the_penalised_loss(relaxation):
    log = small_synthetic_log()
    rows = log.rows("train")
    losses = []
    for n_passes in (1, 2, 3, 5, 8):
        machine, _, states = machine_after(log, rows, n_passes, relaxation=relaxation)
        losses.append(float(objective(double_factors(states, machine, 3), DoubleLog(log), rows, machine.linear[-1])))
    assert all(later < earlier + 0.05 for earlier, later in pairwise(losses)), losses


def test_state_under_way_scores_as_the_factors_do():
    log = small_synthetic_log()
    rows = log.rows("train")
    machine, kept, states = machine_after(log, rows, 3, relaxation=1.6)
    expected = double_factors(states, machine, 3).logits(DoubleLog(log), rows) + machine.linear[-1]
    torch.testing.assert_close(machine.logits(kept).double(), expected, atol=2e-4, rtol=1e-4)


def test_sums_of_entities_follow_their_fields():
    log = small_synthetic_log()
    machine, _, _ = machine_after(log, log.rows("train"), 4, relaxation=1.6, variational=True)
    fresh, _, _ = machine_after(log, log.rows("train"), 0)
    for name, side in machine.sides.items():
        again = type(side)(
            side.fields, {f: incidence(log, name, log.schema[f]) for f in side.fields}, log.n_entities(name), 3, True
        )
        torch.testing.assert_close(side.sums, again.sums, atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(side.own, again.own, atol=1e-4, rtol=1e-4)
        spread = sum(side.spreads(f) for f in side.fields)
        torch.testing.assert_close(side.spread[:-1], spread, atol=1e-4, rtol=1e-4)
    assert fresh.sides["user"].fields["user"].parameters.shape == machine.sides["user"].fields["user"].parameters.shape


def test_two_fields_alone_reach_the_logloss_of_matrix_factorisation():
    log = small_synthetic_log(n_rows=20_000)
    rows, held_out = log.rows("train"), log.rows("validation")
    options = {"l2": 4.0, "tolerance": 1e-4}
    fm, _ = FactorizationMachine(fields=("user", "item"), **options).fit(log, rows, 4)
    mf, _ = LogisticMF(**options).fit(log, rows, 4)
    label = log.labels(held_out).numpy()
    losses = [logloss(label, part.logits(log, held_out).double().sigmoid().numpy()) for part in (fm, mf)]
    without_dense = losses[0] - losses[1]
    assert fm.fields == ("user", "item")
    assert without_dense < 0.005


def test_side_features_help_where_users_have_few_rows():
    log = small_synthetic_log(n_rows=6000, n_users=600, n_items=80, side_share=0.8)
    rows, test = log.rows("train"), log.rows("test")
    label = log.labels(test).numpy()

    def loss(fitted):
        return logloss(label, fitted.fit(log, rows, 4)[0].logits(log, test).double().sigmoid().numpy())

    assert loss(FactorizationMachine()) < loss(LogisticMF()) - 0.003


def test_log_without_user_and_item_is_factorised_by_its_context():
    log = prepare(ContextOnly(), RandomSplit())
    options = {"tolerance": 1e-4, "l2": 1.0, "l2_side": 1.0, "l2_bias": 1.0}
    factors, _ = FactorizationMachine(**options).fit(log, log.rows("train"), 2)
    assert factors.fields == ("site", "device")
    logits = factors.logits(log, log.rows("test"))
    # The label says whether site and device agree, which no sum of biases can say.
    assert ((logits > 0) == (log.labels(log.rows("test")) > 0)).float().mean() > 0.9


def test_log_without_fields_is_a_data_error():
    log = prepare(PlainRows(40), RandomSplit())
    with pytest.raises(DataError, match="no single-valued field"):
        FactorizationMachine().fit(log, log.rows("train"), 2)


def test_all_users_of_one_value_are_no_trouble():
    rng = np.random.default_rng(0)
    pairs = rng.integers(0, (6, 5), (900, 2)).tolist()
    rows = [(user, item, int((user + item) % 2), 3) for user, item in pairs]
    log = prepare(ListSource(rows, ["F"] * 6, [[], ["a"], ["a", "b"], ["b"], []]), RandomSplit())
    factors, _ = FactorizationMachine(l2=0.5, l2_bias=0.5).fit(log, log.rows("train"), 3)
    assert factors.logits(log, log.rows("test")).isfinite().all()
    for name in factors.fields:
        assert not factors.vectors[name][0].any()


def test_same_seed_same_factors():
    log = small_synthetic_log()
    one, two, other = (FactorizationMachine(seed=s, max_epochs=2).fit(log, log.rows("train"), 3)[0] for s in (0, 0, 1))
    assert torch.equal(one.vectors["tags"], two.vectors["tags"])
    assert torch.equal(one.biases["hour"], two.biases["hour"])
    assert not torch.equal(one.vectors["tags"], other.vectors["tags"])


def test_dim_zero_leaves_biases_alone():
    log = small_synthetic_log()
    factors, _ = FactorizationMachine().fit(log, log.rows("train"), 0)
    assert factors.dim == 0
    assert factors.logits(log, log.rows("test")).std() > 0.1


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"relaxation": 2.5}, r"factorization\.relaxation is 2\.5"),
        ({"l2_side": -1.0}, r"factorization\.l2_side is -1"),
        ({"fields": ()}, r"factorization\.fields is empty"),
        ({"max_epochs": 0}, r"factorization\.max_epochs is 0"),
    ],
)
def test_option_out_of_range_is_a_usage_error(options, says):
    with pytest.raises(UsageError, match=says):
        FactorizationMachine(**options)


def test_field_that_is_not_there_or_bags_alone_are_data_errors():
    log = small_synthetic_log()
    with pytest.raises(DataError, match="no field 'colour'"):
        FactorizationMachine(fields=("user", "colour")).fit(log, log.rows("train"), 2)
    with pytest.raises(DataError, match="no single-valued field"):
        FactorizationMachine(fields=("tags",)).fit(log, log.rows("train"), 2)


def test_few_entities_at_a_time_give_the_same_steps(monkeypatch):
    log = small_synthetic_log()
    _, _, whole = machine_after(log, log.rows("train"), 3, relaxation=1.6, variational=True)
    monkeypatch.setattr("cadc.factorization.solvers.fm_state.PIECE", 7)
    _, _, parts = machine_after(log, log.rows("train"), 3, relaxation=1.6, variational=True)
    for name, field in whole.items():
        torch.testing.assert_close(parts[name].parameters, field.parameters, atol=1e-3, rtol=1e-3)
