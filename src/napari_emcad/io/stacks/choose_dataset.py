"""The choice of the dataset that is the stack, in a file with several."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from napari_emcad.core.errors import UserError
from napari_emcad.io.stacks.axes import arrange_axes
from napari_emcad.io.stacks.check_stack import NotAStack
from napari_emcad.io.stacks.locations import Location
from napari_emcad.io.stacks.open_dataset import Holds
from napari_emcad.io.stacks.stack_selection import ANY, StackSelection

USUAL = ("volumes/raw", "main", "raw")
"""Names under which CREMI, SNEMI and many others keep the images, in the order they are looked for."""


class SeveralStacks(UserError):
    """The error for a file that holds several stacks, if nothing says which one to open."""


class DatasetEntry(NamedTuple):
    """A dataset of a file: its path inside, shape and type, and what the file says of axes, contents and offsets."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    axes: Sequence[str] | None = None
    holds: Holds | None = None
    offsets: object = None

    def is_stack(self, selection: StackSelection) -> bool:
        """Return True if it can be opened as (z, y, x), with the channel, time point and axes that are selected."""
        try:
            arrange_axes(self.name, self.shape, self.axes, selection)
        except NotAStack:
            return False
        return np.dtype(self.dtype).kind in "buif"

    def channels(self) -> list[str]:
        """Return the texts that select one of its channels each; none if it has no channels to choose from."""
        if "c" not in (self.axes or ()) or self.is_stack(ANY):
            return []
        choices = [StackSelection(channel=channel) for channel in range(self.shape[list(self.axes or ()).index("c")])]
        return [choice.named(self.name) or "" for choice in choices if self.is_stack(choice)]


def openable_names(entries: Iterable[DatasetEntry]) -> list[str]:
    """Return what can be opened as (z, y, x): names of datasets, and texts that select a channel of one."""
    return [name for entry in entries for name in ([entry.name] if entry.is_stack(ANY) else entry.channels())]


def choose_dataset(path: Location, wish: StackSelection, entries: list[DatasetEntry]) -> DatasetEntry:
    """Return the dataset asked for; without a wish the only stack, or the one with a usual name.

    Raises
    ------
    UserError
        If there is none, or none of that name; it lists what is there.
    SeveralStacks
        If several could be meant; it lists them.
    """
    if wish.dataset is not None:
        return _find_wish(path, wish.dataset.strip("/"), entries)
    stacks = {entry.name: entry for entry in entries if entry.is_stack(wish)}
    usual = [name for name in USUAL if name in stacks]
    images = [name for name, entry in stacks.items() if entry.holds != "labels"]
    likely = usual or (images if len(images) == 1 else list(stacks))
    if len(likely) == 1 or usual:
        return stacks[likely[0]]
    if stacks:
        raise SeveralStacks(f"{path}: it holds {len(stacks)} stacks, {_list_text(stacks.values())}; name the dataset.")
    if len(entries) == 1:
        _explain(path, wish, entries[0])
    raise UserError(f"{path}: a dataset with the axes (z, y, x) is needed, got {_list_text(entries)}.")


def _explain(path: Location, wish: StackSelection, entry: DatasetEntry) -> None:
    """Say why the only dataset is no stack."""
    try:
        arrange_axes(f"{path}, {entry.name}", entry.shape, entry.axes, wish)
    except NotAStack as error:
        raise (SeveralStacks(str(error)) if entry.channels() else error) from None


def _find_wish(path: Location, wish: str, entries: list[DatasetEntry]) -> DatasetEntry:
    found = next((entry for entry in entries if entry.name == wish), None)
    if found is None:
        raise UserError(f'{path}: there is no dataset "{wish}" in it; choose from {_list_text(entries)}.')
    return found


def _list_text(entries: Iterable[DatasetEntry], most: int = 12) -> str:
    """Return the datasets as text: "main" (5, 24, 37) uint8, and how many more there are."""
    texts = [f'"{e.name}" {tuple(e.shape)} {e.dtype}' for e in entries]
    more = [f"{len(texts) - most} more"] if len(texts) > most else []
    return ", ".join(texts[:most] + more) or "no dataset at all"
