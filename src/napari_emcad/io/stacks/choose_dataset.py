"""Which dataset of a file with several is the stack."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from napari_emcad.core.errors import UserError
from napari_emcad.io.stacks.check_stack import count_leading_axes
from napari_emcad.io.stacks.locations import Location

USUAL = ("volumes/raw", "main", "raw")
"""Where CREMI, SNEMI and many others keep the images, in the order they are looked for."""


class SeveralStacks(UserError):
    """A file holds several stacks, and nothing says which is meant."""


class DatasetEntry(NamedTuple):
    """A dataset of a file: its path inside, its shape and its type."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype

    @property
    def is_stack(self) -> bool:
        """Whether it can be opened as (z, y, x)."""
        return len(self.shape) - count_leading_axes(self.shape) == 3 and np.dtype(self.dtype).kind in "buif"


def openable_names(entries: Iterable[DatasetEntry]) -> list[str]:
    """The datasets that can be opened as (z, y, x)."""
    return [entry.name for entry in entries if entry.is_stack]


def choose_dataset(path: Location, wish: str | None, entries: list[DatasetEntry]) -> str:
    """The dataset asked for; without a wish the only stack, or the one with a usual name.

    Raises
    ------
    UserError
        Where there is none, or none of that name; it lists what is there.
    SeveralStacks
        Where there is no telling which; it lists them.
    """
    if wish is not None:
        return _wished(path, wish.strip("/"), entries)
    stacks = openable_names(entries)
    usual = [name for name in USUAL if name in stacks]
    if len(stacks) == 1 or usual:
        return (usual or stacks)[0]
    if not stacks:
        raise UserError(f"{path}: a dataset with the axes (z, y, x) is needed, got {_listed(entries)}.")
    listed = _listed(entry for entry in entries if entry.is_stack)
    raise SeveralStacks(f"{path}: it holds {len(stacks)} stacks, {listed}; name the dataset.")


def _wished(path: Location, wish: str, entries: list[DatasetEntry]) -> str:
    if wish not in [entry.name for entry in entries]:
        raise UserError(f'{path}: there is no dataset "{wish}" in it; choose from {_listed(entries)}.')
    return wish


def _listed(entries: Iterable[DatasetEntry], most: int = 12) -> str:
    told = [f'"{e.name}" {tuple(e.shape)} {e.dtype}' for e in entries]
    more = [f"{len(told) - most} more"] if len(told) > most else []
    return ", ".join(told[:most] + more) or "no dataset at all"
