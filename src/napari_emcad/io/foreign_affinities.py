"""Affinities and maps of boundaries in files of any other network: each channel is opened as a stack of its own."""

import re
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, Self

from napari_emcad.core.affinities import NEAREST, Offset
from napari_emcad.core.affinity_channels import (
    dropped_note,
    find_layout,
    nearest_channels,
    offsets_of_channels,
    read_offsets,
)
from napari_emcad.core.errors import UserError
from napari_emcad.core.foreign_affinities import ForeignAffinities, ValueRange
from napari_emcad.core.geometry import Box, Shape, Voxel, VoxelSize, triple
from napari_emcad.core.parameters import SegmentParameters
from napari_emcad.core.pixel_size import OWN, Scale
from napari_emcad.core.sections.plan import SectionPlan
from napari_emcad.io.labels.provenance import read_provenance
from napari_emcad.io.section_plans import plan_of_json
from napari_emcad.io.stacks.choose_dataset import DatasetEntry
from napari_emcad.io.stacks.locations import Location, parse_location
from napari_emcad.io.stacks.stack import Stack, open_stack, stored_arrays
from napari_emcad.io.stacks.stack_facts import stack_line, stack_notes
from napari_emcad.io.stacks.stack_selection import StackSelection
from napari_emcad.io.stacks.zarr import is_zarr

_NAMES = re.compile(r"(?<![a-z])aff(s|in\w*)?(?![a-z])", re.IGNORECASE)
"""Names of datasets that hold affinities: affs, pred_affs, volumes/affinities."""

_NEAR = 0.01
"""Part of a voxel size by which that of the affinities and that of the stack may differ."""

_ON_GRID = 0.1
"""Part of a voxel by which affinities may lie beside the voxels of the stack."""


@dataclass(frozen=True)
class AffinityRequest:
    """Affinities that are to be opened.

    Attributes
    ----------
    path : Path or Url
    dataset : str or None
        Text of a `StackSelection`: path inside the file and axes, for boundaries the channel, too.
    offsets : sequence of (z, y, x) or None
        One a channel; None = as the file says, or of three channels those to the previous voxel on z, y and x.
    boundaries : bool
        True if the file holds a map of boundaries.
    value_range : (float, float) or None
        See `ForeignAffinities.asked_range`.
    voxel_size : VoxelSize or None
        In nm; replaces what the file says.
    """

    path: Location
    dataset: str | None = None
    offsets: Sequence[Offset] | None = None
    boundaries: bool = False
    value_range: ValueRange | None = None
    voxel_size: VoxelSize | None = None


class AffinityPlaces(NamedTuple):
    """A box of affinities, counted in their file and in the stack."""

    part: Box
    box: Box


@dataclass(frozen=True)
class AffinityFile:
    """Affinities in a file, open to read. Use it as a context manager.

    Attributes
    ----------
    affinities : ForeignAffinities
    stacks : tuple of Stack
        Its channels.
    provenance : mapping
        What our own affinities say that made them; empty for those of other programs.
    request : AffinityRequest
    """

    affinities: ForeignAffinities
    stacks: tuple[Stack, ...]
    provenance: Mapping[str, Any]
    request: AffinityRequest

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the file back."""
        for stack in self.stacks:
            stack.close()

    @property
    def stack(self) -> Stack:
        """The first channel, which says voxel size, place and fingerprint."""
        return self.stacks[0]

    @property
    def line(self) -> str:
        """The file and what is in it, as a line."""
        return stack_line(replace(self.stack, dataset=self._dataset or None))

    @property
    def title(self) -> str:
        """Words that stand for the model: "affinities in pred.h5, volumes/affs"."""
        return f"{self._kind} in {_shown(Path(self.stack.path.name), self._dataset)}"

    @property
    def notes(self) -> list[str]:
        """Sentences on what was guessed or left out; they name the file."""
        name = self.stack.path.name
        return [*stack_notes(self.stack), *(f"{name}: {note}" for note in self.affinities.notes)]

    @property
    def facts(self) -> dict[str, Any]:
        """The file and how it was read, ready for JSON."""
        stack, affinities = self.stack, self.affinities
        selections = [one.dataset for one in self.stacks]
        facts = {
            "source": str(stack.path),
            "fingerprint": stack.fingerprint,
            "datasets": selections,
            "kind": self._kind,
        }
        return facts | {"range": list(affinities.values), "forward": list(affinities.are_forward)}

    @property
    def start(self) -> Voxel:
        """Place of the first voxel in the stack as the file says it, in voxels; the origin if it does not."""
        found = self._own_box.start if self._own_box else self._start_from((0.0, 0.0, 0.0))
        return found if found and min(found) >= 0 else (0, 0, 0)

    def places_in(
        self, shape: Shape, size: VoxelSize | None, offset: Sequence[float] | None, asked: Box | None = None
    ) -> AffinityPlaces:
        """Return the box that is to be segmented, all that there are affinities of if none is asked for.

        A box of a stack whose shape is that of the affinities says where they lie.

        Parameters
        ----------
        shape, size, offset
            As for `box_in`.
        asked : Box, optional
            Of the stack.

        Raises
        ------
        UserError
            As `box_in` does, and if the box lies outside the affinities.
        """
        own = self.affinities.shape
        if asked and asked.shape == own:
            self.check_size(size)
            return AffinityPlaces(Box.whole(own), asked)
        place = self.box_in(shape, size, offset)
        box = asked or place
        part = box.within(place)
        if part.clipped(own) != part:
            raise UserError(
                f"box: voxels inside the affinities are needed, which lie at {place.text} in the stack, got "
                f"{box.text}; choose it inside."
            )
        return AffinityPlaces(part, box)

    def box_in(self, shape: Shape, size: VoxelSize | None, offset: Sequence[float] | None) -> Box:
        """Return the place of the affinities in a stack.

        Parameters
        ----------
        shape : (z, y, x)
            Of the stack.
        size : VoxelSize or None
            Of the stack in nm.
        offset : (z, y, x) or None
            Place of the first voxel of the stack in nm.

        Raises
        ------
        UserError
            If they have other voxels than the stack, or nothing says where in it they lie.
        """
        self.check_size(size)
        own = self.affinities.shape
        if own == shape:
            return Box.whole(shape)
        box = self._own_box
        if box is None and (start := self._start_from(offset or (0.0, 0.0, 0.0))) is not None:
            box = Box.whole(own).moved(start)
        if box is None or box.clipped(shape) != box:
            where = "nothing says where they lie in it" if box is None else f"by their place they lie at {box.text}"
            raise UserError(
                f"{self.stack.path}: affinities of the shape of the stack {shape} are needed, got {own}, and {where}; "
                "say where with --box."
            )
        return box

    @property
    def scale(self) -> Scale:
        """Pixels of the stack, y x, that our own network saw as one; those of other programs are taken as they are."""
        stated = self.provenance.get("parameters", {}).get("scale")
        return SegmentParameters.of(scale=stated).scale or OWN

    @property
    def plan(self) -> SectionPlan | None:
        """The plan for the stack's sections that our own affinities follow; None if all were used as they are.

        Raises
        ------
        UserError
            If what they carry is no plan.
        """
        known = self.provenance.get("sections")
        return plan_of_json(known, triple(known["shape"])) if known else None

    @property
    def _dataset(self) -> str:
        """The name of the array, without its axes and the channel; empty if a file is one array."""
        return (self.stack.dataset or "").partition("[")[0]

    @property
    def _kind(self) -> str:
        return "boundaries" if self.affinities.are_boundaries else "affinities"

    @property
    def _own_box(self) -> Box | None:
        """The box of the stack that our own affinities say that they are of."""
        try:
            start, stop = self.provenance["box"]
            box = Box(triple(start), triple(stop))
        except (KeyError, TypeError, ValueError):
            return None
        return box if box.shape == self.affinities.shape else None

    def _start_from(self, origin: Sequence[float]) -> Voxel | None:
        """Return the start in voxels, counted from a place in nm; None if it is not stated, or beside the voxels."""
        place, size = self.stack.offset, self.stack.voxel_size
        if place is None or size is None:
            return None
        exact = [(at - of) / n for at, of, n in zip(place, origin, size, strict=True)]
        start = triple(round(n) for n in exact)
        return start if max(abs(n - m) for n, m in zip(exact, start, strict=True)) <= _ON_GRID else None

    def check_size(self, size: VoxelSize | None) -> None:
        own = self.stack.voxel_size
        """Refuse affinities of another voxel size than that of their stack, as far as both are known."""
        if size is None or own is None or all(abs(a - b) <= _NEAR * b for a, b in zip(own, size, strict=True)):
            return
        texts = [" x ".join(f"{n:g}" for n in one) for one in (size, own)]
        raise UserError(
            f"{self.stack.path}: affinities of the voxel size of the stack, {texts[0]} nm, are needed, got {texts[1]} "
            "nm; open the stack at that size, or say with --voxel-size what both have."
        )


def open_affinity_file(request: AffinityRequest) -> AffinityFile:
    """Open affinities or boundaries in NPY, NPZ, HDF5, Zarr, N5 or TIFF; values are read by `ForeignAffinities.write`.

    Raises
    ------
    UserError
        One sentence, if the file cannot be read, holds no affinities, or can be understood in two ways.
    """
    path = parse_location(request.path)
    if request.boundaries:
        stack = open_stack(path, request.dataset, request.voxel_size)
        boundaries = ForeignAffinities(_shown(path, stack.dataset), (stack.array,), asked_range=request.value_range)
        return AffinityFile(boundaries, (stack,), {}, request)
    found = _find_channels(path, request)
    with ExitStack() as on_failure:
        stacks = []
        for text in found.texts:
            stacks.append(on_failure.enter_context(open_stack(path, text, request.voxel_size)))
        channels, name = tuple(stack.array for stack in stacks), _shown(path, found.name)
        affinities = ForeignAffinities(name, channels, found.are_forward, request.value_range, found.notes)
        opened = AffinityFile(affinities, tuple(stacks), _provenance(path), request)
        on_failure.pop_all()
    return opened


class _Channels(NamedTuple):
    """Three channels of an array: its name, the texts that select them, and how they are read."""

    name: str
    texts: list[str]
    are_forward: tuple[bool, bool, bool]
    notes: tuple[str, ...]


def _find_channels(path: Location, request: AffinityRequest) -> _Channels:
    wish = StackSelection.parse(request.dataset)
    if wish.channel is not None:
        raise UserError(f"{path}: channels of affinities are chosen by their offsets; leave --channel out.")
    entry = _choose(path, wish, stored_arrays(path))
    name, stated = _shown(path, entry.name), request.offsets or read_offsets(entry.offsets)
    layout = _find_axes(name, entry, wish, len(stated or NEAREST))
    offsets, guess = offsets_of_channels(name, layout.channels, stated)
    nearest = nearest_channels(name, offsets)
    on_z, on_y, on_x = (channel.is_forward for channel in nearest)
    chosen = replace(wish, dataset=entry.name or None, axes=layout.axes)
    texts = [str(replace(chosen, channel=channel.number)) for channel in nearest]
    notes = (layout.note, guess, dropped_note(layout.channels))
    return _Channels(entry.name, texts, (on_z, on_y, on_x), tuple(filter(None, notes)))


def _choose(path: Location, wish: StackSelection, entries: Sequence[DatasetEntry]) -> DatasetEntry:
    """Return the array asked for; without a wish the only one of four axes, or that with a name of affinities."""
    named = wish.dataset.strip("/") if wish.dataset else ""
    below = [entry for entry in entries if entry.name == named or entry.name.startswith(f"{named}/") or not named]
    found = [entry for entry in below if sum(n > 1 for n in entry.shape) > 3 or len(entry.shape) > 3]
    usual = [entry for entry in found if _NAMES.search(entry.name.rpartition("/")[2])]
    likely = usual if len(usual) == 1 else found
    if len(likely) == 1:
        return likely[0]
    if found:
        texts = ", ".join(_entry_text(entry) for entry in found[:12])
        raise UserError(f"{path}: it holds {len(found)} arrays of channels, {texts}; name one with --dataset.")
    texts = ", ".join(_entry_text(entry) for entry in (below or entries)[:12]) or "nothing"
    wanted = f"{_shown(path, named)}: affinities of four axes, channel, z, y and x, are needed"
    raise UserError(f"{wanted}, got {texts}; a map of boundaries is named so with --boundaries.")


def _entry_text(entry: DatasetEntry) -> str:
    return f'"{entry.name}" {tuple(entry.shape)} {entry.dtype}' if entry.name else f"{tuple(entry.shape)} {entry.dtype}"


class _FoundAxes(NamedTuple):
    """The axes of an array, None where the file says them itself, the number of channels, and what was guessed."""

    axes: str | None
    channels: int
    note: str = ""


def _find_axes(name: str, entry: DatasetEntry, wish: StackSelection, count: int) -> _FoundAxes:
    """Return the axes that were asked for, that the file states, or that follow from the number of channels."""
    shape = entry.shape
    if wish.axes:
        if len(wish.axes) != len(shape) or not set("czyx") <= set(wish.axes):
            raise UserError(f'{name}: the axes c, z, y and x of shape {shape} are needed, got "{wish.axes}"; name all.')
        return _FoundAxes(wish.axes, shape[wish.axes.index("c")])
    stated = [{"channel": "c", "channels": "c"}.get(axis.lower(), axis.lower()) for axis in entry.axes or ()]
    if len(stated) == len(shape) and set("czyx") <= set(stated):
        return _FoundAxes(None, shape[stated.index("c")])
    axes = find_layout(name, shape, count)
    words = ", ".join(axes.removeprefix("b"))
    note = f"its axes of shape {tuple(shape)} are taken for {words}; name others with --axes."
    return _FoundAxes(axes, shape[axes.index("c")], note)


def _provenance(path: Location) -> dict[str, Any]:
    """Return what our own affinities say that made them; empty for those of other programs."""
    found = read_provenance(path) if isinstance(path, Path) and is_zarr(path) else {}
    return found if str(found.get("program", "")).startswith("napari-emcad") else {}


def _shown(path: Location, dataset: str | None) -> str:
    return f"{path}, {dataset}" if dataset else str(path)
