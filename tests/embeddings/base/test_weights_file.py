"""A file of weights that is written part by part is that of safetensors."""

import torch
from safetensors.torch import save

from cadc.embeddings.base.row_blocks import ComputedRows
from cadc.embeddings.base.weights_file import size_of_file, write_weights
from cadc.embeddings.coding.file_header import TYPES


def test_every_type_is_written_as_safetensors_writes_it(tmp_path):
    numbers = torch.arange(6).view(2, 3)
    tensors = {f"{number}.{name}": numbers.to(dtype) for number, (dtype, name) in enumerate(TYPES.items())}
    tensors |= {"empty": torch.zeros(0, 4), "scalar": torch.tensor(1.5), "b": numbers.T, "a": numbers}
    write_weights(tensors, tmp_path / "model")
    assert (tmp_path / "model").read_bytes() == save({name: own.contiguous().clone() for name, own in tensors.items()})
    assert size_of_file(tensors) == (tmp_path / "model").stat().st_size


def test_rows_in_blocks_are_written_as_one_tensor(tmp_path):
    rows = torch.randn(100_000, 3)
    write_weights({"b": ComputedRows((100_000, 3), rows.__getitem__), "a": torch.ones(2)}, tmp_path / "model")
    assert (tmp_path / "model").read_bytes() == save({"a": torch.ones(2), "b": rows})
