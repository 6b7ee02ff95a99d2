"""Checksums of the chunks that each block of a run has written: compared as other blocks read them."""

from collections.abc import Iterator
from functools import lru_cache
from itertools import product
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from napari_emcad.core.blocks import Blocks
from napari_emcad.core.geometry import Box, triple
from napari_emcad.io.chunk_checksums import CheckedStore, ChunkChecksums, ChunkNumber, checksum_of
from napari_emcad.io.sessions.block_files import BlockFiles


def keep_checksums(files: BlockFiles, name: str, number: int, box: Box) -> None:
    """Keep the checksums of the chunks of an array that lie in a block, which has written them.

    Parameters
    ----------
    files : BlockFiles
    name : str
        The array.
    number : int
        The block.
    box : Box
        Its voxels.

    Raises
    ------
    UserError
        If a chunk cannot be read again, or the disk is full.
    """
    with files.explain_errors():
        array = zarr.open_array(files.folder / name, mode="r")
        chunks = list(_chunks_in(array, box))
        found = np.array([checksum_of(files.folder / name, chunk) for chunk in chunks], np.uint32)
    listed = np.array(chunks, np.int64).reshape(-1, array.ndim)
    files.save_table(_table_of(name), number, chunks=listed, found=found)


def known_checksums(files: BlockFiles, name: str, blocks: Blocks) -> dict[ChunkNumber, int]:
    """Return the checksums that all blocks have kept of an array."""
    known: dict[ChunkNumber, int] = {}
    for number in range(len(blocks)):
        known |= _kept(files, name, number)
    return known


def checked_array(files: BlockFiles, name: str, blocks: Blocks, remedy_step: str) -> zarr.Array[Any]:
    """Open an array to read, whose chunks are compared with the checksums that the blocks have kept.

    Parameters
    ----------
    files : BlockFiles
    name : str
    blocks : Blocks
    remedy_step : str
        The step that writes the array, which is to be done again where a chunk is damaged.
    """
    files.check_array(name)
    chunks = triple(zarr.open_array(files.folder / name, mode="r").chunks[-3:])

    @lru_cache(maxsize=64)
    def kept(number: int) -> dict[ChunkNumber, int]:
        return _kept(files, name, number)

    def block_of(chunk: ChunkNumber) -> int:
        first = triple(n * c for n, c in zip(chunk[-3:], chunks, strict=True))
        (number,) = blocks.touching(Box(first, triple(v + 1 for v in first)))
        return number

    def expected(chunk: ChunkNumber) -> int | None:
        return kept(block_of(chunk)).get(chunk)

    def remedy(chunk: ChunkNumber) -> str:
        table = files.table_path(remedy_step, block_of(chunk))
        return f"remove {table} and resume the run, which does that block again"

    checksums = ChunkChecksums(files.folder / name, expected, remedy)
    return zarr.open_array(CheckedStore(files.folder / name, checksums.check), mode="r")


def _kept(files: BlockFiles, name: str, number: int) -> dict[ChunkNumber, int]:
    """Return what a block has kept; nothing of blocks that are not done, or were by an earlier version."""
    if not files.is_done(_table_of(name), number):
        return {}
    table = files.load_table(_table_of(name), number)
    chunks: NDArray[np.int64] = table["chunks"]
    return dict(zip(map(tuple, chunks.tolist()), table["found"].tolist(), strict=True))


def _table_of(name: str) -> str:
    """Return the name of the tables for an array."""
    return f"checksums of {name.removesuffix('.zarr')}"


def _chunks_in(array: zarr.Array[Any], box: Box) -> Iterator[ChunkNumber]:
    """Yield the chunks that lie in a box (z, y, x) as a whole: others share theirs."""
    whole = [range(-(-n // c)) for n, c in zip(array.shape[:-3], array.chunks[:-3], strict=True)]
    inside = []
    for start, stop, chunk, n in zip(box.start, box.stop, array.chunks[-3:], array.shape[-3:], strict=True):
        inside.append(range(-(-start // chunk), -(-stop // chunk) if stop == n else stop // chunk))
    return product(*whole, *inside)
