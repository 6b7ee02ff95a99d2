"""The three channels that agglomeration uses, found among those of another program's affinities."""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from napari_emcad.core.affinities import NEAREST, Offset
from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import triple

LAYOUTS = ("czyx", "zyxc", "zcyx")
"""Orders of axes that affinities are looked for in where nothing says the order."""

_TEXT = re.compile(r"[-+\d,;\s()\[\]]+")


class Channel(NamedTuple):
    """A channel of affinities to a neighbour: its number, and whether that is the next voxel, not the one before."""

    number: int
    is_forward: bool


def parse_offsets(text: str) -> tuple[Offset, ...]:
    """Read offsets (z, y, x), a channel each: "-1,0,0 0,-1,0 0,0,-1", or the same with brackets.

    Raises
    ------
    UserError
        If these are not three whole numbers for each channel.
    """
    numbers = [int(n) for n in re.findall(r"[-+]?\d+", text)]
    if not numbers or len(numbers) % 3 or not _TEXT.fullmatch(text):
        raise UserError(
            f'offsets: three whole numbers z,y,x for each channel are needed, got "{text}"; '
            'write them as "-1,0,0 0,-1,0 0,0,-1".'
        )
    return tuple(triple(numbers[n : n + 3]) for n in range(0, len(numbers), 3))


def read_offsets(stated: Any) -> tuple[Offset, ...] | None:
    """Return the offsets that a file states; None if these are none."""
    try:
        values = np.asarray(stated, np.float64)
    except (TypeError, ValueError):
        return None
    if values.ndim != 2 or values.shape[1] != 3 or not (len(values) and np.array_equal(values, np.rint(values))):
        return None
    return tuple(triple(offset) for offset in values.astype(int).tolist())


def nearest_channels(name: str, offsets: Sequence[Offset]) -> tuple[Channel, Channel, Channel]:
    """Return the channels to the neighbours on z, y and x; all others are left out.

    Parameters
    ----------
    name : str
        Begins the sentence of the error.
    offsets : sequence of (z, y, x)
        One a channel, in voxels.

    Raises
    ------
    UserError
        If one of the three is not there.
    """
    offsets = [triple(offset) for offset in offsets]
    found = []
    for axis, back in zip("zyx", NEAREST, strict=True):
        ahead = triple(-n for n in back)
        if back not in offsets and ahead not in offsets:
            raise UserError(
                f"{name}: a channel to the neighbour on {axis} is needed, offset {_text(back)} or {_text(ahead)}, got "
                f"the offsets {' '.join(map(_text, offsets))}; name them with --offsets, or predict that one, too."
            )
        found.append(Channel(offsets.index(back if back in offsets else ahead), back not in offsets))
    on_z, on_y, on_x = found
    return on_z, on_y, on_x


def offsets_of_channels(name: str, count: int, offsets: Sequence[Offset] | None) -> tuple[Sequence[Offset], str]:
    """Return the offsets of that many channels, and a sentence if they were guessed.

    Parameters
    ----------
    name : str
        Begins the sentence of the error.
    count : int
    offsets : sequence of (z, y, x), optional
        As given or stated; None = nothing says them. Then three channels are those to the previous voxel on z, y, x.

    Raises
    ------
    UserError
        If there are not as many, or nothing says those of other than three channels.
    """
    if offsets is None and count != len(NEAREST):
        raise UserError(
            f"{name}: the offsets of its {count} channels are needed, and nothing says them; name them with --offsets, "
            'such as --offsets "-1,0,0 0,-1,0 0,0,-1 -2,0,0"; a map of boundaries is named so with --boundaries.'
        )
    if offsets is None:
        note = "its 3 channels are taken for z, y and x, to the previous voxel each; name others with --offsets."
        return NEAREST, note
    if len(offsets) != count:
        raise UserError(
            f"{name}: an offset for each of its {count} channels is needed, got {len(offsets)}; "
            "name as many with --offsets."
        )
    return offsets, ""


def dropped_note(count: int) -> str:
    """Return the sentence on channels that are left out of so many; empty if all are used."""
    more = count - len(NEAREST)
    words = "1 of its channels is" if more == 1 else f"{more} of its channels are"
    return f"{words} left out: only those to the nearest voxels are used." if more > 0 else ""


def find_layout(name: str, shape: Sequence[int], count: int = len(NEAREST)) -> str:
    """Return the order of the four axes of an array that does not say it: "czyx", "zyxc" or "zcyx".

    Parameters
    ----------
    name : str
        Begins the sentence of the error.
    shape : sequence of int
        Of the array; a first axis of length 1 before four others is a batch, "b".
    count : int
        Channels that there are.

    Raises
    ------
    UserError
        If there are not four axes, no axis is as long as there are channels, or several are.
    """
    shape = tuple(int(n) for n in shape)
    batch = "b" if len(shape) == 5 and shape[0] == 1 else ""
    if len(shape) - len(batch) != 4:
        raise UserError(
            f"{name}: affinities have four axes, channel, z, y and x, got shape {shape}; a map of boundaries (z, y, x) "
            "is named so with --boundaries."
        )
    found = [batch + layout for layout in LAYOUTS if shape[(batch + layout).index("c")] == count]
    if not found:
        raise UserError(
            f"{name}: an axis of {count} channels is needed, got shape {shape}; name the axes with --axes, such as "
            "--axes czyx, and the offset of each channel with --offsets."
        )
    if len(found) > 1:
        raise UserError(
            f"{name}: {' or '.join(found)} could be the axes of shape {shape}; say which with --axes {found[0]}."
        )
    return found[0]


def _text(offset: Offset) -> str:
    return ",".join(map(str, offset))
