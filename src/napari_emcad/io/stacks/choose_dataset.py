"""The choice of the dataset that is the stack, in a file with several."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from napari_emcad.core.errors import UserError
from napari_emcad.io.stacks.check_stack import count_leading_axes
from napari_emcad.io.stacks.locations import Location

USUAL = ("volumes/raw", "main", "raw")
"""Names under which CREMI, SNEMI and many others keep the images, in the order they are looked for."""


class SeveralStacks(UserError):
    """The error for a file that holds several stacks, if nothing says which one to open."""


class DatasetEntry(NamedTuple):
    """A dataset of a file: its path inside, its shape and its type."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def is_stack(self) -> bool:
        """True if it can be opened as (z, y, x)."""
        return len(self.shape) - count_leading_axes(self.shape) == 3 and np.dtype(self.dtype).kind in "buif"


def openable_names(entries: Iterable[DatasetEntry]) -> list[str]:
    """Return the names of the datasets that can be opened as (z, y, x)."""
    return [entry.name for entry in entries if entry.is_stack]


def choose_dataset(path: Location, wish: str | None, entries: list[DatasetEntry]) -> str:
    """Return the name of the dataset asked for; without a wish the only stack, or the one with a usual name.

    Raises
    ------
    UserError
        If there is none, or none of that name; it lists what is there.
    SeveralStacks
        If several could be meant; it lists them.
    """
    if wish is not None:
        return _find_wish(path, wish.strip("/"), entries)
    stacks = openable_names(entries)
    usual = [name for name in USUAL if name in stacks]
    if len(stacks) == 1 or usual:
        return (usual or stacks)[0]
    if not stacks:
        raise UserError(f"{path}: a dataset with the axes (z, y, x) is needed, got {_list_text(entries)}.")
    listed = _list_text(entry for entry in entries if entry.is_stack)
    raise SeveralStacks(f"{path}: it holds {len(stacks)} stacks, {listed}; name the dataset.")


def _find_wish(path: Location, wish: str, entries: list[DatasetEntry]) -> str:
    if wish not in [entry.name for entry in entries]:
        raise UserError(f'{path}: there is no dataset "{wish}" in it; choose from {_list_text(entries)}.')
    return wish


def _list_text(entries: Iterable[DatasetEntry], most: int = 12) -> str:
    """Return the datasets as text: "main" (5, 24, 37) uint8, and how many more there are."""
    texts = [f'"{e.name}" {tuple(e.shape)} {e.dtype}' for e in entries]
    more = [f"{len(texts) - most} more"] if len(texts) > most else []
    return ", ".join(texts[:most] + more) or "no dataset at all"
