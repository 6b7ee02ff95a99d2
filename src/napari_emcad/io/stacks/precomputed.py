"""Neuroglancer precomputed volumes, in a folder or behind a URL, through tensorstore (an optional extra).

A chunk that is not there counts as 0, as in Zarr: writers leave empty chunks out. Cloud credentials are tensorstore's
own business, which finds them in the environment.
"""

import json
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Slices
from napari_emcad.io.metadata.arrangement import Arrangement
from napari_emcad.io.metadata.precomputed import INFO, PrecomputedScale, scale_offset, scale_voxel_size
from napari_emcad.io.read_errors import explain_header_errors, first_line
from napari_emcad.io.stacks.axes import arrange_axes
from napari_emcad.io.stacks.check_stack import check_stack
from napari_emcad.io.stacks.lazy_array import LazyArray
from napari_emcad.io.stacks.locations import PRECOMPUTED, Location, Url
from napari_emcad.io.stacks.open_dataset import OpenDataset, metadata_stamp
from napari_emcad.io.stacks.stack_selection import ANY, StackSelection

if TYPE_CHECKING:
    from tensorstore import TensorStore

_CONTEXT = {f"{kind}_request_retries": {"max_retries": 3} for kind in ("http", "gcs", "s3")} | {
    "cache_pool": {"total_bytes_limit": 256 * 2**20}
}
"""Settings of tensorstore.

By default it tries for half an hour to reach a host that is not there, and decodes chunks anew for each section of
them.
"""


def open_precomputed(where: Location, wish: StackSelection = ANY) -> OpenDataset:
    """Open one scale by its key, such as "8_8_40"; left out, the first, which is the finest.

    Raises
    ------
    UserError
        If the extra is not installed, there is no such volume or scale, or it cannot be read.
    NotAStack
        If it has several channels.
    """
    scales = _read_scales(where)
    keys = [scale["key"] for scale in scales]
    if wish.dataset is not None and wish.dataset not in keys:
        raise UserError(f'{where}: there is no scale "{wish.dataset}" in it; choose from {", ".join(keys)}.')
    return _open_scale(where, scales, keys.index(wish.dataset) if wish.dataset is not None else 0, wish)


def open_precomputed_levels(where: Location, wish: StackSelection = ANY) -> list[OpenDataset]:
    """Open all scales, the finest first; none if another one than the finest is meant.

    Raises
    ------
    UserError, NotAStack
        See `open_precomputed`.
    """
    scales = _read_scales(where)
    if wish.dataset not in (None, scales[0]["key"]):
        return []
    return [_open_scale(where, scales, number, replace(wish, dataset=None)) for number in range(len(scales))]


def is_precomputed(where: Location) -> bool:
    """Return True if a URL says that it is a precomputed volume, or if a folder has a file `info` with scales."""
    if isinstance(where, Url):
        return where.is_precomputed
    with suppress(OSError, ValueError):
        return "scales" in json.loads((where / INFO).read_text("utf-8"))
    return False


def _read_scales(where: Location) -> list[PrecomputedScale]:
    """Return the scales as the file `info` lists them, the finest first."""
    ts = import_tensorstore(where)
    with _explain_errors(where):
        kept = ts.KvStore.open(_kvstore(where), context=ts.Context(_CONTEXT)).result().read(INFO).result()
        if kept.state != "value":
            raise UserError(f'{where}: a precomputed volume is needed, but "{INFO}" is not there; check the address.')
        scales: list[PrecomputedScale] = json.loads(kept.value)["scales"]
    return scales


def _open_scale(where: Location, scales: list[PrecomputedScale], number: int, wish: StackSelection) -> OpenDataset:
    """Open one scale, whose axes are x, y, z and channel, counted from 0."""
    ts, scale = import_tensorstore(where), scales[number]
    spec = {"driver": "neuroglancer_precomputed", "kvstore": _kvstore(where), "scale_index": number}
    with _explain_errors(where):
        opened = ts.open(spec, read=True, context=ts.Context(_CONTEXT)).result()
        size, offset = scale_voxel_size(scale), scale_offset(scale, scales[0])
    name = f"{where}, {scale['key']}"
    arrangement = arrange_axes(name, opened.shape, "xyzc", wish)
    dtype = opened.dtype.numpy_dtype
    check_stack(name, arrangement.shape, dtype)
    store = opened[ts.d[:].translate_to[0]]
    array = LazyArray(name, arrangement.shape, dtype, partial(_read, store, arrangement))
    key = wish.named(scale["key"])
    return OpenDataset(array, size, key, metadata_stamp(scale), offset, size_source="precomputed info")


def _read(store: "TensorStore", arrangement: Arrangement, box: Slices) -> NDArray[Any]:
    try:
        return arrangement.turn(store[arrangement.key(box)].read().result())
    except ValueError as error:
        raise OSError(short_reason(error)) from error


def _kvstore(where: Location) -> str | dict[str, str]:
    if isinstance(where, Path):
        return {"driver": "file", "path": f"{where.absolute().as_posix()}/"}
    return f"{str(where).removeprefix(PRECOMPUTED)}/"


def _explain_errors(where: Location) -> AbstractContextManager[None]:
    remedy = "check the address, the network and the credentials in the environment"
    return explain_header_errors(f"{where}: the precomputed volume", remedy, short_reason)


def short_reason(error: BaseException) -> str:
    """Return what an error says, without the long specification that tensorstore puts behind it."""
    return first_line(error).partition(" [")[0]


def import_tensorstore(where: Location) -> ModuleType:
    """Import tensorstore.

    Raises
    ------
    UserError
        If it is not installed; `where` begins the sentence.
    """
    try:
        import tensorstore
    except ImportError as error:
        raise UserError(
            f"{where}: precomputed volumes need an extra that is not installed; "
            'python -m pip install "napari-emcad[precomputed]".'
        ) from error
    return tensorstore
