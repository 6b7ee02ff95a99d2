"""Small pictures of the two sections in which the sides of a question lie, where they touch between sections only."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from napari.layers import Image
from numpy.typing import NDArray

from napari_emcad.core.geometry import Box, Voxel, triple
from napari_emcad.core.ids import Ids
from napari_emcad.core.sections.pairing import PlannedBox, voxels_before
from napari_emcad.core.volume import FragmentVolume
from napari_emcad.widgets.desk.result import Result
from napari_emcad.widgets.desk.sides import FAR_COLOUR, NEAR_COLOUR

HALF = 70
"""Voxels from the contact to the rim of a picture."""

STRENGTH = 0.4
"""The share of a side's colour over the grey of the image."""

RING = (5.0, 7.5)
"""Voxels: inner and outer radius of the ring that marks the contact."""


@dataclass(frozen=True)
class SectionPicture:
    """A section around a contact, with both sides in their colours.

    Attributes
    ----------
    voxel : (z, y, x)
        The contact in this section, in the session's box.
    section : int
        The section's number in the stack.
    colours : (y, x, 3) uint8
    """

    voxel: Voxel
    section: int
    colours: NDArray[np.uint8]


def touching_voxels(
    fragments: FragmentVolume, voxel: Voxel, near: Ids, far: Ids, planned: PlannedBox | None = None
) -> tuple[Voxel, ...]:
    """Return the voxels at which to look, by section: one where both sides are seen in it, else one in each of two.

    Parameters
    ----------
    fragments : FragmentVolume (z, y, x)
        Read around the voxel only, and around the one that it is paired with.
    voxel : (z, y, x)
        The place where the sides touch.
    near, far : (k,) Ids
        Fragments of each side.
    planned : PlannedBox, optional
        The plan for the sections of the fragments.
    """
    z, y, x = voxel
    here, before = fragments_around(fragments, voxel), triple(voxels_before(np.array([voxel]), planned)[0])
    for side in (near, far):
        if np.isin(here, side).any():
            continue
        if np.isin(fragments_around(fragments, before), side).any():
            return before, voxel
        if np.isin(fragments_around(fragments, (z + 1, y, x)), side).any():
            return voxel, (z + 1, y, x)
    return (voxel,)


def take_pictures(
    result: Result, fragments: FragmentVolume, voxels: Sequence[Voxel], near: Ids, far: Ids
) -> tuple[SectionPicture, ...]:
    """Return a picture of each section; read from the stack of a result, black where there is no image."""
    return tuple(_take_picture(result, fragments, voxel, near, far) for voxel in voxels)


def _take_picture(result: Result, fragments: FragmentVolume, voxel: Voxel, near: Ids, far: Ids) -> SectionPicture:
    window = _window_around(voxel, triple(fragments.shape))
    grey = _grey(result, window.slices)
    there = fragments[window.slices][0]
    colours = np.repeat(grey[..., None], 3, axis=2)
    for side, colour in ((near, NEAR_COLOUR), (far, FAR_COLOUR)):
        inside = np.isin(there, side)
        colours[inside] = (1 - STRENGTH) * colours[inside] + STRENGTH * _rgb(colour)
    _draw_ring(colours, (voxel[1] - window.start[1], voxel[2] - window.start[2]))
    return SectionPicture(voxel, voxel[0] + result.box.start[0], colours.clip(0, 255).astype(np.uint8))


def _window_around(voxel: Voxel, shape: Voxel) -> Box:
    """Return the part of a section to show: around a voxel, shifted inwards at the rim of the volume."""
    start, stop = [voxel[0]], [voxel[0] + 1]
    for at, length in zip(voxel[1:], shape[1:], strict=True):
        first = max(0, min(at - HALF, length - 2 * HALF))
        start.append(first)
        stop.append(min(first + 2 * HALF, length))
    return Box(triple(start), triple(stop))


def _grey(result: Result, place: tuple[slice, ...]) -> NDArray[np.float64]:
    """Return the image from 0 to 255 as it is seen, at a place in the box of a result."""
    source, start = result.source, result.box.start
    shape = [s.stop - s.start for s in place[1:]]
    if not isinstance(source, Image) or source.rgb or source.ndim != 3:
        return np.zeros(shape)
    data = source.data[0] if source.multiscale else source.data
    z, y, x = (slice(s.start + at, s.stop + at) for s, at in zip(place, start, strict=True))
    section = np.asarray(data[z, y, x], np.float64)[0]
    low, high = source.contrast_limits
    return np.asarray(255 * ((section - low) / max(high - low, 1e-9)).clip(0, 1))


def _draw_ring(colours: NDArray[np.float64], centre: tuple[int, int]) -> None:
    """Draw a white ring with dark rims; what is inside stays to be seen."""
    y, x = np.ogrid[: colours.shape[0], : colours.shape[1]]
    far = np.hypot(y - centre[0], x - centre[1])
    inner, outer = RING
    colours[(far >= inner - 1) & (far <= outer + 1)] = 0
    colours[(far >= inner) & (far <= outer)] = 255


def _rgb(colour: str) -> NDArray[np.float64]:
    return np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)], np.float64)


def fragments_around(fragments: FragmentVolume, voxel: Voxel) -> Ids:
    """Return the fragments around a voxel in its section, (1, y, x); none if it lies outside the volume."""
    around = Box(voxel, triple(v + 1 for v in voxel)).grown((0, 1, 1)).clipped(fragments.shape)
    return fragments[around.slices]
