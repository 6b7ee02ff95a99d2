"""The plan for the sections of a stack: which are left out, where each one lies, and where there is nothing to look at.

A report says what is wrong; a plan says what is done about it. Image and labels stay where they are: a plan changes
what the network sees, and which voxels touch. A voxel of a section is paired with the one at the same place of the
tissue in the last section that shows it, so that neurons go on over what is missing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box, Shape, triple
from napari_emcad.core.progress import Job
from napari_emcad.core.sections.report import SectionReport, SlipKind, Verdict, ranges_text

MOST_BRIDGED = 3
"""Sections in a row over which neurons are followed; what lies beyond a longer gap is another part of the stack."""

LOOKED_AROUND = MOST_BRIDGED + 1
"""Sections before and after a box that are looked at, too: as far as voxels of it are paired."""

UNUSABLE = (Verdict.BLANK, Verdict.NOISY, Verdict.OUT_OF_FOCUS, Verdict.DUPLICATE, Verdict.WRONG)
"""Verdicts by which a section is left out."""

Plane = tuple[slice, slice]
"""Slices on y and x, with start and stop, which may reach outside a section."""


class Partner(NamedTuple):
    """A section that voxels of another one may be paired with.

    Attributes
    ----------
    z : int
    shift : (y, x)
        A voxel at (y, x) of the other section lies at (y, x) + shift in this one.
    """

    z: int
    shift: tuple[int, int]


@dataclass(frozen=True, eq=False)
class SectionPlan:
    """A decision on what is done with each section of a stack.

    Attributes
    ----------
    shape : (z, y, x)
        Of the stack.
    left_out : (z,) bool
        True: the network does not see it, and its labels are made up from its neighbours.
    offset : (z, 2) int32
        Pixels (y, x) by which the tissue lies further down and right than in the first section.
    inverted : (z,) bool
        True: dark is bright in it.
    breaks : (z,) bool
        True: nothing goes on from the sections before it.
    missing : (z, cells on y, cells on x) bool
        True where a section lacks a part that is bridged.
    no_tissue : (z, cells on y, cells on x) bool
        True where there is nothing to segment: label 0.
    cell : int
        Side of a cell in pixels; the last row and column of cells reach to the section's edge.
    interpolates : bool
        True: what is bridged has labels interpolated between its neighbours; False: label 0.
    """

    shape: Shape
    left_out: NDArray[np.bool_] = field(repr=False)
    offset: NDArray[np.int32] = field(repr=False)
    inverted: NDArray[np.bool_] = field(repr=False)
    breaks: NDArray[np.bool_] = field(repr=False)
    missing: NDArray[np.bool_] = field(repr=False)
    no_tissue: NDArray[np.bool_] = field(repr=False)
    cell: int
    interpolates: bool = True

    @classmethod
    def as_is(cls, shape: Shape) -> Self:
        """Return the plan that uses every section as it is."""
        depth, cell = shape[0], max(shape[1:])
        none = np.zeros(depth, bool)
        cells = np.zeros((depth, 1, 1), bool)
        return cls(triple(shape), none, np.zeros((depth, 2), np.int32), none, none, cells, cells, cell)

    @classmethod
    def of_report(cls, report: SectionReport) -> Self:
        """Return what is done by default about a report."""
        depth = report.shape[0]
        left_out, breaks = np.zeros(depth, bool), np.zeros(depth, bool)
        offset = np.zeros((depth, 2), np.int32)
        back_in_order = {one.z for one in report.findings if one.cause == f"swapped with {one.z - 1}"}
        for one in report.findings:
            if one.verdict in UNUSABLE and one.z not in back_in_order:
                left_out[one.z] = True
            if one.slip and one.slip.kind is SlipKind.BREAK:
                breaks[one.z] = True
            elif one.slip:
                offset += _slip_offsets(depth, one.slip.kind, one.slip.shift, one.z, one.last)
        inverted = np.zeros(depth, bool)
        no_tissue = report.no_tissue & ~left_out[:, None, None]
        return cls(report.shape, left_out, offset, inverted, breaks, report.bridgeable, no_tissue, report.cell)

    @property
    def is_as_is(self) -> bool:
        """True if every section is used as it is, everywhere."""
        marks = (self.left_out, self.offset, self.inverted, self.breaks, self.missing, self.no_tissue)
        return not any(mark.any() for mark in marks)

    @property
    def used(self) -> NDArray[np.intp]:
        """The sections that are not left out, in order."""
        return np.flatnonzero(~self.left_out)

    @property
    def largest_shift(self) -> tuple[int, int]:
        """The most pixels (y, x) by which a section lies elsewhere than a partner."""
        shifts = [np.abs(p.shift) for z in range(self.shape[0]) for p in self.partners(z)]
        y, x = np.max(shifts, axis=0) if shifts else (0, 0)
        return int(y), int(x)

    def partners(self, z: int) -> Iterator[Partner]:
        """Yield the sections that voxels of section z are paired with, the nearest first.

        Each voxel takes the first one in which its place is not a hole: `holes`. Left-out sections are no partners,
        and nothing is paired over a break, or over more than `MOST_BRIDGED` sections.
        """
        for other in range(z - 1, max(-1, z - MOST_BRIDGED - 2), -1):
            if self.breaks[other + 1]:
                return
            if not self.left_out[other]:
                y, x = self.offset[other] - self.offset[z]
                yield Partner(other, (int(y), int(x)))

    def holes(self, z: int, plane: Plane | None = None) -> NDArray[np.bool_]:
        """Return the pixels (y, x) of a part of a section that show nothing that could be used, though tissue is there.

        Parameters
        ----------
        z : int
        plane : slices on y and x, optional
            Pixels outside the section count as those at its edge; None = the whole section.
        """
        if self.left_out[z]:
            return np.ones(self._size_of(plane), bool)
        return self._pixels(self.missing[z], plane)

    def holes_at(self, voxels: NDArray[np.integer]) -> NDArray[np.bool_]:
        """Return whether single voxels of the stack, (k, 3), are holes."""
        z, y, x = voxels.T
        rows, columns = (np.minimum(p // self.cell, n - 1) for p, n in zip((y, x), self.missing.shape[1:], strict=True))
        return self.left_out[z] | self.missing[z, rows, columns]

    def bare(self, z: int, plane: Plane | None = None) -> NDArray[np.bool_]:
        """Return the pixels (y, x) of a part of a section where there is no tissue; see `holes`."""
        return self._pixels(self.no_tissue[z], plane)

    def shows(self, z: int, plane: Plane) -> bool:
        """Return True if a part of a section, not an empty one, has a pixel that is no hole and not bare: `holes`."""
        (y0, y1), (x0, x1) = (
            np.clip(np.clip((s.start, s.stop - 1), 0, side - 1) // self.cell, 0, n - 1).tolist()
            for s, side, n in zip(plane, self.shape[1:], self.missing.shape[1:], strict=True)
        )
        cells = np.s_[z, y0 : y1 + 1, x0 : x1 + 1]
        return not (self.left_out[z] or (self.missing[cells] | self.no_tissue[cells]).all())

    def interpolated(self, z: int, plane: Plane | None = None) -> NDArray[np.bool_]:
        """Return the pixels (y, x) of a part of a section whose labels were not seen but made up; see `holes`."""
        return self.holes(z, plane)

    def leaving_out(self, z: int, left_out: bool = True) -> Self:
        """Return the plan with a section left out, or used."""
        return replace(self, left_out=_set(self.left_out, z, left_out))

    def inverting(self, z: int, inverted: bool = True) -> Self:
        """Return the plan with dark and bright exchanged in a section, or not."""
        return replace(self, inverted=_set(self.inverted, z, inverted))

    def shifting(self, z: int, shift: tuple[int, int], all_that_follow: bool = False) -> Self:
        """Return the plan with a section taken to be shifted by (y, x) pixels against the one before it.

        Parameters
        ----------
        z : int
        shift : (y, x)
            As in `report.Slip`: its content lies that much further down and right.
        all_that_follow : bool
            True: those after it are moved with it; False: they stay where they are.
        """
        offset, before = self.offset.copy(), self.offset[max(0, z - 1)]
        move = before + np.array(shift, np.int32) - offset[z]
        offset[slice(z, None) if all_that_follow else z] += move
        return replace(self, offset=offset)

    def masking(self, z: int, missing: NDArray[np.bool_]) -> Self:
        """Return the plan with these cells (y, x) of a section bridged, and no others."""
        return replace(self, missing=_set(self.missing, z, missing))

    def using_as_is(self, z: int) -> Self:
        """Return the plan with a section used as it is, at the place of the one before it."""
        plan = self.leaving_out(z, False).inverting(z, False).shifting(z, (0, 0))
        none = np.zeros_like(self.missing[z])
        return replace(
            plan,
            breaks=_set(plan.breaks, z, False),
            missing=_set(plan.missing, z, none),
            no_tissue=_set(plan.no_tissue, z, none),
        )

    @property
    def sentence(self) -> str:
        """One sentence on what is done, "" if nothing is: "sections 17, 63 are left out and bridged; ..."."""
        phrases = [*self._phrases()]
        return "; ".join(phrases) + "." if phrases else ""

    def _phrases(self) -> Iterator[str]:
        if self.left_out.any():
            yield f"{_sections(self.left_out)} left out and bridged"
        if (partly := self.missing.any(axis=(1, 2)) & ~self.left_out).any():
            yield f"{_sections(partly)} bridged where a part is missing or damaged"
        if self.offset.any():
            moved = np.any(np.diff(self.offset, axis=0, prepend=self.offset[:1]), axis=1)
            yield f"shifts at {ranges_text(np.flatnonzero(moved).tolist())} made up for"
        if self.inverted.any():
            yield f"{_sections(self.inverted)} inverted"
        if self.no_tissue.any():
            yield f"{100 * self.no_tissue.mean():.0f} % without tissue is not segmented"
        if len(cuts := self.parts) > 1:
            yield f"the stack is {len(cuts)} parts, at {ranges_text([part.start for part in cuts[1:]])}"

    @property
    def parts(self) -> list[range]:
        """The parts of the stack between which nothing goes on: breaks, and gaps that are too long."""
        starts = [z for z in self.used.tolist() if next(self.partners(z), None) is None]
        return [range(a, b) for a, b in pairwise([*starts, self.shape[0]])]

    def _pixels(self, cells: NDArray[np.bool_], plane: Plane | None) -> NDArray[np.bool_]:
        if not cells.any():
            return np.zeros(self._size_of(plane), bool)
        ys, xs = plane or (slice(0, self.shape[1]), slice(0, self.shape[2]))
        rows, columns = (
            np.clip(np.clip(np.arange(s.start, s.stop), 0, side - 1) // self.cell, 0, n - 1)
            for s, side, n in zip((ys, xs), self.shape[1:], cells.shape, strict=True)
        )
        return cells[:, columns][rows]  # rows are copied whole: eight times as fast as cells[np.ix_(rows, columns)]

    def _size_of(self, plane: Plane | None) -> tuple[int, int]:
        if plane is None:
            return self.shape[1], self.shape[2]
        return plane[0].stop - plane[0].start, plane[1].stop - plane[1].start


def sections_around(box: Box, depth: int) -> range:
    """Return the sections of a box in a stack so deep, and those that its own may be paired with."""
    return range(max(0, box.start[0] - LOOKED_AROUND), min(depth, box.stop[0] + LOOKED_AROUND))


def check_shape(plan: SectionPlan, shape: Sequence[int]) -> None:
    """Raise `UserError` if a plan is not one for a stack of this shape (z, y, x)."""
    if plan.shape != tuple(shape):
        raise UserError(f"sections: the plan is for a stack {plan.shape}, got {tuple(shape)}; choose its own.")


class NoTissue(UserError):
    """The sentence on a stack, or a box of it, in which there is nothing to segment."""


def check_tissue(plan: SectionPlan, box: Box) -> None:
    """Raise `NoTissue` if no section of a box shows tissue in it."""
    plane = box.slices[1:]
    if all((plan.holes(z, plane) | plan.bare(z, plane)).all() for z in range(box.start[0], box.stop[0])):
        raise NoTissue(
            f"sections: nothing in {box.text} shows tissue that could be used; choose another stack or region, or use "
            "the sections as they are."
        )


def with_tissue(plan: Job[SectionPlan | None], box: Box) -> Job[SectionPlan | None]:
    """Find a plan, and raise `NoTissue` if no section of a box shows tissue in it by that plan."""
    found = yield from plan
    if found is not None:
        check_tissue(found, box)
    return found


def _slip_offsets(depth: int, kind: SlipKind, shift: tuple[int, int], z: int, last: int | None) -> NDArray[np.int32]:
    """Return what a slip adds to the offset of each section, (z, 2)."""
    sections = np.arange(depth)
    match kind:
        case SlipKind.SINGLE:
            share = (sections == z).astype(float)
        case SlipKind.DRIFT if last is not None and last > z:
            share = np.clip((sections - z) / (last - z), 0, 1)
        case _:
            share = (sections >= z).astype(float)
    return np.rint(share[:, None] * np.array(shift)).astype(np.int32)


def _set(marks: NDArray[np.bool_], z: int, value: bool | NDArray[np.bool_]) -> NDArray[np.bool_]:
    changed = marks.copy()
    changed[z] = value
    return changed


def _sections(marks: NDArray[np.bool_]) -> str:
    which = np.flatnonzero(marks).tolist()
    return f"section{'' if len(which) == 1 else 's'} {ranges_text(which)} {'is' if len(which) == 1 else 'are'}"
