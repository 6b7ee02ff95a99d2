"""Affinities or boundaries of any other network, made into ours: three channels to the previous voxel, value x 255."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.affinities import NEAREST, Offset
from napari_emcad.core.affinity_channels import (
    dropped_note,
    find_layout,
    nearest_channels,
    offsets_of_channels,
)
from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box, Shape, Slices, triple
from napari_emcad.core.progress import Job, Stopwatch
from napari_emcad.core.volume import Volume, Writable

TOLERANCE = 1e-3
"""Part of the range that rounding may reach beyond it: half of what makes a difference in 1/255."""

SLAB = 2**23
"""Voxels that are read at a time: chunks of files hold several sections, and are decoded once for all of these."""

LIKELY_MEAN = 0.4
"""Mean of the affinities in sections below which they look turned round: most voxels lie inside neurites."""

LIKELY_HIGHEST = 0.5
"""Part of the range that values reach at least, unless another range is meant."""

ValueRange = tuple[float, float]
"""Values of two voxels of different neurons, and of two of the same."""


@dataclass(frozen=True)
class ForeignAffinities:
    """Affinities or boundaries as another program wrote them, to be read by slices.

    Attributes
    ----------
    name : str
        Begins the sentences of errors.
    channels : tuple of Volume (z, y, x)
        Affinities to the neighbour on z, y and x; or one map of boundaries.
    are_forward : (bool, bool, bool)
        True where the neighbour is the next voxel, not the one before.
    asked_range : (float, float) or None
        Values that become 0, for a boundary between two voxels, and 1, for two of the same neuron; the first may be the
        higher one. None = 0 and 1 of float, 0 and 255 of uint8, and the other way round for boundaries.
    notes : tuple of str
        What was guessed or left out, as sentences.

    Raises
    ------
    UserError
        If the values are of another type, and no range is given.
    """

    name: str
    channels: tuple[Volume, ...]
    are_forward: tuple[bool, bool, bool] = (False, False, False)
    asked_range: ValueRange | None = None
    notes: tuple[str, ...] = ()
    values: ValueRange = field(init=False)

    def __post_init__(self) -> None:
        usual = _usual_range(self.dtype)
        if self.asked_range is None and usual is None:
            raise self._of_another_type()
        if self.asked_range is not None and not self.asked_range[0] != self.asked_range[1]:
            raise UserError(f"affinities range: two different values are needed, got {self.asked_range}.")
        low, high = usual or (0.0, 1.0)
        found = self.asked_range or ((high, low) if self.are_boundaries else (low, high))
        object.__setattr__(self, "values", (float(found[0]), float(found[1])))

    @property
    def are_boundaries(self) -> bool:
        """True if it is one map of boundaries."""
        return len(self.channels) == 1

    @property
    def shape(self) -> Shape:
        """Voxels on z, y, x."""
        return triple(self.channels[0].shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values."""
        return np.dtype(self.channels[0].dtype)

    def write(self, affinities: Writable, box: Box) -> Job[list[str]]:
        """Write the affinities of a box, value x 255, and return sentences on values that look wrong.

        Strategy: slabs of sections are read, checked and written one after the other. An affinity to the next voxel is
        that of the next voxel to this one, so it is moved by one; at the first voxel of an axis, which has none before
        it, the second one's stands. Of boundaries, an affinity is 1 less the higher one of the two voxels, as the
        weights of nifty's grid graph by maximum are.

        Parameters
        ----------
        affinities : array-like (3, z, y, x) uint8
            Of the box's shape; written.
        box : Box
            Inside the volume.

        Raises
        ------
        UserError
            If values are not finite, outside the range, or so low that another range must be meant.
        """
        watch, lowest, highest, sums = Stopwatch("affinities", box.shape[0]), 255, 0, 0
        for slab in _slabs(box):
            within = slab.within(box)
            for axis in range(len(NEAREST)):
                found = self._affinities(axis, slab)
                affinities[(axis, *within.slices)] = found
                lowest, highest = min(lowest, int(found.min())), max(highest, int(found.max()))
                sums += int(found.sum(dtype=np.int64)) if axis else 0
            yield watch.at(within.stop[0])
        low, high = self.values
        used = highest if low < high else 255 - lowest
        if used <= 1:
            raise self._too_low(used)
        return self._doubts(used / 255, sums / (2 * 255 * prod(box.shape)))

    def _affinities(self, axis: int, box: Box) -> NDArray[np.uint8]:
        if not self.are_boundaries:
            channel = self.channels[axis]
            place = _one_before(axis, box) if self.are_forward[axis] else box
            return _padded(self._read(channel, place), axis, box)
        here, before = (self._read(self.channels[0], place) for place in (box, _one_before(axis, box)))
        return np.minimum(here, _padded(before, axis, box))

    def _read(self, channel: Volume, box: Box) -> NDArray[np.uint8]:
        values = np.asarray(channel[box.slices])
        if values.dtype == np.uint8 and self.values == (0, 255):
            return values
        self._check(values, box)
        low, high = self.values
        exact: NDArray[np.floating] = values.astype(np.float64 if values.dtype.itemsize > 4 else np.float32, copy=False)
        part = (exact - low) / (high - low)
        return np.rint(part.clip(0, 1) * 255).astype(np.uint8)

    def _check(self, values: NDArray[Any], box: Box) -> None:
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            first = triple(np.argwhere(~np.isfinite(values))[0])
            voxel = ",".join(str(n + at) for n, at in zip(first, box.start, strict=True))
            raise UserError(
                f"{self.name}: finite values are needed, got {values[first]} at voxel {voxel}; replace it, or cut "
                "the part out with --box."
            )
        smallest, largest, (low, high) = float(values.min()), float(values.max()), sorted(self.values)
        reach = TOLERANCE * (high - low)
        if smallest < low - reach or largest > high + reach:
            raise UserError(
                f"{self.name}: values from {low:g} to {high:g} are needed, got {smallest:.6g} to {largest:.6g} in "
                f"sections {box.start[0]} to {box.stop[0] - 1}; {self._advice(smallest, largest)}."
            )

    def _of_another_type(self) -> UserError:
        kind = "boundaries" if self.are_boundaries else "affinities"
        top = {"b": 1}.get(self.dtype.kind, 65535 if self.dtype.itemsize == 2 else 255)
        limits = f"{top} 0" if self.are_boundaries else f"0 {top}"
        return UserError(
            f"{self.name}: {kind} as float (0 to 1) or uint8 (0 to 255) are needed, got {self.dtype}; if these are no "
            f"labels, name the values of a boundary and of the same neuron with --affinities-range, such as {limits}."
        )

    def _advice(self, smallest: float, largest: float) -> str:
        if smallest < 0:
            return "logits become probabilities by the sigmoid, 1 / (1 + exp(-x)); write these"
        means, limits = self._said_of(_likely_top(largest))
        return f"if {_likely_top(largest):g} means {means}, say so with --affinities-range {limits}"

    def _too_low(self, used: int) -> UserError:
        """Return the error for values of which none is higher than so many of the 255 steps of the range."""
        bottom, top = sorted(self.values)
        reached = bottom + (top - bottom) * used / 255
        if not used:
            return UserError(
                f"{self.name}: values up to {top:g} are needed, and all are close to {bottom:g}; predict them again."
            )
        means, limits = self._said_of(reached)
        return UserError(
            f"{self.name}: values up to {top:g} are needed, got none beyond {reached:.6g}; if {reached:.6g} means "
            f"{means}, say so with --affinities-range {limits}."
        )

    def _said_of(self, top: float) -> tuple[str, str]:
        """Return what the highest value means, and the range that has this one as the highest, in words."""
        low, high = self.values
        return ("the same neuron", f"{low:g} {top:.6g}") if low < high else ("a boundary", f"{top:.6g} {high:g}")

    def _doubts(self, used: float, mean: float) -> list[str]:
        low, high = self.values
        doubts = []
        if used < LIKELY_HIGHEST:
            bottom, top = sorted(self.values)
            reached = bottom + (top - bottom) * used
            means, limits = self._said_of(reached)
            doubts.append(
                f"its highest value is {reached:.6g} of {top:g}; if that means {means}, say so with "
                f"--affinities-range {limits}."
            )
        elif mean < LIKELY_MEAN:
            doubts.append(
                f"its affinities in sections are {mean:.2f} on average, and most voxels lie inside neurites; if "
                f"{low:g} means the same neuron, say so with --affinities-range {high:g} {low:g}."
            )
        return doubts


def foreign_affinities_of(
    array: Volume | NDArray[Any],
    offsets: Sequence[Offset] | None = None,
    axes: str | None = None,
    value_range: ValueRange | None = None,
    boundaries: bool = False,
    name: str = "affinities",
) -> ForeignAffinities:
    """Take an array in memory for affinities, or for a map of boundaries.

    Parameters
    ----------
    array : array-like
        Affinities of four axes, or boundaries (z, y, x).
    offsets : sequence of (z, y, x), optional
        One a channel; left out, three channels are those to the previous voxel on z, y and x.
    axes : str, optional
        Names of the four axes, such as "zyxc"; left out, the channels are the axis that is as long as there are.
    value_range, boundaries, name
        See `ForeignAffinities`.

    Raises
    ------
    UserError
        If it is no such array, or two readings of it are possible.
    """
    values = np.asarray(array)
    if boundaries:
        if values.ndim != 3:
            raise UserError(f"{name}: a map of boundaries (z, y, x) is needed, got shape {values.shape}; choose one.")
        return ForeignAffinities(name, (values,), asked_range=value_range)
    axes, notes = axes or find_layout(name, values.shape, len(offsets or NEAREST)), []
    if sorted(axes.replace("b", "")) != sorted("czyx") or len(axes) != values.ndim:
        raise UserError(f'{name}: the axes c, z, y and x of shape {values.shape} are needed, got "{axes}"; name them.')
    found = np.moveaxis(values, [axes.index(axis) for axis in "czyx"], range(-4, 0)).reshape(
        (-1, *_space(values, axes))
    )
    stated, guess = offsets_of_channels(name, len(found), offsets)
    nearest = nearest_channels(name, stated)
    on_z, on_y, on_x = (channel.is_forward for channel in nearest)
    notes += [note for note in (guess, dropped_note(len(found))) if note]
    chosen = tuple(found[channel.number] for channel in nearest)
    return ForeignAffinities(name, chosen, (on_z, on_y, on_x), value_range, tuple(notes))


def _space(values: NDArray[Any], axes: str) -> Shape:
    return triple(values.shape[axes.index(axis)] for axis in "zyx")


def _usual_range(dtype: np.dtype[Any]) -> ValueRange | None:
    return {"f": (0.0, 1.0), "u": (0.0, 255.0) if dtype.itemsize == 1 else None}.get(dtype.kind)


def _likely_top(largest: float) -> float:
    return next((float(top) for top in (1, 100, 255, 65535) if largest <= top), largest)


def _slabs(box: Box) -> Iterator[Box]:
    depth = max(1, SLAB // prod(box.shape[1:]))
    for z in range(box.start[0], box.stop[0], depth):
        yield Box((z, *box.start[1:]), (min(z + depth, box.stop[0]), *box.stop[1:]))


def _one_before(axis: int, box: Box) -> Box:
    """Return the box one voxel earlier on an axis, as far as it lies in the volume, of at least one voxel."""
    start, stop = list(box.start), list(box.stop)
    start[axis] = max(0, start[axis] - 1)
    stop[axis] = max(start[axis] + 1, stop[axis] - 1)
    return Box(triple(start), triple(stop))


def _padded(values: NDArray[np.uint8], axis: int, box: Box) -> NDArray[np.uint8]:
    """Return values of a box's shape: where its start has no voxel before it, the first ones stand twice."""
    if values.shape == box.shape:
        return values
    key: Slices = (slice(None), slice(None), slice(None))
    first = tuple(slice(0, 1) if place == axis else part for place, part in enumerate(key))
    return np.concatenate([values[first], values], axis=axis)
