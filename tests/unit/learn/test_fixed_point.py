import numpy as np

from manent.learn.fixed_point import to_fixed_point


def test_weights_are_kept_to_a_fraction_of_the_greatest() -> None:
    """Each weight is off by at most half a unit, and the unit is 1/32767 of the greatest."""
    weights = np.random.default_rng(0).normal(size=(50, 7)).astype(np.float32)
    weights[3, 2] = -9
    packed = to_fixed_point(weights)

    assert packed.numbers.dtype == np.int16
    assert np.isclose(packed.unit, 9 / 32767)
    assert np.abs(packed.rows(list(range(50))) * packed.unit - weights).max() <= packed.unit * 0.51
    assert packed.rows([-1]).tolist() == packed.rows([49]).tolist()


def test_nothing_but_zeros_stays_zeros() -> None:
    """Weights that were never moved, and none at all, are no division by zero."""
    assert to_fixed_point(np.zeros((2, 3), np.float32)).rows([1]).tolist() == [[0, 0, 0]]
    assert to_fixed_point(np.zeros((0, 3), np.float32)).numbers.shape == (0, 3)
