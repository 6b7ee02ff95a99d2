"""The ids of labels, and the marks of what nobody labelled."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Shape, triple
from napari_emcad.core.volume import Key, Volume

_HIGHEST_IDS = {4: 1, 8: 4}
"""Numbers at the top of an unsigned type that programs write for "no label", by its bytes: -1 to -4 as unsigned."""


def is_unlabelled(values: NDArray[Any], ignored: Iterable[int] = ()) -> NDArray[np.bool_]:
    """Return where values say that nobody labelled a voxel, apart from 0.

    These are numbers below 0, and the highest of 32 and 64 unsigned bits, which -1 becomes there.

    Parameters
    ----------
    values : array of numbers
    ignored : iterable of int
        Further values.
    """
    kind, size = values.dtype.kind, values.dtype.itemsize
    found = np.zeros(values.shape, bool) if kind in "bu" else values < 0
    if kind == "u" and size in _HIGHEST_IDS:
        found = values > highest_id(values.dtype) - _HIGHEST_IDS[size]
    for value in ignored:
        found = found | (values == value)
    return found


def highest_id(dtype: DTypeLike) -> int:
    """Return the highest number of a type of whole numbers.

    Raises
    ------
    UserError
        If it is another type.
    """
    if np.dtype(dtype).kind not in "ui":
        raise UserError(f"ignore: labels of whole numbers have a highest one, got {np.dtype(dtype)}; name the number.")
    return int(np.iinfo(dtype).max)


class KnownLabels:
    """Labels (z, y, x) in which 0 stands where nobody labelled, whatever number the file has there.

    Parameters
    ----------
    labels : Volume
        Read by slices; not modified.
    ignored : sequence of int
        Values that stand for "unlabelled", beside those of `is_unlabelled`.

    Attributes
    ----------
    found : set of int
        Such values that were met in what has been read.
    """

    def __init__(self, labels: Volume, ignored: Sequence[int] = ()):
        self._labels, self._ignored = labels, tuple(ignored)
        self.found: set[int] = set()

    @property
    def shape(self) -> Shape:
        """Voxels on z, y, x."""
        return triple(self._labels.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the ids."""
        return np.dtype(self._labels.dtype)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Key) -> NDArray[Any]:
        values = np.asarray(self._labels[key])
        unlabelled = is_unlabelled(values, self._ignored)
        if not unlabelled.any():
            return values
        self.found |= {int(value) for value in np.unique(values[unlabelled])}
        return np.where(unlabelled, values.dtype.type(0), values)

    @property
    def note(self) -> str:
        """The sentence on the values that were met; empty if there were none."""
        return unlabelled_note(self.found)


def unlabelled_note(found: Iterable[int]) -> str:
    """Return the sentence that says which values are taken for unlabelled; empty if there are none."""
    values = [str(value) for value in sorted(found)]
    return f"{', '.join(values)} in the labels counts as unlabelled, as 0 does." if values else ""
