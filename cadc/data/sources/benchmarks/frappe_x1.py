"""Frappe_x1: use of mobile apps in context, in the parts of the benchmark BARS."""

from collections.abc import Mapping
from typing import ClassVar

from cadc.data.sources.benchmarks.bars_parts import BARSParts


class FrappeX1(BARSParts):
    """Frappe (Baltrunas et al. 2015) in the parts of AFN (Cheng et al. 2020), as BARS publishes them (Zhu et al. 2022).

    The label says whether a user used an app in a context; two of three rows are drawn at random. It goes with
    `data/split=given`.
    """

    name: str = "frappe_x1"
    url: ClassVar[str] = "https://huggingface.co/datasets/reczoo/Frappe_x1"
    n_rows: ClassVar[Mapping[str, int]] = {"train": 202_027, "validation": 57_722, "test": 28_860}
    md5: ClassVar[Mapping[str, str]] = {
        "train.csv": "ba7306e6c4fc19dd2cd84f2f0596d158",
        "valid.csv": "88d51bf2173505436d3a8f78f2a59da8",
        "test.csv": "3470f6d32713dc5f7715f198ca7c612a",
    }
    user_column: ClassVar[str] = "user"
    item_column: ClassVar[str] = "item"
    context_fields: ClassVar[tuple[str, ...]] = (
        "daytime",
        "weekday",
        "isweekend",
        "homework",
        "cost",
        "weather",
        "country",
        "city",
    )
