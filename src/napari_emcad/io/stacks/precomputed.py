"""Neuroglancer precomputed volumes, in a folder or behind a URL, through tensorstore (an optional extra).

A chunk that is not there counts as 0, as in Zarr: writers leave empty chunks out. Cloud credentials are tensorstore's
own business, which finds them in the environment.
"""

from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from napari_emcad.core.errors import UserError
from napari_emcad.io.json_text import parse_json, read_json
from napari_emcad.io.metadata.precomputed import INFO, PrecomputedScale, scale_offset, scale_voxel_size, stated_scales
from napari_emcad.io.read_errors import explain_read_errors
from napari_emcad.io.stacks.axes import arrange_axes
from napari_emcad.io.stacks.lazy_array import wrap_array
from napari_emcad.io.stacks.locations import Location, Url
from napari_emcad.io.stacks.open_dataset import Holds, OpenDataset, metadata_stamp
from napari_emcad.io.stacks.precomputed_chunks import PackedChunks, find_endings
from napari_emcad.io.stacks.stack_selection import ANY, StackSelection
from napari_emcad.io.stacks.tensorstore_arrays import (
    CONTEXT,
    import_tensorstore,
    kvstore,
    read_file,
    short_reason,
    wrap_tensorstore,
)

_HOLDS: dict[str, Holds] = {"segmentation": "labels", "image": "image"}
"""Contents of voxels by the type that `info` states."""

_ENCODINGS = ("raw", "jpeg", "png", "compressed_segmentation")
"""Ways to encode chunks that are decoded."""


def open_precomputed(where: Location, wish: StackSelection = ANY) -> OpenDataset:
    """Open one scale by its key, such as "8_8_40"; left out, the first, which is the finest.

    Raises
    ------
    UserError
        If the extra is not installed, there is no such volume or scale, or it cannot be read.
    NotAStack
        If it has several channels.
    """
    info = _read_info(where)
    keys = [scale["key"] for scale in info.scales]
    if wish.dataset is not None and wish.dataset not in keys:
        raise UserError(f'{where}: there is no scale "{wish.dataset}" in it; choose from {", ".join(keys)}.')
    return _open_scale(where, info, keys.index(wish.dataset) if wish.dataset is not None else 0, wish)


def open_precomputed_levels(where: Location, wish: StackSelection = ANY) -> list[OpenDataset]:
    """Open all scales, the finest first; none if another one than the finest is meant.

    Raises
    ------
    UserError, NotAStack
        See `open_precomputed`.
    """
    info = _read_info(where)
    if wish.dataset not in (None, info.scales[0]["key"]):
        return []
    return [_open_scale(where, info, number, replace(wish, dataset=None)) for number in range(len(info.scales))]


def is_precomputed(where: Location) -> bool:
    """Return True if a URL says that it is a precomputed volume, or if a folder has a file `info` with scales."""
    if isinstance(where, Url):
        return where.is_precomputed
    with suppress(OSError, ValueError, TypeError, RecursionError):
        return "scales" in read_json(where / INFO)
    return False


class _Info(NamedTuple):
    """The file `info`: its text, the scales, the finest first, and what it says that the voxels are."""

    text: bytes
    scales: list[PrecomputedScale]
    holds: Holds | None


def _read_info(where: Location) -> _Info:
    ts = import_tensorstore(where)
    with _explain_errors(where):
        text = read_file(ts, where, INFO)
        if text is None:
            raise UserError(f'{where}: a precomputed volume is needed, but "{INFO}" is not there; check the address.')
        info = parse_json(text)
        return _Info(text, stated_scales(info), _HOLDS.get(str(info.get("type")).lower()))


def _open_scale(where: Location, info: _Info, number: int, wish: StackSelection) -> OpenDataset:
    """Open one scale, whose axes are x, y, z and channel, counted from 0."""
    ts, scale = import_tensorstore(where), info.scales[number]
    _check_encodings(where, info)
    spec = {"driver": "neuroglancer_precomputed", "kvstore": kvstore(where), "scale_index": number}
    with _explain_errors(where):
        opened = ts.open(spec, read=True, context=ts.Context(CONTEXT)).result()
        size, offset = scale_voxel_size(scale), scale_offset(scale, info.scales[0])
        endings = find_endings(ts, where, scale)
    name = f"{where}, {scale['key']}"
    arrangement = arrange_axes(name, opened.shape, "xyzc", wish)
    if endings:
        array = wrap_array(name, PackedChunks(ts, where, scale, info.text, number, endings), arrangement)
    else:
        array = wrap_tensorstore(name, opened[ts.d[:].translate_to[0]], arrangement)
    return OpenDataset(
        array,
        size,
        wish.named(scale["key"]),
        metadata_stamp(scale),
        offset,
        size_source="precomputed info",
        holds=info.holds,
        notes=arrangement.notes if endings is not None else (*arrangement.notes, _no_chunks(name, where, info)),
    )


def _check_encodings(where: Location, info: _Info) -> None:
    """Refuse a volume with chunks that tensorstore cannot decode, in whatever scale: it reads `info` as a whole."""
    unknown = [str(scale.get("encoding")) for scale in info.scales if scale.get("encoding", "raw") not in _ENCODINGS]
    if unknown:
        other = "compressed_segmentation" if info.holds == "labels" else "raw"
        raise UserError(
            f'{where}: its chunks are encoded as "{unknown[0]}", which is not read; write it anew with cloud-volume or '
            f"igneous (igneous image xfer --encoding {other})."
        )


def _no_chunks(name: str, where: Location, info: _Info) -> str:
    """Return the note on a scale of which no chunk was found; refuse an image on this machine, which would be black."""
    if isinstance(where, Path) and info.holds != "labels":
        raise UserError(f"{name}: none of its chunks is there, only 0 would be read; copy them, or choose another one.")
    return "none of the chunks that were looked for is there: what has no chunk is read as 0."


def _explain_errors(where: Location) -> AbstractContextManager[None]:
    remedy = "check the address, the network and the credentials in the environment"
    return explain_read_errors(f"{where}: the precomputed volume", remedy, short_reason)
