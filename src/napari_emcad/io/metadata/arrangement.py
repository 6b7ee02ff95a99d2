"""The place of a stack (z, y, x) in an array of a file, whose axes may be in any order and number."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.geometry import Shape, Slices

Value = TypeVar("Value")


@dataclass(frozen=True)
class Arrangement:
    """A stack (z, y, x) in an array of a file.

    Attributes
    ----------
    order : (int, int, int)
        The array's axes that are z, y and x.
    fixed : mapping
        The place on each of the other axes.
    shape : (z, y, x)
        In voxels.
    notes : tuple of str
        What was guessed, as sentences.
    words : str
        The array's own axes, "axes c, x, y, z" or "shape 9 x 64 x 80 x 1"; empty if they are z, y and x alone.
    """

    order: tuple[int, int, int]
    fixed: Mapping[int, int]
    shape: Shape
    notes: tuple[str, ...] = ()
    words: str = ""

    def of_space(self, values: Sequence[Value]) -> list[Value]:
        """Return what a file states of each axis of the array, or of its three of space, for z, y and x."""
        axes = range(3 + len(self.fixed)) if len(values) == 3 + len(self.fixed) else sorted(self.order)
        stated = dict(zip(axes, values[-len(axes) :], strict=False))
        return [stated[axis] for axis in self.order if axis in stated]

    def key(self, box: Slices) -> tuple[int | slice, ...]:
        """Return the index of the array for a box (z, y, x) of the stack."""
        key: dict[int, int | slice] = {**self.fixed, **dict(zip(self.order, box, strict=True))}
        return tuple(key[axis] for axis in sorted(key))

    def turn(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return what was read with `key` as (z, y, x)."""
        places = sorted(self.order)
        return np.transpose(values, [places.index(axis) for axis in self.order])


IN_ORDER = Arrangement((0, 1, 2), {}, (1, 1, 1))
"""The arrangement of an array that is (z, y, x), as far as what is stated of its axes goes."""
