"""Labels as a viewer takes them: whole numbers, 0 where nobody labelled, whatever numbers the file has."""

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Slices
from napari_emcad.core.label_contents import KnownLabels
from napari_emcad.core.volume import Volume
from napari_emcad.io.stacks.holds import sample_squares
from napari_emcad.io.stacks.lazy_array import LazyArray

_EXACT = {2: 2**11, 4: 2**24, 8: 2**53}
"""The largest number up to which floating-point numbers do not skip whole ones, by their bytes."""


def is_whole(values: NDArray[Any]) -> bool:
    """Return True if there are no fractions among numbers."""
    return values.dtype.kind in "bui" or bool(np.array_equal(np.floor(values), values))


def whole_dtype(dtype: DTypeLike) -> np.dtype[Any]:
    """Return the unsigned type of as many bytes: labels below 0 are none."""
    return np.dtype(f"u{np.dtype(dtype).itemsize}")


def rounded_note(dtype: DTypeLike, largest: float) -> str:
    """Return the sentence on ids that are too large for their type of floating-point numbers; empty if there is none.

    Parameters
    ----------
    dtype
        Type in the file.
    largest : float
        The largest id.
    """
    most = _EXACT.get(np.dtype(dtype).itemsize, 0) if np.dtype(dtype).kind == "f" else largest
    if largest <= most:
        return ""
    return f"ids above {most:,} may have been rounded before, as {np.dtype(dtype)} does not hold them all."


def as_whole_labels(labels: LazyArray, name: str) -> LazyArray:
    """Return labels (z, y, x) of any type of numbers as whole ones, read as they are looked at; 0 = unlabelled.

    A part in which there are fractions raises UserError as it is read; `name` begins its sentence.
    """
    known, dtype = KnownLabels(labels), whole_dtype(labels.dtype)

    def read(place: Slices) -> NDArray[Any]:
        values = known[place]
        if not is_whole(values) or (values.size and float(values.max()) > np.iinfo(dtype).max):
            raise UserError(
                f"{name}: ids that are whole numbers up to {np.iinfo(dtype).max:,} are needed, and there are others in "
                f'sections {place[0].start} to {place[0].stop - 1}; take "Convert to Image" from the layer\'s menu.'
            )
        return values.astype(dtype)

    whole = LazyArray(name, labels.shape, dtype, read, labels.close)
    whole.remedy, whole.is_far, whole.axes = labels.remedy, labels.is_far, labels.axes
    whole.open_coarser = lambda: [as_whole_labels(one, name) for one in labels.coarser]
    return whole


def sample_note(labels: Volume) -> str:
    """Return the sentence on what counts as unlabelled in three squares of labels; empty if there is nothing."""
    known = KnownLabels(labels)
    for _ in sample_squares(known):
        pass
    return known.note
