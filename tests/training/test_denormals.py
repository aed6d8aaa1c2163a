"""A fit ends without denormal numbers, on which some processors compute 30 times slower."""

import torch
from torch import nn

from cadc.models.model import Model
from cadc.training.fit import Fit
from tests.support.denormals import denormals
from tests.support.helpers import small_synthetic_log


class HalfDead(Model):
    """A network of which a half is never active."""

    def __init__(self, schema):
        super().__init__()
        generator = torch.Generator().manual_seed(5)
        n_users = schema["user"].vocabulary_size
        self.table = nn.Parameter(0.1 * torch.randn(n_users, 4, generator=generator))
        self.first, self.last = nn.Linear(4, 8), nn.Linear(8, 1)
        with torch.no_grad():
            for layer in (self.first, self.last):
                layer.weight.normal_(generator=generator)
                layer.bias.zero_()
            self.first.bias[:4] = -100

    def forward(self, batch):
        return self.last(self.first(self.table[batch.ids[:, 0]]).relu()).squeeze(1)


def test_a_fit_with_units_that_are_never_active_ends_without_denormal_numbers(tmp_path):
    log = small_synthetic_log(n_rows=2000)
    model = HalfDead(log.schema)
    fitting = Fit(batch_size=8, max_epochs=8, patience=8)
    fitting(model, log, log.rows("train"), torch.Generator().manual_seed(3), checkpoints=tmp_path)
    (path,) = tmp_path.glob("*.ckpt")
    saved = torch.load(path, weights_only=True)
    moments = [state[name] for state in saved["optimizer"]["weights"] for name in ("exp_avg", "exp_avg_sq")]
    assert saved["optimizer"]["n_steps"] == 1600
    assert sum(denormals(values) for values in (*saved["weights"].values(), *moments)) == 0
    assert (saved["weights"]["first.weight"][:4] == 0).float().mean() > 0.2
    assert saved["weights"]["first.weight"][4:].all()
