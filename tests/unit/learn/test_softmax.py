import numpy as np
import pytest

from manent.learn import softmax as learner
from manent.learn.calibration import fit_sureness, fit_temperature, prominence
from manent.learn.softmax import Features, IntArray, build_features, fit, fit_dual, out_of_fold, softmax


def _problem(count: int = 120, classes: int = 3) -> tuple[Features, IntArray]:
    random = np.random.default_rng(0)
    labels = np.arange(count) % classes
    dense = (random.normal(size=(count, 5)) * 0.4).astype(np.float32)
    dense[np.arange(count), labels] += 1
    rows = [(np.array([label, 10 + row % 7]), np.array([0.5, 0.2], np.float32)) for row, label in enumerate(labels)]
    return build_features(rows, 20, dense), labels


def test_probabilities_add_up() -> None:
    """Softmax is a distribution, whatever the size of the scores."""
    chances = softmax(np.array([[1000.0, 0.0], [-5.0, -5.0]], np.float32))

    assert chances.sum(axis=1) == pytest.approx([1, 1])
    assert chances[1].tolist() == [0.5, 0.5]


def test_both_ways_of_training_find_the_same_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """The dual and the primal agree on what is likely."""
    features, labels = _problem()
    dual = softmax(fit(features, labels, 3, penalty=1.0, iterations=100, seed=0).scores(features))
    monkeypatch.setattr(learner, "DUAL_LIMIT", 0)
    primal = softmax(fit(features, labels, 3, penalty=1.0, iterations=100, seed=0).scores(features))

    assert (dual.argmax(axis=1) == labels).mean() > 0.95
    assert np.abs(dual - primal).mean() < 0.03


def test_the_dual_reaches_the_optimum() -> None:
    """At the optimum each example's weight is its error divided by the penalty."""
    features, labels = _problem()
    gram = features.gram()
    weights = fit_dual(gram, labels, 3, penalty=0.5, iterations=200)
    errors = np.eye(3)[labels] - softmax(gram @ weights)

    assert np.abs(weights - errors / 0.5).max() < 0.01


def test_held_out_scores_are_of_others() -> None:
    """An example that contradicts all others is scored by them, not by itself."""
    features, labels = _problem()
    labels = labels.copy()
    labels[0] = 1
    held = out_of_fold(features, labels, 3, penalty=0.1, iterations=50, seed=0)

    assert held[0].argmax() == 0
    assert (held.argmax(axis=1) == labels).mean() > 0.9


def test_temperature_tells_boasting_from_modesty() -> None:
    """Scores that are too sure are scaled down, timid ones up."""
    random = np.random.default_rng(1)
    true = np.asarray(random.normal(size=(4000, 3)), np.float32)
    labels = np.array([random.choice(3, p=row / row.sum()) for row in softmax(true).astype(float)])

    assert fit_temperature(true * np.float32(5), labels) == pytest.approx(0.2, rel=0.2)
    assert fit_temperature(true / np.float32(5), labels) == pytest.approx(5, rel=0.2)
    assert fit_temperature(true[:, :1], labels) == 1.0


def test_sureness_is_the_share_of_right_answers() -> None:
    """Where the best score stands out so far that nine of ten were right, it says 0.9; never is it quite 0 or 1."""
    random = np.random.default_rng(2)
    prominences = np.asarray(random.uniform(-3, 3, size=6000), np.float32)
    right = random.random(6000) < 1 / (1 + np.exp(-(1.5 * prominences - 0.5)))
    sureness = fit_sureness(prominences, right)

    assert sureness.of(0) == pytest.approx(1 / (1 + np.exp(0.5)), abs=0.03)
    assert sureness.of(2) == pytest.approx(1 / (1 + np.exp(-2.5)), abs=0.03)
    assert 0 < sureness.of(-1e9) < sureness.of(1e9) < 1


def test_sureness_of_a_classifier_that_was_always_right_is_finite() -> None:
    """Without a wrong answer to learn from it stays below 1, and a better score never makes it less."""
    prominences = np.linspace(1, 5, 50, dtype=np.float32)
    sureness = fit_sureness(prominences, np.ones(50, np.bool_))

    assert 0.9 < sureness.of(3) < 1
    assert sureness.of(5) >= sureness.of(1)


def test_prominence_is_measured_from_the_mean_of_all() -> None:
    """Classes that are never answers (the background) count in the mean and not as the best."""
    scores = np.array([[1.0, 3.0, 8.0], [2.0, 2.0, 2.0]], np.float32)

    assert prominence(scores, 2).tolist() == [-1.0, 0.0]
