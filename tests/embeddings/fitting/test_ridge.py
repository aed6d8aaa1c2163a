import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.linear_model import Ridge

from cadc.embeddings.fitting.ridge import ridge


@pytest.mark.parametrize("l2", [0.01, 1.0, 100.0])
@pytest.mark.parametrize(("n", "p", "k"), [(200, 30, 5), (20, 50, 3), (5, 1, 1)])
def test_coefficients_equal_those_of_sklearn(n, p, k, l2):
    rng = np.random.default_rng(0)
    features = rng.random((n, p)) * (rng.random((n, p)) < 0.2)
    features[:, 0] += 3  # nearly constant, so that the intercept matters
    targets, weights = rng.normal(size=(n, k)) + 2, rng.random(n) * 10
    weights[0] = 0
    expected = Ridge(alpha=l2, solver="cholesky").fit(features, targets, weights)
    coefficients, intercept = ridge(csr_array(features), targets, weights, l2)
    np.testing.assert_allclose(coefficients.T, np.atleast_2d(expected.coef_), atol=1e-7)
    np.testing.assert_allclose(intercept, expected.intercept_, atol=1e-7)


def test_features_that_say_nothing_give_the_weighted_mean():
    targets, weights = np.array([[1.0], [4.0]]), np.array([1.0, 2.0])
    coefficients, intercept = ridge(csr_array((2, 3)), targets, weights, 1.0)
    assert not coefficients.any()
    assert intercept == pytest.approx([3.0])
