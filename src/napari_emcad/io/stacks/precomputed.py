"""Neuroglancer precomputed volumes, in a folder or behind a URL, through tensorstore (an optional extra).

A chunk that is not there counts as 0, as in Zarr: writers leave empty chunks out. Cloud credentials are tensorstore's
own business, which finds them in the environment.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import VoxelSize
from napari_emcad.io.read_errors import READ_ERRORS, first_line
from napari_emcad.io.stacks.check_stack import NotAStack, check_stack
from napari_emcad.io.stacks.lazy_array import LazyArray
from napari_emcad.io.stacks.locations import PRECOMPUTED, Location, Url
from napari_emcad.io.stacks.open_dataset import OpenDataset, metadata_stamp

_CONTEXT = {f"{kind}_request_retries": {"max_retries": 3} for kind in ("http", "gcs", "s3")} | {
    "cache_pool": {"total_bytes_limit": 256 * 2**20}
}
"""Of tensorstore, which else tries for half an hour to reach a host that is not there, and decodes chunks anew for
each section of them."""


def open_precomputed(where: Location, dataset: str | None) -> OpenDataset:
    """Open one scale by its key, such as "8_8_40"; left out, the first, which is the finest.

    Raises
    ------
    UserError
        Where the extra is not installed, there is no such volume or scale, or it cannot be read.
    NotAStack
        Where it has several channels.
    """
    scales = _scales(where)
    keys = [scale["key"] for scale in scales]
    if dataset is not None and dataset not in keys:
        raise UserError(f'{where}: there is no scale "{dataset}" in it; choose from {", ".join(keys)}.')
    return _source(where, scales, keys.index(dataset) if dataset is not None else 0)


def open_precomputed_levels(where: Location) -> list[OpenDataset]:
    """All scales, the finest first.

    Raises
    ------
    UserError, NotAStack
        As `open_precomputed`.
    """
    scales = _scales(where)
    return [_source(where, scales, number) for number in range(len(scales))]


def is_precomputed(where: Location) -> bool:
    """Whether a URL says so, or the file `info` in a folder."""
    if isinstance(where, Url):
        return where.is_precomputed
    with suppress(OSError, ValueError):
        return "scales" in json.loads((where / "info").read_text("utf-8"))
    return False


def _scales(where: Location) -> list[dict[str, Any]]:
    """As the file `info` lists them, the finest first."""
    ts = import_tensorstore(where)
    with _explain_errors(where):
        kept = ts.KvStore.open(_kvstore(where), context=ts.Context(_CONTEXT)).result().read("info").result()
        if kept.state != "value":
            raise UserError(f'{where}: a precomputed volume is needed, but "info" is not there; check the address.')
        return json.loads(kept.value)["scales"]


def _source(where: Location, scales: list[dict[str, Any]], number: int) -> OpenDataset:
    """One scale; (x, y, z, channel) becomes (z, y, x), from 0 on."""
    ts, scale = import_tensorstore(where), scales[number]
    spec = {"driver": "neuroglancer_precomputed", "kvstore": _kvstore(where), "scale_index": number}
    with _explain_errors(where):
        opened = ts.open(spec, read=True, context=ts.Context(_CONTEXT)).result()
        size, offset = VoxelSize(*scale["resolution"][::-1]), _offset(scale, scales[0])
    name = f"{where}, {scale['key']}"
    if opened.shape[-1] != 1:
        raise NotAStack(f"{name}: one channel is needed, got {opened.shape[-1]}; save one channel.")
    stack = opened[..., 0].T[ts.d[:].translate_to[0]]
    dtype = stack.dtype.numpy_dtype
    check_stack(name, stack.shape, dtype)
    return OpenDataset(
        LazyArray(name, stack.shape, dtype, partial(_read, stack)), size, scale["key"], metadata_stamp(scale), offset
    )


def _read(stack: Any, box: tuple[slice, ...]) -> NDArray:
    try:
        return stack[box].read().result()
    except ValueError as error:
        raise OSError(short_reason(error)) from error


def _offset(scale: dict[str, Any], finest: dict[str, Any]) -> tuple[float, float, float]:
    """Where its first voxel begins, nm (z, y, x).

    That is the voxel's middle as a viewer draws it, but its corner in the file; of coarser scales the middle lies
    further in.
    """
    step, start = np.array(scale["resolution"]), np.array(scale.get("voxel_offset", (0, 0, 0)))
    middle = (start + 0.5) * step - 0.5 * np.array(finest["resolution"])
    return tuple(map(float, middle[::-1]))


def _kvstore(where: Location) -> str | dict[str, str]:
    if isinstance(where, Path):
        return {"driver": "file", "path": f"{where.absolute().as_posix()}/"}
    return f"{str(where).removeprefix(PRECOMPUTED)}/"


@contextmanager
def _explain_errors(where: Location) -> Iterator[None]:
    """What goes wrong while metadata is read, in one sentence."""
    try:
        yield
    except (*READ_ERRORS, TypeError) as error:
        raise UserError(
            f"{where}: the precomputed volume cannot be read ({short_reason(error)}); "
            "check the address, the network and the credentials in the environment."
        ) from error


def short_reason(error: BaseException) -> str:
    """Without the long specification that tensorstore puts behind it."""
    return first_line(error).partition(" [")[0]


def import_tensorstore(where: Location) -> Any:
    """The library.

    Raises
    ------
    UserError
        Where it is not installed.
    """
    try:
        import tensorstore
    except ImportError as error:
        raise UserError(
            f"{where}: precomputed volumes need an extra that is not installed; "
            'python -m pip install "napari-emcad[precomputed]".'
        ) from error
    return tensorstore
