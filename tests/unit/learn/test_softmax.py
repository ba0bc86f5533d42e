import numpy as np
import pytest

from manent.learn import softmax as learner
from manent.learn.calibration import fit_curve, fit_sureness, fit_temperature
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


def test_a_curve_is_the_share_of_right_answers() -> None:
    """Slopes and offset are found again with which answers were drawn."""
    random = np.random.default_rng(2)
    measures = random.uniform(-3, 3, size=(6000, 2))
    right = random.random(6000) < 1 / (1 + np.exp(-(measures @ [1.5, -0.7] - 0.5)))

    assert fit_curve(measures, right) == pytest.approx([1.5, -0.7, -0.5], abs=0.1)


def test_sureness_of_a_classifier_that_was_always_right_is_finite() -> None:
    """Without a wrong answer to learn from it stays below 1, and a score that stands out more never makes it less."""
    scores = np.zeros((50, 3), np.float32)
    scores[:, 0] = np.linspace(1, 5, 50)
    sureness = fit_sureness(scores, np.zeros(50, np.int64), 2)

    assert 0.9 < sureness.of(scores[25]) < 1
    assert sureness.of(scores[-1]) >= sureness.of(scores[0])
    assert 0 < sureness.of(scores[0] * np.float32(-1e9)) < 1


def test_scores_are_measured_from_their_mean_and_from_those_of_the_best_class() -> None:
    """A background counts in the mean and is never the best; what all scores have in common counts nowhere."""
    random = np.random.default_rng(3)
    labels = random.integers(0, 2, size=2000)
    usual = np.array([[4, 1, 1], [1, 4, 1]], np.float32)
    scores = (usual[labels] + random.normal(size=(2000, 3)) / 4).astype(np.float32)
    profiles = fit_sureness(scores, labels, 2).profiles

    best, strangeness = profiles.measure(np.array([1.0, 3.0, 8.0], np.float32))
    assert best == pytest.approx(-1.0)
    assert strangeness > 50
    assert profiles.measure(np.array([101.0, 103.0, 108.0], np.float32)) == pytest.approx((best, strangeness), rel=1e-3)
    assert np.mean([profiles.measure(row)[1] for row in scores]) == pytest.approx(1.0, abs=0.05)


def test_strange_scores_are_trusted_less() -> None:
    """A best score that stands out as usual is doubted when the others are not what they are in such examples."""
    random = np.random.default_rng(4)
    labels = random.integers(0, 3, size=3000)
    scores = (4 * np.eye(4)[labels] + random.normal(size=(3000, 4)) / 2).astype(np.float32)
    strange = random.random(3000) < 0.2
    scores[strange] = (3.5 * np.eye(4)[labels[strange]] + random.normal(size=(strange.sum(), 4)) * 2).astype(np.float32)
    labels[strange] = (labels[strange] + random.integers(1, 3, size=strange.sum())) % 3
    sureness = fit_sureness(scores, labels, 3)

    assert sureness.of(np.array([4, 0, 0, 0], np.float32)) > 0.9
    assert sureness.of(np.array([4, 3, -3, 0], np.float32)) < 0.5
