"""Grey levels of a TIFF's page: what its values mean, by PhotometricInterpretation and palette."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_emcad.io.stacks.check_stack import NotAStack

_WHITE_IS_ZERO, _PALETTE = 0, 3
_COLOURS = {2, 5, 6, 8, 9, 10, 32803}
"""RGB, CMYK, YCbCr, three kinds of Lab, and the mosaic of a colour sensor."""

Values = NDArray[Any]


@dataclass(frozen=True)
class GreyScale:
    """The way from a page's values to grey levels, 0 = black.

    Attributes
    ----------
    dtype : dtype
        Type of the grey levels.
    turn : callable or None
        Takes values of any shape and returns grey levels; None = they are grey levels.
    note : str
        What was done or guessed, as a sentence; may be empty.
    """

    dtype: np.dtype[Any]
    turn: Callable[[Values], Values] | None = None
    note: str = ""

    def apply(self, values: Values) -> Values:
        """Return the grey levels for values of the page."""
        return self.turn(values) if self.turn else values


def are_colours(page: tifffile.TiffPage) -> bool:
    """Return True if the samples of a page are colours."""
    return page.samplesperpixel > 1 and page.photometric in _COLOURS


def grey_scale(name: str, page: tifffile.TiffPage) -> GreyScale:
    """Return how the values of a page become grey levels.

    Parameters
    ----------
    name : str
        Begins the sentences of errors.
    page : TiffPage

    Raises
    ------
    NotAStack
        If its palette has colours, or 0 is white in values that have no black end.
    """
    if not page.tags.get("PhotometricInterpretation"):
        note = "it does not say whether 0 is black or white: it is taken for black."
        return GreyScale(np.dtype(page.dtype), note=note)
    if page.photometric == _PALETTE:
        return _by_palette(name, page)
    return _from_white(name, page) if page.photometric == _WHITE_IS_ZERO else GreyScale(np.dtype(page.dtype))


def _from_white(name: str, page: tifffile.TiffPage) -> GreyScale:
    """Turn grey levels round, within the bits that the page has."""
    dtype = np.dtype(page.dtype)
    if dtype.kind not in "bu":
        raise NotAStack(
            f"{name}: in its {dtype} values 0 is white (PhotometricInterpretation), and no value is said to be black; "
            "invert it and save it with 0 as black."
        )
    note = "0 is white in it (PhotometricInterpretation): its grey levels are turned round."
    if dtype.kind == "b":
        return GreyScale(dtype, np.logical_not, note)
    white = dtype.type(2 ** int(np.max(page.bitspersample)) - 1)
    return GreyScale(dtype, lambda values: white - values, note)


def _by_palette(name: str, page: tifffile.TiffPage) -> GreyScale:
    """Look grey levels up; ImageJ's palettes of colours are for display alone, labels have them as well."""
    palette = page.colormap
    if palette is None or np.dtype(page.dtype).kind not in "bu":
        raise NotAStack(f"{name}: its palette is missing; save it as 8-bit grey.")
    if not np.array_equal(palette[0], palette[1]) or not np.array_equal(palette[1], palette[2]):
        if page.parent.is_imagej:
            return GreyScale(
                np.dtype(page.dtype), note="its colours are a lookup table of ImageJ: the values behind them are read."
            )
        raise NotAStack(f"{name}: grey values are needed, got a palette of colours; save it as 8-bit grey.")
    is_8bit = len(palette[0]) <= 256
    greys = (palette[0] >> 8).astype(np.uint8) if is_8bit else palette[0].astype(np.uint16)
    if np.array_equal(greys, np.arange(len(greys))):
        return GreyScale(np.dtype(page.dtype))
    return GreyScale(
        greys.dtype, lambda values: greys[values.astype(np.intp)], "its greys are looked up in its palette."
    )
