"""A stack as a network sees it by a plan for its sections, and the way back from what the network says to the stack.

    stack -> parts that nothing goes on between -> of each, the used sections, with their tissue one above the other

What a section does not show is filled, pixel by pixel, from the section that its voxels are paired with: the last one
before it that shows the place. So a network that takes two sections, or a few, needs not know what is missing.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.blending import mirrored_places
from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box, Shape
from napari_emcad.core.sections.pairing import inside_section, moved_plane
from napari_emcad.core.sections.plan import MOST_BRIDGED, Plane, SectionPlan, check_shape
from napari_emcad.core.tiling import Ends
from napari_emcad.core.volume import SMALLEST_SECTION, Key, Volume
from napari_emcad.inference.normalisation import Normalisation, not_finite_sentence
from napari_emcad.inference.prediction import Prediction


class Aligned:
    """A view (z, y, x) of the used sections of a part of a stack, moved so that their tissue lies one above the other.

    Parameters
    ----------
    volume : Volume
        The stack; read by slices of one section, left-out ones never.
    plan : SectionPlan
        Of the stack.
    part : range
        Sections of the stack.
    normalisation : Normalisation
        Its grey levels are exchanged in inverted sections, and the one in the middle is where nothing is known.

    Attributes
    ----------
    sections : list of int
        Sections of the stack that those of the view are.
    shape : (z, y, x)
        Of the view; on y and x it holds all sections, wherever they are moved.
    """

    def __init__(self, volume: Volume, plan: SectionPlan, part: range, normalisation: Normalisation):
        self._volume, self._plan = volume, plan
        self._exchange = normalisation.low + normalisation.high
        self.sections = [z for z in part if not plan.left_out[z]]
        offset = plan.offset[self.sections].astype(int)
        self._corner: NDArray[np.int_] = -offset.max(axis=0)
        height, width = offset.max(axis=0) - offset.min(axis=0) + volume.shape[1:]
        self.shape: Shape = len(self.sections), int(height), int(width)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the stack's voxels; sections that are made up of several are float32."""
        return self._volume.dtype

    def place(self, k: int) -> tuple[int, int]:
        """Return the pixel (y, x) of the view that the first pixel of its section k lies at."""
        y, x = -self._plan.offset[self.sections[k]] - self._corner
        return int(y), int(x)

    def __getitem__(self, key: Key, /) -> NDArray[Any]:
        """Return a part of a section, of [z, y0:y1, x0:x1].

        Raises
        ------
        UserError
            If what it shows holds NaN.
        """
        match key:
            case (int(k), slice() as y, slice() as x):
                return self._seen(self.sections[k], (y, x))
        raise TypeError(f"sections are read by [z, y0:y1, x0:x1], got {key}")

    def _seen(self, z: int, window: Plane) -> NDArray[Any]:
        plane = self._plane(z, window)
        if not self._plan.missing[z].any() and self._is_inside(plane):
            return self._read(z, plane)
        values, lacking = self._composed(z, window)
        if lacking.any():
            rows, columns = (
                mirrored_places(s.start, s.stop, side) for s, side in zip(plane, self._volume.shape[1:], strict=True)
            )
            inside = self._composed(z, self._window(z, _bounds(rows, columns)))[0]
            values[lacking] = inside[np.ix_(rows - rows.min(), columns - columns.min())][lacking]
        return values

    def _composed(self, z: int, window: Plane) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Return a window of a section, filled from other sections, and the pixels that none of them shows."""
        values = np.full([s.stop - s.start for s in window], self._exchange / 2, np.float32)
        lacking = np.ones(values.shape, bool)
        for source in self._sources(z):
            plane = self._plane(source, window)
            taken = lacking & ~self._plan.holes(source, plane) & inside_section(self._plan, plane)
            if not taken.any():
                continue
            y, x = _bounds_of(taken)
            there = moved_plane((y, x), (plane[0].start, plane[1].start))
            values[y, x][taken[y, x]] = self._read(source, there)[taken[y, x]]
            lacking &= ~taken
            if not lacking.any():
                break
        return values, lacking

    def _sources(self, z: int) -> Iterator[int]:
        """Yield the sections that show what section z does, those that are nearest to what it is paired with first."""
        yield z
        yield from (partner.z for partner in self._plan.partners(z))
        for after in range(z + 1, min(z + MOST_BRIDGED + 2, self._plan.shape[0])):
            if not self._plan.left_out[after] and any(partner.z == z for partner in self._plan.partners(after)):
                yield after

    def _read(self, z: int, plane: Plane) -> NDArray[Any]:
        """Return what lies inside a section of the stack; NaN is passed over only where nobody looks."""
        read = np.asarray(self._volume[(z, *plane)])
        finite = np.isfinite(read)
        if not finite.all():
            if not (self._plan.holes(z, plane) | self._plan.bare(z, plane))[~finite].all():
                raise UserError(not_finite_sentence(f"section {z}"))
            read = np.where(finite, read, self._exchange / 2)
        return np.float32(self._exchange) - read.astype(np.float32) if self._plan.inverted[z] else read

    def _plane(self, z: int, window: Plane) -> Plane:
        """Return the pixels of a section of the stack that lie in a window of the view."""
        y, x = (self._corner + self._plan.offset[z]).tolist()
        return moved_plane(window, (y, x))

    def _window(self, z: int, plane: Plane) -> Plane:
        """Return the pixels of the view that those of a section of the stack lie in."""
        y, x = (self._corner + self._plan.offset[z]).tolist()
        return moved_plane(plane, (-y, -x))

    def _is_inside(self, plane: Plane) -> bool:
        return all(s.start >= 0 and s.stop <= side for s, side in zip(plane, self._volume.shape[1:], strict=True))


@dataclass(frozen=True)
class SeenPart:
    """A part of a stack that a network sees at once, and the way back.

    Attributes
    ----------
    volume : Aligned
    box : Box
        Place in it of what is predicted.
    """

    volume: Aligned
    box: Box
    _plan: SectionPlan
    _wanted: Box

    def end(self, k: int) -> int:
        """Return the sections that are finished, of the box of the stack, once section k of the view is."""
        after = self.volume.sections[k] + 1
        while after < self._wanted.stop[0] and self._plan.left_out[after]:
            after += 1
        return after - self._wanted.start[0]

    def section(self, k: int) -> int:
        """Return the place in the box of the stack of section k of the view."""
        return self.volume.sections[k] - self._wanted.start[0]

    def is_full(self, k: int) -> bool:
        """Return True if that section has tissue everywhere."""
        return not self._plan.no_tissue[self.volume.sections[k]].any()

    def frame(self, k: int) -> tuple[Ends, Ends]:
        """Return the rows and columns of the view between which that section has tissue, in the box or outside."""
        z = self.volume.sections[k]
        tissue = ~self._plan.no_tissue[z]
        rows, columns = (self._ends(tissue.any(axis=1 - axis), axis) for axis in (0, 1))
        y, x = self.volume.place(k)
        return (rows[0] + y, rows[1] + y), (columns[0] + x, columns[1] + x)

    def area(self, k: int) -> Box | None:
        """Return the part of the box that holds all tissue of that section that is to be predicted; None = nowhere."""
        z, plane = self.volume.sections[k], self._wanted.slices[1:]
        wanted = None if self._is_whole(z) else self._usable(z, plane)
        if wanted is not None and not wanted.any():
            return None
        y, x = plane if wanted is None else moved_plane(_bounds_of(wanted), (plane[0].start, plane[1].start))
        y, x = moved_plane((y, x), self.volume.place(k))
        return Box((k, y.start, x.start), (k + 1, y.stop, x.stop))

    def is_wanted(self, k: int, core: tuple[Ends, Ends]) -> bool:
        """Return True if a part of the view, (start, stop) on y and x, holds tissue of that section in the box."""
        z, (y, x) = self.volume.sections[k], self.volume.place(k)
        ends = zip(core, self._wanted.slices[1:], (y, x), strict=True)
        rows, columns = (slice(max(a, s.start + n) - n, min(b, s.stop + n) - n) for (a, b), s, n in ends)
        if rows.start >= rows.stop or columns.start >= columns.stop:
            return False
        return self._plan.shows(z, (rows, columns))

    def values(self, k: int, predicted: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the values (c, y, x) of that section's part of the box of the stack.

        Parameters
        ----------
        k : int
            Section of the view.
        predicted : (c, y, x) uint8
            Of the box of the view.
        """
        z, plane = self.volume.sections[k], self._wanted.slices[1:]
        (y, x), (_, top, left) = self.volume.place(k), self.box.start
        values = predicted[(slice(None), *moved_plane(plane, (y - top, x - left)))]
        if not self._is_whole(z):
            values = values * self._usable(z, plane)
        alone = self._alone(z, plane)
        if alone.any():
            values = values.copy()
            values[0, alone] = 0
        return values

    def _is_whole(self, z: int) -> bool:
        return not (self._plan.missing[z].any() or self._plan.no_tissue[z].any())

    def _usable(self, z: int, plane: Plane) -> NDArray[np.bool_]:
        return ~(self._plan.holes(z, plane) | self._plan.bare(z, plane))

    def _ends(self, tissue: NDArray[np.bool_], axis: int) -> Ends:
        """Return the start of the first cell with tissue and the end of the last one, `SMALLEST_SECTION` apart."""
        side, cell = self._plan.shape[1 + axis], self._plan.cell
        first, last = np.flatnonzero(tissue)[[0, -1]].tolist() if tissue.any() else (0, 0)
        start = min(first * cell, max(0, side - SMALLEST_SECTION))
        stop = side if last == len(tissue) - 1 else (last + 1) * cell
        return start, min(side, max(stop, start + SMALLEST_SECTION))

    def _alone(self, z: int, plane: Plane) -> NDArray[np.bool_]:
        """Return the pixels without a partner; the stack's first section is paired with itself, and has none alone."""
        alone = np.ones([s.stop - s.start for s in plane], bool)
        if z == self._plan.used[0]:
            return ~alone
        for partner in self._plan.partners(z):
            there = moved_plane(plane, partner.shift)
            alone &= self._plan.holes(partner.z, there) | ~inside_section(self._plan, there)
            if not alone.any():
                break
        return alone


def seen_parts(volume: Volume, prediction: Prediction) -> Iterator[SeenPart]:
    """Yield the parts of a stack that hold sections of the prediction's box, in order.

    Raises
    ------
    UserError
        If the plan is for a stack of another shape.
    """
    plan, box = prediction.plan or SectionPlan.as_is(volume.shape), prediction.box
    check_shape(plan, volume.shape)
    for part in plan.parts:
        view = Aligned(volume, plan, part, prediction.normalisation)
        inside = [k for k, z in enumerate(view.sections) if box.start[0] <= z < box.stop[0]]
        if inside:
            places = np.array([view.place(k) for k in inside])
            y, x = (places.min(axis=0) + box.start[1:]).tolist()
            bottom, right = (places.max(axis=0) + box.stop[1:]).tolist()
            yield SeenPart(view, Box((inside[0], y, x), (inside[-1] + 1, bottom, right)), plan, box)


def _bounds(rows: NDArray[np.int_], columns: NDArray[np.int_]) -> Plane:
    y, x = (slice(int(p.min()), int(p.max()) + 1) for p in (rows, columns))
    return y, x


def _bounds_of(marked: NDArray[np.bool_]) -> Plane:
    """Return the rows and columns between the first and the last pixel that is marked."""
    return _bounds(np.flatnonzero(marked.any(axis=1)), np.flatnonzero(marked.any(axis=0)))
