"""Made-up sales, the roles of their columns in a table, and the sentence that a faulty table gets."""

import numpy as np
import pytest

from cadc.data.prepare import prepare
from cadc.data.sources.table import Table
from cadc.data.split.random import RandomSplit
from cadc.errors import CadcError

N_ROWS = 200
ROLES = {
    "user": "customer",
    "item": "product",
    "label": "bought",
    "time": "day",
    "user_fields": ["country"],
    "item_fields": ["brand"],
    "item_bags": ["tags"],
    "context_fields": ["device"],
    "dense": ["price"],
}


def made_up_rows():
    rng = np.random.default_rng(0)
    rows = []
    for row in range(N_ROWS):
        user, item = int(rng.integers(12)), int(rng.integers(15))
        rows.append(
            {
                "customer": f"{user:03d}",
                "product": f"p,{item}" if item == 3 else f"p{item}",
                "bought": row % 3 // 2,
                "stars": int(rng.integers(1, 6)),
                "day": f"2024-{row % 12 + 1:02d}-01 10:00:{row % 60:02d}",
                "country": ["fr", "de", "ガ", ""][user % 4],
                "brand": ["a", "b"][item % 2],
                "tags": ["x|y", "y", "", "z||x"][item % 4],
                "device": ["tv", "", "phone"][int(rng.integers(3))],
                "price": round(float(rng.random()), 6),
                "unused": "?",
            }
        )
    return rows


def sentence(path, split=None, **options):
    with pytest.raises(CadcError) as error:
        prepare(Table(**({"path": str(path)} | ROLES | options)), split or RandomSplit())
    assert "\n" not in str(error.value)
    return str(error.value)
