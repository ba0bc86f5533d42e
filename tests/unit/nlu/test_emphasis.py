"""Features that count more in training are weights that count more at run time."""

import numpy as np
from numpy.testing import assert_allclose
from numpy.typing import NDArray

from manent.learn.softmax import Features, Softmax, build_features
from manent.nlu.classifier import _emphasise, _emphasised


def _scores(model: Softmax, features: Features) -> NDArray[np.float32]:
    return np.asarray(features.sparse @ model.sparse + features.dense @ model.dense + model.bias)


def test_a_model_of_multiplied_features_becomes_one_of_plain_features() -> None:
    """It gives the same scores to features as they come."""
    random = np.random.default_rng(1)
    sparse = [(np.array([0, 2]), np.ones(2, np.float32)), (np.array([1]), np.full(1, 3, np.float32))]
    features = build_features(sparse, 3, random.normal(size=(2, 4)).astype(np.float32))
    model = Softmax(*(random.normal(size=shape).astype(np.float32) for shape in ((3, 5), (4, 5), (5,))))
    factors = np.array([2, 1, 0.5], np.float32), np.array([0.7, 0.7, 1, 1], np.float32)

    weighed = _emphasise(features, *factors)
    assert weighed.sparse.toarray().tolist() == [[2, 0, 0.5], [0, 3, 0]]
    assert features.sparse.toarray().tolist() == [[1, 0, 1], [0, 3, 0]]
    assert_allclose(_scores(_emphasised(model, *factors), features), _scores(model, weighed), rtol=1e-5)
