"""The (z, y, x) of a stack, found in an array of a file with its axes in any order and number."""

from collections.abc import Mapping, Sequence

from napari_emcad.core.geometry import triple
from napari_emcad.core.wording import shape_text
from napari_emcad.io.metadata.arrangement import Arrangement
from napari_emcad.io.stacks.check_stack import NotAStack
from napari_emcad.io.stacks.stack_selection import ANY, StackSelection

SPACE = ("z", "y", "x")

_OPTIONS = {"c": ("channel", "--channel"), "t": ("time point", "--time")}
"""The words for a place on an axis, and the option that names it."""


def arrange_axes(
    name: str, shape: Sequence[int], stated: Sequence[str] | None, selection: StackSelection = ANY
) -> Arrangement:
    """Return where the stack lies in an array.

    Parameters
    ----------
    name : str
        Begins the sentences of errors.
    shape : sequence of int
        Of the array, in its own order.
    stated : sequence of str, optional
        Names of its axes in that order: z, y, x, c, t or others; None = the file does not say. Then they are z, y and
        x behind axes of length 1, or before them.
    selection : StackSelection, optional
        The axes' names, the channel and the time point that are asked for.

    Raises
    ------
    NotAStack
        If there are axes of more than one voxel beside z, y and x, and nothing says which place on them is meant.
    """
    shape = tuple(int(n) for n in shape)
    names = _checked_names(name, shape, selection.axes or stated)
    if names is None:
        _refuse_places(name, shape, selection)
        return _arrange_unnamed(name, shape)
    return _arrange_named(name, shape, names, selection)


def _checked_names(name: str, shape: tuple[int, ...], stated: Sequence[str] | None) -> list[str] | None:
    """Return the names as single small letters where they are known ones; None if nothing is stated."""
    if stated is None:
        return None
    names = [_short(axis) for axis in stated]
    if len(names) != len(shape) or any(names.count(axis) > 1 for axis in SPACE):
        raise NotAStack(
            f"{name}: a name for each axis of shape {shape} is needed, got {', '.join(names)}; "
            "name them with --axes, such as --axes zyx."
        )
    return names


def _short(axis: str) -> str:
    word = str(axis).strip().lower()
    return {"channel": "c", "channels": "c", "time": "t"}.get(word, word)


def _arrange_named(name: str, shape: tuple[int, ...], names: list[str], selection: StackSelection) -> Arrangement:
    stated = names
    names, notes = _take_for_sections(names, shape)
    if not set(SPACE) <= set(names):
        raise _no_stack(name, names, shape)
    wishes = {"c": selection.channel, "t": selection.time}
    for axis, wish in wishes.items():
        if wish is not None and axis not in names:
            raise NotAStack(f"{name}: it has no axis {axis} to choose from; leave {_OPTIONS[axis][1]} out.")
    others = [axis for axis, found in enumerate(names) if found not in SPACE]
    fixed = {axis: _place(name, names[axis], shape[axis], wishes.get(names[axis])) for axis in others}
    return _arrangement([names.index(axis) for axis in SPACE], fixed, shape, *notes, names=stated)


def _take_for_sections(names: list[str], shape: tuple[int, ...]) -> tuple[list[str], list[str]]:
    """Take time points or channels for sections where there are no others: programs often save stacks so."""
    long = [axis for axis, length in zip(names, shape, strict=True) if length > 1 and axis not in SPACE]
    if "z" in names or len(long) != 1 or long[0] not in _OPTIONS:
        return names, []
    axis = long[0]
    note = f"its {shape[names.index(axis)]} {_OPTIONS[axis][0]}s are taken for sections, as it has no axis z."
    return ["z" if found == axis else found for found in names], [note]


def _no_stack(name: str, names: list[str], shape: tuple[int, ...]) -> NotAStack:
    if max((n for axis, n in zip(names, shape, strict=True) if axis not in SPACE), default=1) == 1:
        return NotAStack(
            f"{name}: a stack (z, y, x) is needed, got a single section of shape {shape}; "
            "open a stack, or a folder of section images."
        )
    return NotAStack(
        f"{name}: a stack with the axes z, y and x is needed, got {', '.join(names)}; name the axes with --axes."
    )


def _place(name: str, axis: str, length: int, wish: int | None) -> int:
    word, option = _OPTIONS.get(axis, (f'place on the axis "{axis}"', ""))
    if wish is None and length == 1:
        return 0
    if wish is None:
        remedy = f"choose one with {option} 0 to {length - 1}" if option else "save one of them as a stack"
        raise NotAStack(f"{name}: one {word} is needed, and it has {length}; {remedy}.")
    if not 0 <= wish < length:
        raise NotAStack(f"{name}: a {word} from 0 to {length - 1} is needed, got {wish}; choose another one.")
    return wish


def _refuse_places(name: str, shape: tuple[int, ...], selection: StackSelection) -> None:
    if selection.channel is not None or selection.time is not None:
        raise NotAStack(
            f"{name}: it does not say what its axes of shape {shape} are; name them with --axes, such as --axes zyxc."
        )


def _arrange_unnamed(name: str, shape: tuple[int, ...]) -> Arrangement:
    """Take the axes that are left as z, y, x; of those of length 1 go the first, unless y or x would be one of them."""
    if len(shape) < 3:
        raise NotAStack(
            f"{name}: a stack (z, y, x) is needed, got a single section of shape {shape}; "
            "open a stack, or a folder of section images."
        )
    spare = len(shape) - 3
    single = [axis for axis, n in enumerate(shape) if n == 1]
    if len(single) < spare:
        raise NotAStack(
            f"{name}: a stack (z, y, x) is needed, got {len(shape)} axes of shape {shape}; "
            "name them with --axes, such as --axes czyx, and the channel or time point that is meant."
        )
    last = [axis for axis in reversed(single) if axis >= len(shape) - 2] if len(shape) > 3 else []
    dropped = ([*last, *single])[:spare]
    z, y, x = (axis for axis in range(len(shape)) if axis not in dropped)
    return _arrangement((z, y, x), dict.fromkeys(dropped, 0), shape)


def _arrangement(
    order: Sequence[int],
    fixed: Mapping[int, int],
    shape: tuple[int, ...],
    *notes: str,
    names: Sequence[str] | None = None,
) -> Arrangement:
    is_as_is = not fixed and list(order) == sorted(order)
    words = f"axes {', '.join(names)}" if names else f"shape {shape_text(shape)}"
    found = triple(order)
    return Arrangement(found, fixed, triple(shape[axis] for axis in found), notes, "" if is_as_is else words)
