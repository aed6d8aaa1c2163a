"""A stream up to some segment: all that the next one starts from, on disk between two of them."""

import json
from io import BytesIO
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor

from cadc.data.schema import ENTITY_FIELDS, EntitySide
from cadc.errors import DamagedCheckpoint
from cadc.factorization.factors import Factors
from cadc.factorization.warm_start import WarmStart
from cadc.streams.policy import Policy, Sizes
from cadc.streams.reservoir import Reservoir


class StreamProgress:
    """What a stream has come to.

    Parameters
    ----------
    policy : gives the sizes.
    reservoir : rows that may be replayed.

    Attributes
    ----------
    segments : what the record says of each that was judged.
    tables : scores or ranks of the held-out rows of each.
    weights : of the last model, by name; None before the first.
    counts : training rows of each id so far, by side, *unknown* first.
    sizes : of the rows of the last model, by side; None before the first.
    start : numbers that its tables would have started from without an earlier model, by name, see `sized_weights`.
    factors : of the last segment, for the next one to go on from; None where none does.
    """

    def __init__(self, policy: Policy, reservoir: Reservoir) -> None:
        self.policy, self.reservoir = policy, reservoir
        self.segments: list[dict[str, Any]] = []
        self.tables: list[pd.DataFrame] = []
        self.weights: dict[str, Tensor] | None = None
        self.counts: dict[EntitySide, Tensor] = {side: torch.zeros(1, dtype=torch.int64) for side in ENTITY_FIELDS}
        self.sizes: Sizes | None = None
        self.start: dict[str, Tensor] = {}
        self.factors: WarmStart | None = None

    def history(self) -> list[dict[str, float]]:
        """Return a row for each segment that was judged, as those of a fit's epochs."""
        return [{"epoch": place + 1, **own["metrics"]} for place, own in enumerate(self.segments)]

    def save(self, path: Path) -> None:
        """Write everything into a file."""
        facts: dict[str, Any] = {"segments": self.segments}
        tensors = {f"model/{name}": value.contiguous() for name, value in (self.weights or {}).items()}
        tensors |= {f"counts/{side}": value for side, value in self.counts.items()}
        tensors |= {f"sizes/{side}": value for side, value in (self.sizes or {}).items()}
        # A policy may know one tensor by two names, which a file may not.
        tensors |= {f"policy/{name}": value.clone() for name, value in self.policy.state().items()}
        tensors |= {"reservoir/rows": torch.from_numpy(self.reservoir.rows)}
        tensors |= {"reservoir/draws": torch.from_numpy(self.reservoir.draws)}
        tensors |= {f"start/{name}": value for name, value in self.start.items()}
        if self.factors is not None:
            tensors |= {f"vectors/{name}": value for name, value in self.factors.factors.vectors.items()}
            tensors |= {f"biases/{name}": value for name, value in self.factors.factors.biases.items()}
            facts["factors"] = {"kind": self.factors.factors.kind, "penalties": dict(self.factors.penalties)}
        if self.tables:
            file = BytesIO()
            pd.concat(self.tables).to_parquet(file, index=False)
            tensors["tables"] = torch.frombuffer(bytearray(file.getvalue()), dtype=torch.uint8)
        path.write_bytes(save(tensors, {"facts": json.dumps(facts)}))

    def load(self, path: Path) -> None:
        """Take everything from a file that `save` wrote.

        Raises
        ------
        DamagedCheckpoint : if it cannot be read.
        """
        try:
            with safe_open(path, "pt") as file:
                facts = json.loads(file.metadata()["facts"])
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            self.segments = facts["segments"]
            if "tables" in tensors:
                self.tables = [pd.read_parquet(BytesIO(tensors["tables"].numpy().tobytes()))]
            self.weights = _below("model/", tensors) or None
            self.counts = {side: tensors[f"counts/{side}"] for side in self.counts}
            if self.weights:
                self.sizes = {side: tensors[f"sizes/{side}"] for side in self.counts}
            self.policy.resume(_below("policy/", tensors))
            self.reservoir.rows, self.reservoir.draws = (
                tensors[f"reservoir/{name}"].numpy() for name in ("rows", "draws")
            )
            self.start = _below("start/", tensors)
            if "factors" in facts:
                own = facts["factors"]
                factors = Factors(_below("vectors/", tensors), _below("biases/", tensors), kind=own["kind"])
                self.factors = WarmStart(factors, own["penalties"])
        except Exception as error:  # safetensors and Arrow raise many kinds of errors
            raise DamagedCheckpoint(f"the checkpoint {path} is damaged; delete it to start this run anew.") from error


def _below(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
