"""MovielensLatest_x1: tags that users give to films, in the parts of the benchmark BARS."""

from collections.abc import Mapping
from typing import ClassVar

from cadc.data.sources.benchmarks.bars_parts import BARSParts


class MovielensLatestX1(BARSParts):
    """Tags of MovieLens in the parts of AFN (Cheng et al. 2020), as BARS publishes them (Zhu et al. 2022).

    The label says whether a user gave a tag, the context, to a film; two of three rows are drawn at random. It goes
    with `data/split=given`.
    """

    name: str = "movielenslatest_x1"
    url: ClassVar[str] = "https://huggingface.co/datasets/reczoo/MovielensLatest_x1"
    n_rows: ClassVar[Mapping[str, int]] = {"train": 1_404_801, "validation": 401_372, "test": 200_686}
    md5: ClassVar[Mapping[str, str]] = {
        "train.csv": "efc8bceeaa0e895d566470fc99f3f271",
        "valid.csv": "e1930223a5026e910ed5a48687de8af1",
        "test.csv": "54e8c6baff2e059fe067fb9b69e692d0",
    }
    user_column: ClassVar[str] = "user_id"
    item_column: ClassVar[str] = "item_id"
    context_fields: ClassVar[tuple[str, ...]] = ("tag_id",)
