"""Numbers, sizes, times and lists as people read them; every number has a unit."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from napari_emcad.core.geometry import VoxelSize
from napari_emcad.core.progress import Progress

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def count(number: int, noun: str) -> str:
    """Return a number and its noun: "1 neuron", "1,200 neurons"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def size_text(size: int) -> str:
    """Return bytes as text: "1.3 GB" or "80 MB"."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{max(1, round(size / 1e6))} MB"


def shape_text(shape: Sequence[int]) -> str:
    """Return a shape as text: "100 x 1024 x 1024"."""
    return " x ".join(str(n) for n in shape)


def first_few(names: Sequence[str], most: int = 3) -> str:
    """Return the first names of a list, and how many more there are: "a, b, c and 155 more"."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


def progress_text(progress: Progress) -> str:
    """Return progress as text: "affinities 34/100, 0:41 left"."""
    if progress.total <= 1:
        return f"{progress.stage} ..."
    left = "" if progress.seconds_left is None else f", {clock_text(progress.seconds_left)} left"
    return f"{progress.stage} {progress.done}/{progress.total}{left}"


def clock_text(seconds: float) -> str:
    """Return seconds like a clock: "0:41", or "1:02:03" from an hour on."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def about_text(seconds: float) -> str:
    """Return seconds as a rough time: "~ 20 s", "~ 3 min" or "~ 1.5 h"."""
    if seconds < 90:
        return f"~ {max(1, round(seconds))} s"
    return f"~ {round(seconds / 60)} min" if seconds < 5400 else f"~ {seconds / 3600:.1f} h"


def duration_text(seconds: float) -> str:
    """Return seconds as a duration: "21 s" or "3 min 5 s"."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, seconds = divmod(round(seconds), 60)
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"


def voxel_size_text(size: VoxelSize | None) -> str:
    """Return a voxel size as text: "30 x 6 x 6 nm"."""
    return "voxel size not known" if size is None else " x ".join(f"{n:g}" for n in size) + " nm"


def neurons_text(sizes: "NDArray[np.int64]", what: str = "neuron") -> str:
    """Return the number and size of neurons: "412 neurons, median 1,930 voxels"."""
    if not len(sizes):
        return f"no {what}s"
    import numpy as np

    return f"{count(len(sizes), what)}, median {round(float(np.median(sizes))):,} voxels"
