"""Tables that are trained in floats and stored in 8, 4 or 2 bits."""

import numpy as np
import pytest
import torch

from cadc.data.schema import Field
from cadc.embeddings.base.scheme import TableSpec
from cadc.embeddings.base.table_file import file_bytes
from cadc.embeddings.schemes.quantised import Quantised, QuantisedTable
from cadc.errors import UsageError

FIELDS = (Field("user", "user", 300), Field("item", "item", 200))
N, DIM = 500, 16


def numbers(n=N, dim=DIM, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, dim, generator=generator) * (0.01 + torch.rand(n, 1, generator=generator))


def started(bits, scale, target=None, weight=None):
    table = QuantisedTable(FIELDS, DIM, bits, scale)
    target = numbers() if target is None else target
    table.initialise_from(target.split([300, 200]), weight.split([300, 200]) if weight is not None else None)
    return table.eval()


@pytest.mark.parametrize("scale", ["row", "table"])
@pytest.mark.parametrize("bits", [8, 4, 2])
def test_every_number_is_looked_up_as_the_nearest_level_of_its_step(bits, scale):
    target = numbers()
    table = started(bits, scale, target)
    step = table.serving()["step"].float().numpy().reshape(-1, 1)
    levels = (np.arange(2**bits) - (2**bits - 1) / 2).astype(np.float32)
    expected = np.empty((N, DIM), dtype=np.float32)
    for row in range(N):
        own = levels * step[row if scale == "row" else 0]
        for column in range(DIM):
            expected[row, column] = own[np.abs(own - float(target[row, column])).argmin()]
    np.testing.assert_allclose(table.reconstruct().numpy(), expected, rtol=1e-5, atol=1e-7)
    squared = ((expected - target.numpy()) ** 2).mean()
    psnr = 10 * np.log10(float(target.max() - target.min()) ** 2 / squared)
    assert table.psnr == pytest.approx(psnr, abs=1e-3), "of what is served, not of what is trained"


def test_more_bits_and_steps_of_rows_come_closer():
    errors = {
        (bits, scale): float((started(bits, scale).reconstruct() - numbers()).square().sum())
        for bits in (8, 4, 2)
        for scale in ("row", "table")
    }
    assert errors[8, "row"] < errors[8, "table"] < errors[4, "row"] < errors[4, "table"] < errors[2, "row"]
    # A uniform quantiser of 4 levels loses 11.9 % of a normal variance (Max 1960), and less when fitted to 16 numbers.
    assert errors[2, "row"] < 0.119 * float(numbers().square().sum())


def test_rows_of_zeros_stay_zeros_where_rows_have_steps_of_their_own():
    target = numbers()
    target[7] = 0
    assert not started(2, "row", target).reconstruct()[7].any()


def test_frequent_rows_decide_on_a_step_that_all_share():
    target, weight = numbers(), torch.ones(N)
    weight[:5] = 1e6
    errors = [(started(2, "table", target, own).reconstruct() - target)[:5].square().sum() for own in (None, weight)]
    assert errors[1] < errors[0]


def test_training_sees_floats_and_every_evaluation_what_is_stored_by_then():
    table = started(4, "row")
    optimizer = torch.optim.Adam(table.parameters(), lr=0.1, fused=True)
    rows = torch.arange(N)
    seen = []
    for _ in range(3):
        table.train()
        assert torch.equal(table.vectors(rows), table.weight)
        table.vectors(rows).square().sum().backward()
        optimizer.step()
        table.eval()
        seen.append(table.vectors(rows))
        fresh = QuantisedTable(FIELDS, DIM, 4, "row")
        fresh.load_state_dict(table.state_dict())
        assert torch.equal(fresh.eval().vectors(rows), seen[-1])
    assert not torch.equal(seen[0], seen[1]) and not torch.equal(seen[1], seen[2])
    with torch.no_grad():  # without any switch
        table.weight.mul_(2)
    torch.testing.assert_close(table.vectors(rows), 2 * seen[-1])
    table.load_state_dict({name: value / 2 for name, value in table.state_dict().items()})
    assert torch.equal(table.vectors(rows), seen[-1])


def test_codes_are_packed_once_for_each_evaluation(monkeypatch):
    table, times = started(8, "row").train(), []
    pack = QuantisedTable.pack
    monkeypatch.setattr(QuantisedTable, "pack", lambda self: times.append(1) or pack(self))
    table.eval()
    with torch.inference_mode():
        table.vectors(torch.arange(5))
    for _ in range(3):
        table.vectors(torch.arange(5))
    file_bytes(table)
    assert len(times) == 1


def test_a_loaded_table_holds_integers_only_and_is_not_trained():
    table = QuantisedTable(FIELDS, DIM, 4, "row")
    table.load_serving(started(4, "row").serving())
    assert not list(table.parameters())
    with pytest.raises(RuntimeError, match="loaded to serve"):
        table.vectors(torch.arange(3))
    assert torch.equal(table.eval().reconstruct(), started(4, "row").reconstruct())


def bytes_of(bits, scale):
    return len(file_bytes(QuantisedTable(FIELDS, DIM, bits, scale)))


@pytest.mark.parametrize(
    ("bits", "scale"), [(8, "row"), (8, "table"), (4, "row"), (4, "table"), (2, "row"), (2, "table")]
)
def test_a_budget_is_met_by_the_most_bits_then_by_steps_of_rows(bits, scale):
    exactly = bytes_of(bits, scale)
    assert N * DIM * bits // 8 + (2 * N if scale == "row" else 4) < exactly < N * DIM * bits // 8 + 2 * N + 600
    table = Quantised().table(TableSpec(FIELDS, exactly))
    assert (table.bits, table.scale) == (bits, scale)
    with pytest.raises(UsageError, match=f"{exactly} already"):
        Quantised(bits=bits, scale=scale).table(TableSpec(FIELDS, exactly - 1))


def test_bits_that_are_asked_for_are_kept_or_refused():
    spec = TableSpec(FIELDS, 2 * N * DIM)
    assert Quantised(bits=4).table(spec).bits == 4
    assert Quantised(scale="table").table(spec).scale == "table"
    for options, least in (({}, bytes_of(2, "table")), ({"bits": 8, "scale": "row"}, bytes_of(8, "row"))):
        with pytest.raises(UsageError, match=rf"budget is 900 bytes, and \d bits a number take {least} already"):
            Quantised(**options).table(TableSpec(FIELDS, 900))
