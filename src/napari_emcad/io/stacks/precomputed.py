"""Neuroglancer precomputed volumes, in a folder or behind a URL, through tensorstore (an optional extra).

A chunk that is not there counts as 0, as in Zarr: writers leave empty chunks out. Cloud credentials are tensorstore's
own business, which finds them in the environment.
"""

import json
from contextlib import AbstractContextManager, suppress
from dataclasses import replace

from napari_emcad.core.errors import UserError
from napari_emcad.io.metadata.precomputed import INFO, PrecomputedScale, scale_offset, scale_voxel_size
from napari_emcad.io.read_errors import explain_header_errors
from napari_emcad.io.stacks.axes import arrange_axes
from napari_emcad.io.stacks.locations import Location, Url
from napari_emcad.io.stacks.open_dataset import OpenDataset, metadata_stamp
from napari_emcad.io.stacks.stack_selection import ANY, StackSelection
from napari_emcad.io.stacks.tensorstore_arrays import (
    CONTEXT,
    import_tensorstore,
    kvstore,
    read_file,
    short_reason,
    wrap_tensorstore,
)


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
    with suppress(OSError, ValueError, TypeError):
        return "scales" in json.loads((where / INFO).read_text("utf-8"))
    return False


def _read_scales(where: Location) -> list[PrecomputedScale]:
    """Return the scales as the file `info` lists them, the finest first."""
    ts = import_tensorstore(where)
    with _explain_errors(where):
        text = read_file(ts, where, INFO)
        if text is None:
            raise UserError(f'{where}: a precomputed volume is needed, but "{INFO}" is not there; check the address.')
        scales: list[PrecomputedScale] = json.loads(text)["scales"]
    return scales


def _open_scale(where: Location, scales: list[PrecomputedScale], number: int, wish: StackSelection) -> OpenDataset:
    """Open one scale, whose axes are x, y, z and channel, counted from 0."""
    ts, scale = import_tensorstore(where), scales[number]
    spec = {"driver": "neuroglancer_precomputed", "kvstore": kvstore(where), "scale_index": number}
    with _explain_errors(where):
        opened = ts.open(spec, read=True, context=ts.Context(CONTEXT)).result()
        size, offset = scale_voxel_size(scale), scale_offset(scale, scales[0])
    name = f"{where}, {scale['key']}"
    arrangement = arrange_axes(name, opened.shape, "xyzc", wish)
    array = wrap_tensorstore(name, opened[ts.d[:].translate_to[0]], arrangement)
    key = wish.named(scale["key"])
    return OpenDataset(array, size, key, metadata_stamp(scale), offset, size_source="precomputed info")


def _explain_errors(where: Location) -> AbstractContextManager[None]:
    remedy = "check the address, the network and the credentials in the environment"
    return explain_header_errors(f"{where}: the precomputed volume", remedy, short_reason)
