import numpy as np
import pandas as pd

from cadc.evaluation.metrics.lookup import metric


def test_items_that_cannot_be_found_are_counted_once_each():
    rows = pd.DataFrame({"user": ["a", "a", "b", "c"], "rank": [1.0, np.inf, np.inf, 7.5]})
    assert metric("cold_share").value(rows) == 0.5
