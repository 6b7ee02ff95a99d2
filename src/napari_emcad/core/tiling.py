"""Tiles of a large section: the part that each computes, and how much around it it must see."""

from dataclasses import dataclass
from itertools import pairwise

from napari_emcad.core.geometry import Box

Ends = tuple[int, int]
"""The first pixel of a part of an axis, and one past its last."""


@dataclass(frozen=True)
class Tile:
    """A rectangle of a section: `core` is what it answers for, `window` what it reads.

    Attributes
    ----------
    core, window : Ends on y, then on x
    """

    core: tuple[Ends, Ends]
    window: tuple[Ends, Ends]

    @property
    def core_in_window(self) -> tuple[slice, slice]:
        """Slices that cut the core out of what was computed for the window."""
        y, x = (slice(a - w, b - w) for (a, b), (w, _) in zip(self.core, self.window, strict=True))
        return y, x


def section_tiles(box: Box, section: tuple[int, int], size: int, halo: int, stride: int) -> list[Tile]:
    """Cut the box's part of a section into tiles of at most `size` pixels a side, of nearly equal size.

    Parameters
    ----------
    box : Box
        Its extent on y and x is covered.
    section : (y, x)
        Size of the whole section, a multiple of `stride`; windows end there.
    size, halo : int
        Pixels a side of a core at most, and pixels around it that its window must hold.
    stride : int
        Windows begin and end at multiples of this.
    """
    rows, columns = (
        [(_part, _window(_part, halo, stride, most)) for _part in _parts(box.start[axis], box.stop[axis], size)]
        for axis, most in zip((1, 2), section, strict=True)
    )
    return [Tile((y, x), (wy, wx)) for y, wy in rows for x, wx in columns]


def _parts(start: int, stop: int, size: int) -> list[Ends]:
    count = -(-(stop - start) // size)
    ends = [start + (stop - start) * i // count for i in range(count + 1)]
    return list(pairwise(ends))


def _window(part: Ends, halo: int, stride: int, most: int) -> Ends:
    start = max(0, part[0] - halo) // stride * stride
    stop = -(-(part[1] + halo) // stride) * stride
    return start, min(stop, most)
