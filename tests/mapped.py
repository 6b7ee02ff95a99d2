"""A session whose fragments are mapped from their file, and how much of that has been read."""

from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_emcad.core.geometry import VoxelSize
from napari_emcad.core.merge_tree import merge_tree
from napari_emcad.core.progress import drive
from napari_emcad.core.region_graph import region_graph
from napari_emcad.core.segmentation import Segmentation, fragment_sizes
from napari_emcad.io.session_facts import SessionFacts
from napari_emcad.io.sessions import create_session

SHAPE, CELL, LENGTH = (64, 256, 256), 32, 4
DEEP = 40
"""A section far into the volume."""

SECTION_BYTES = SHAPE[1] * SHAPE[2] * 4
WHOLE_BYTES = SHAPE[0] * SECTION_BYTES
SIZE = VoxelSize(30, 6, 6)
_SMAPS = Path("/proc/self/smaps")


def write_session(folder: Path, name: str = "large.emcad", shift: int = 0) -> Path:
    """Neurons of CELL x CELL pixels and LENGTH sections, a fragment in each, with a noisy stack and its affinities.

    In another session of the same stack, fragments may begin `shift` pixels earlier on x.
    """
    z, y, x = np.indices(SHAPE, sparse=True)
    across = SHAPE[2] // CELL
    fragments = z * across**2 + y // CELL * across + np.minimum((x + shift) // CELL, across - 1) + 1
    affinities = np.full((3, *SHAPE), 250, np.uint8)
    affinities[0, ::LENGTH], affinities[1, :, ::CELL], affinities[2, :, :, (-shift) % CELL :: CELL] = 30, 30, 30
    affinities[0, : 3 * LENGTH, :CELL, :CELL] = 250  # one is larger, so that joining two others is nothing special
    fragments = np.ascontiguousarray(fragments, np.uint32)
    graph, sizes = drive(region_graph(affinities, fragments)), fragment_sizes(fragments)
    stack = folder / "stack.tif"
    if not stack.exists():
        noise = np.random.default_rng(0).integers(0, 255, SHAPE, np.uint8)
        tifffile.imwrite(stack, noise, photometric="minisblack")
    facts = SessionFacts(source=str(stack), voxel_size_nm=SIZE, threshold=0.5)
    base = Segmentation(fragments, graph, merge_tree(graph, sizes), sizes)
    create_session(folder / name, base, affinities, facts).close()
    return folder / name


def bytes_read(fragments: np.memmap) -> int:
    """Bytes of a mapped file that this program has looked at since it was opened, in pages around what it looked at.

    Any array that reads them is seen by the system, whatever way it goes.
    """
    if not _SMAPS.exists():
        pytest.skip("what has been read of a file is told by Linux only")
    is_it, found = False, 0
    for line in _SMAPS.read_text().splitlines():
        words = line.split()
        if "-" in words[0] and not words[0].endswith(":"):
            is_it = len(words) > 5 and line.endswith(str(fragments.filename))
        elif is_it and words[0] == "Rss:":
            found += int(words[1]) * 1024
    return found


def neuron_at(opened, voxel: tuple[int, int, int]) -> int:
    state = opened.session.state
    return int(state.table[state.base.fragments[voxel]])
