"""A network and a stack -> the network's values, section by section; each kind of network brings a walk of its own.

for each part of the stack that nothing goes on between:
    walk through its sections in tiles, and write each section once it is finished
    where memory runs out: go on from the section that is not finished, in smaller tiles
"""

from collections.abc import Callable, Iterator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.progress import Job, Stopwatch
from napari_emcad.core.volume import Volume
from napari_emcad.inference.aligned import SeenPart
from napari_emcad.inference.engines.device import release_memory, reuse_memory
from napari_emcad.inference.out_of_memory import explain_out_of_memory, is_out_of_memory
from napari_emcad.inference.prediction import Prediction
from napari_emcad.inference.resampled import ResampledPart, shown_parts

ShownPart = SeenPart | ResampledPart
"""A part of a stack as a network sees it."""

Walk = Iterator[tuple[float, NDArray[np.uint8] | None]]
"""After each tile how far the walk is ahead of the sections that are finished, in sections, and None; after the last
tile of a section that number and the section's values (c, y, x)."""

Write = Callable[[int, NDArray[np.uint8]], None]
"""Takes a section's place in the box, from 0 on, and its values x 255, (c, y, x)."""


class ReadyNetwork(Protocol):
    """A network that is ready on its device, and its way through a part of a stack."""

    @property
    def channels(self) -> int:
        """Values of a voxel."""

    def walk(self, part: ShownPart, tile: int, first: int) -> Walk:
        """Walk through the sections of a part in order, from one on, in tiles of so many pixels a side."""

    def usual_tile(self) -> int:
        """Return pixels a side of the tiles that device and memory allow."""

    def smaller_tile(self, tile: int) -> int:
        """Return pixels a side of tiles that take less memory.

        Raises
        ------
        UserError
            If there are none.
        """


def predict_sections(
    make_ready: Callable[[], ReadyNetwork], stage: str, volume: Volume, write: Write, prediction: Prediction
) -> Job[None]:
    """Predict a box of a volume, section by section; stop within one tile by closing the job.

    Parameters
    ----------
    make_ready : callable
        Puts the network on its device; what it returns is gone when the job has ended.
    stage : str
        Name of the values in the progress.
    volume : Volume
    write : Write
        Called with 0 for the sections that are left out, then with every other one in order.
    prediction : Prediction

    Raises
    ------
    UserError
        If a section holds NaN, or memory does not suffice for the network or its smallest tile.
    """
    reuse_memory()
    with explain_out_of_memory("the network"):
        ready = make_ready()
    try:
        tile = prediction.tile or ready.usual_tile()
        total, done = prediction.box.shape[0], prediction.done
        watch = Stopwatch(stage, total, done)
        yield watch.at(done)
        _leave_out(write, ready.channels, prediction)
        for part in shown_parts(volume, prediction):
            k = _first_unfinished(part, prediction.done)
            while k < part.box.stop[0]:
                try:
                    # no name is bound to the walk: it would keep the memory of its tiles from being released
                    for ahead, values in ready.walk(part, tile, k):
                        if values is not None:
                            write(part.section(k), part.values(k, values))
                            done, k = part.end(k), k + 1
                        yield watch.at(done, ahead)
                except (MemoryError, RuntimeError) as error:
                    if not is_out_of_memory(error):
                        raise
                    tile = ready.smaller_tile(tile)
                release_memory(prediction.device)
        if done < total:  # all of it is left out
            yield watch.at(total)
    finally:
        del ready
        release_memory(prediction.device)


def _first_unfinished(part: ShownPart, done: int) -> int:
    """Return the first section of a part that is not among those finished already; its end if there is none."""
    start, stop = part.box.start[0], part.box.stop[0]
    return next((k for k in range(start, stop) if part.end(k) > done), stop)


def _leave_out(write: Write, channels: int, prediction: Prediction) -> None:
    """Write 0 into the sections of the prediction's box that are left out."""
    if prediction.plan:
        nothing = np.zeros((channels, *prediction.box.shape[1:]), np.uint8)
        for z in np.flatnonzero(prediction.plan.left_out[prediction.box.slices[0]]).tolist():
            write(z, nothing)
