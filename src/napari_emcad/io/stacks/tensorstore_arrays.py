"""Arrays that tensorstore reads (an optional extra): neuroglancer precomputed volumes and N5."""

from functools import partial
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.geometry import Slices
from napari_emcad.io.extras import import_extra
from napari_emcad.io.json_text import LONGEST
from napari_emcad.io.metadata.arrangement import Arrangement
from napari_emcad.io.read_errors import first_line
from napari_emcad.io.regular_files import read_regular
from napari_emcad.io.stacks.check_stack import check_stack
from napari_emcad.io.stacks.chunk_limits import check_chunk, check_count
from napari_emcad.io.stacks.hosts import PATIENCE, check_fetch
from napari_emcad.io.stacks.lazy_array import LazyArray
from napari_emcad.io.stacks.locations import PRECOMPUTED, Location

if TYPE_CHECKING:
    from tensorstore import TensorStore

CONTEXT = {f"{kind}_request_retries": {"max_retries": 3} for kind in ("http", "gcs", "s3")} | {
    "cache_pool": {"total_bytes_limit": 256 * 2**20}
}
"""Settings of tensorstore.

By default it tries for half an hour to reach a host that is not there, and decodes chunks anew for each section of
them.
"""


def wrap_tensorstore(name: str, store: "TensorStore", arrangement: Arrangement) -> LazyArray:
    """Wrap an open array, counted from 0, as (z, y, x).

    Raises
    ------
    UserError
        If it holds no voxels or no numbers; `name` begins the sentence.
    """
    dtype = store.dtype.numpy_dtype
    check_stack(name, arrangement.shape, dtype)
    check_chunk(name, chunk_shape(store), np.dtype(dtype))
    return LazyArray(name, arrangement.shape, dtype, partial(_read, store, arrangement))


def _read(store: "TensorStore", arrangement: Arrangement, box: Slices) -> NDArray[Any]:
    key = arrangement.key(box)
    check_count(key, chunk_shape(store))
    try:
        return arrangement.turn(store[key].read().result())
    except ValueError as error:
        raise OSError(short_reason(error)) from error


def chunk_shape(store: Any) -> tuple[int, ...]:
    """Return the shape of the chunks of an array that is open."""
    return tuple(store.chunk_layout.read_chunk.shape)


def kvstore(where: Location, path: str = "") -> str | dict[str, str]:
    """Return the folder or address that a path leads to, as tensorstore takes it."""
    inner = f"{path.strip('/')}/" if path else ""
    if isinstance(where, Path):
        return {"driver": "file", "path": f"{where.absolute().as_posix()}/{inner}"}
    check_fetch(where)
    return f"{str(where).removeprefix(PRECOMPUTED)}/{inner}"


def read_file(ts: ModuleType, where: Location, name: str, path: str = "") -> bytes | None:
    """Read a small file in a folder or behind a URL; None if it is not there."""
    if isinstance(where, Path):
        file = where / path / name
        return read_regular(file, LONGEST) if file.is_file() else None
    kept = (
        ts.KvStore.open(kvstore(where, path), context=ts.Context(CONTEXT)).result(PATIENCE).read(name).result(PATIENCE)
    )
    return bytes(kept.value) if kept.state == "value" else None


def short_reason(error: BaseException) -> str:
    """Return what an error says, without the long specification that tensorstore puts behind it."""
    return first_line(error).partition(" [")[0]


def import_tensorstore(where: Location, what: str = "precomputed volumes", extra: str = "precomputed") -> ModuleType:
    """Import tensorstore.

    Raises
    ------
    UserError
        If it is not installed; `where` begins the sentence, which names what needs it and the extra that brings it.
    """
    return import_extra("tensorstore", f"{where}: {what} need", extra)
