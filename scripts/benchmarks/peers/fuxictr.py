"""FuxiCTR: DLRM composed of its layers, trained by its own step."""

from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from benchmarks.endless import endless
from benchmarks.peers.installed import missing

if TYPE_CHECKING:
    from benchmarks.plain_dlrm import PlainRows
    from cadc.data.log import InteractionLog

NAME = "FuxiCTR"


def step_of(log: "InteractionLog", rows: "PlainRows", batch_size: int, dim: int) -> Callable[[], None] | str:
    """Return a function that takes the next training step, or why there is none."""
    if why := missing("fuxictr"):
        return why
    try:
        model = _model(log, rows, dim)
    except Exception as error:  # it depends on versions of others, and need not run here
        return f"does not run here: {type(error).__name__}: {error}"
    parts = endless(lambda: rows.shuffled(batch_size), batch_size)

    def step() -> None:
        model.train_step(_batch(log, rows, next(parts)))

    return step


def _model(log: "InteractionLog", rows: "PlainRows", dim: int) -> Any:
    from fuxictr.features import FeatureMap
    from fuxictr.pytorch.layers import FeatureEmbedding, InnerProductInteraction, MLP_Block
    from fuxictr.pytorch.models import BaseModel

    schema = log.schema
    features = FeatureMap("bench", "")
    features.labels = ["label"]
    features.features = OrderedDict(
        (field.name, {"source": "", "type": "categorical", "vocab_size": field.vocabulary_size})
        for field in schema.single
    )
    for field, (padded, _) in zip(schema.bags, rows.bags, strict=True):
        features.features[field.name] = {
            "source": "",
            "type": "sequence",
            "vocab_size": field.vocabulary_size,
            "padding_idx": 0,
            "max_len": padded.shape[1],
            "feature_encoder": "layers.MaskedAveragePooling()",
        }
    n_vectors, n_dense = len(features.features) + bool(schema.dense), len(schema.dense)

    class DLRM(BaseModel):
        def __init__(self) -> None:
            super().__init__(features, verbose=0, model_root="", metrics=["AUC"])
            self.embedding_layer = FeatureEmbedding(features, dim)
            of_mlp = {"hidden_activations": "ReLU", "output_activation": None}
            if n_dense:
                units = {"output_dim": None, "hidden_units": [64, dim]}
                self.bottom = MLP_Block(input_dim=n_dense, hidden_activations="ReLU", **units)
            self.interaction = InnerProductInteraction(n_vectors, output="inner_product")
            width = self.interaction.interaction_units + dim * bool(n_dense)
            self.top = MLP_Block(input_dim=width, output_dim=1, hidden_units=[128, 64], **of_mlp)
            self.compile("adam", "binary_crossentropy", 1e-3)
            self.reset_parameters()
            self._max_gradient_norm = 10.0

        def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
            dense = inputs.pop("dense")
            vectors = self.embedding_layer(self.get_inputs(inputs))
            if not n_dense:
                found = self.interaction(vectors)
            else:
                of_dense = self.bottom(dense)
                found = self.interaction(torch.cat([vectors, of_dense.unsqueeze(1)], 1))
                found = torch.cat([of_dense, found], 1)
            return {"y_pred": self.output_activation(self.top(found))}

    return DLRM()


def _batch(log: "InteractionLog", rows: "PlainRows", part: Tensor) -> dict[str, Tensor]:
    batch = {field.name: rows.ids[part, place] for place, field in enumerate(log.schema.single)}
    for field, (padded, _) in zip(log.schema.bags, rows.bags, strict=True):
        batch[field.name] = padded[part]
    return {**batch, "dense": rows.dense[part], "label": rows.label[part]}
