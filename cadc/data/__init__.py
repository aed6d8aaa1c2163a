"""Logs of interactions: raw files → split → prepared `InteractionLog` → batches.

`cadc.data.prepare.prepare` makes a log from a source (`cadc.data.sources`) and a split (`cadc.data.split`). A source of
your own returns a `RawLog`, whose rows come in `Chunk`s.
"""

from typing import TYPE_CHECKING

from cadc.configuration.public_names import lazily

if TYPE_CHECKING:
    from cadc.data.batch import Bag, Batch
    from cadc.data.batches import BatchLoader
    from cadc.data.log import InteractionLog
    from cadc.data.raw import Chunk, EntityTable, RaggedValues, RawLog
    from cadc.data.schema import Field, Schema
    from cadc.data.sources.source import Source
    from cadc.data.split.split import Split
else:
    __getattr__, __dir__ = lazily(__name__)

__all__ = [
    "Bag",
    "Batch",
    "BatchLoader",
    "Chunk",
    "EntityTable",
    "Field",
    "InteractionLog",
    "RaggedValues",
    "RawLog",
    "Schema",
    "Source",
    "Split",
]
