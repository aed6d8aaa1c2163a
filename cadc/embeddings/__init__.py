"""Embedding tables in few bytes: schemes of storing them, and initialisers that say what they start from.

A scheme makes a table for some fields and a budget in bytes; a table looks ids up and is written to a file, which gives
the same vectors, bit by bit.

>>> import torch
>>> from cadc.data import Field
>>> from cadc.embeddings import Hashing, TableSpec
>>> table = Hashing(dim=8, budget=4000).table(TableSpec([Field("item", "item", 1000)], budget=4000))
>>> table(torch.tensor([[7], [8]])).shape
torch.Size([2, 1, 8])
"""

from typing import TYPE_CHECKING

from cadc.configuration.public_names import lazily

if TYPE_CHECKING:
    from cadc.embeddings.base.scheme import Compressed, Scheme, TableSpec
    from cadc.embeddings.base.statistics import Statistics
    from cadc.embeddings.base.table import EmbeddingTable
    from cadc.embeddings.base.table_file import read_table, write_table
    from cadc.embeddings.collection import EmbeddingCollection
    from cadc.embeddings.initialization import InitialValues, initial_values
    from cadc.embeddings.initializers.content import ContentInitializer
    from cadc.embeddings.initializers.enriched import EnrichedInitializer
    from cadc.embeddings.initializers.initializer import Initializer
    from cadc.embeddings.initializers.mf import MFInitializer
    from cadc.embeddings.initializers.mf_bias import MFBiasInitializer
    from cadc.embeddings.initializers.random import RandomInitializer
    from cadc.embeddings.initializers.table import TableInitializer
    from cadc.embeddings.measured import measure_tables
    from cadc.embeddings.schemes.binary_code import BinaryCode
    from cadc.embeddings.schemes.dhe import DeepHash
    from cadc.embeddings.schemes.double_hashing import DoubleHashing
    from cadc.embeddings.schemes.ensemble_inr import EnsembleINR
    from cadc.embeddings.schemes.full import Full
    from cadc.embeddings.schemes.hash_code import HashCode
    from cadc.embeddings.schemes.hashing import Hashing
    from cadc.embeddings.schemes.lma import Lma
    from cadc.embeddings.schemes.mixed_dimension import MixedDimension
    from cadc.embeddings.schemes.mixed_precision import MixedPrecision
    from cadc.embeddings.schemes.pep import Pep
    from cadc.embeddings.schemes.qr import QuotientRemainder
    from cadc.embeddings.schemes.quantised import Quantised
    from cadc.embeddings.schemes.robe import Robe
    from cadc.embeddings.schemes.row_dimension import RowDimension
    from cadc.embeddings.schemes.tensor_train import TensorTrain
    from cadc.embeddings.vectors import KeyedVectors, read_vectors
else:
    __getattr__, __dir__ = lazily(__name__)

__all__ = [
    "BinaryCode",
    "Compressed",
    "ContentInitializer",
    "DeepHash",
    "DoubleHashing",
    "EmbeddingCollection",
    "EmbeddingTable",
    "EnrichedInitializer",
    "EnsembleINR",
    "Full",
    "HashCode",
    "Hashing",
    "InitialValues",
    "Initializer",
    "KeyedVectors",
    "Lma",
    "MFBiasInitializer",
    "MFInitializer",
    "MixedDimension",
    "MixedPrecision",
    "Pep",
    "Quantised",
    "QuotientRemainder",
    "RandomInitializer",
    "Robe",
    "RowDimension",
    "Scheme",
    "Statistics",
    "TableInitializer",
    "TableSpec",
    "TensorTrain",
    "initial_values",
    "measure_tables",
    "read_table",
    "read_vectors",
    "write_table",
]
