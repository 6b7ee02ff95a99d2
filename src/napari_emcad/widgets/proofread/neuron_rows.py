"""The rows of the list of neurons: which are shown, in which order, and in which words."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.ids import SegmentId

COLUMNS = ("id", "voxels", "sections", "done")
VOXELS = COLUMNS.index("voxels")


class NeuronOrder(NamedTuple):
    """The rows that are looked for, and how they are sorted.

    Attributes
    ----------
    digits : str
        The first digits of the ids to show; empty = all.
    column : int
    is_falling : bool
        True if the largest value comes first.
    """

    digits: str = ""
    column: int = VOXELS
    is_falling: bool = True


class ArrangedNeurons(NamedTuple):
    """All rows (k, 4), those that are shown in their order, and that order."""

    rows: NDArray[np.int64]
    shown: NDArray[np.int64]
    order: NeuronOrder


NO_ROWS = ArrangedNeurons(*2 * (np.empty((0, len(COLUMNS)), np.int64),), NeuronOrder())


def arrange_neurons(rows: NDArray[np.int64], order: NeuronOrder) -> ArrangedNeurons:
    """Choose and sort rows; those of one value keep their order.

    Parameters
    ----------
    rows : (k, 4) int64
        One for each neuron, with the columns of `COLUMNS`.
    order : NeuronOrder
    """
    found = rows[np.char.startswith(rows[:, 0].astype(str), order.digits)] if order.digits else rows
    values = found[:, order.column]
    return ArrangedNeurons(rows, found[np.argsort(-values if order.is_falling else values, kind="stable")], order)


def cell_text(value: int, column: int) -> str:
    """Return the words of one cell."""
    if COLUMNS[column] == "done":
        return "yes" if value else ""
    return str(value) if COLUMNS[column] == "id" else f"{value:,}"


def clicked_last(selected: Sequence[SegmentId], clicked: SegmentId) -> list[SegmentId]:
    """Return the neurons selected with the one that was clicked at the end, if it is among them."""
    return [*(neuron for neuron in selected if neuron != clicked), *([clicked] if clicked in selected else [])]
