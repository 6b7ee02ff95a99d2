"""Zarr behind a URL, through fsspec, which takes credentials from the environment; none are kept here."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import fsspec
import zarr
from fsspec.utils import get_protocol

from napari_emcad.core.errors import UserError
from napari_emcad.io.read_errors import READ_ERRORS, explain_read_errors, first_line
from napari_emcad.io.stacks.chunk_limits import check_count
from napari_emcad.io.stacks.hosts import check_fetch, web_options
from napari_emcad.io.stacks.lazy_array import LazyArray
from napari_emcad.io.stacks.locations import Url
from napari_emcad.io.stacks.zarr_codecs import explain_codecs

ZIPPED = (".zip", ".ozx")
"""Endings of zip files that may hold a store; the second is OME-Zarr's."""


def zarr_address(url: Url) -> str:
    """Return the address of a store as fsspec takes it.

    Raises
    ------
    UserError
        If the protocol is not known, or its library is not installed.
    """
    check_fetch(url)
    _check_protocol(url)
    return f"zip::{url}" if url.name.lower().endswith(ZIPPED) else str(url)


def _options(address: str) -> dict[str, Any] | None:
    """Return the settings of fsspec for an address; those of a file in a zip file by protocol."""
    protocol = get_protocol(address.rpartition("::")[2])
    if protocol not in ("http", "https"):
        return None
    return {protocol: web_options()} if "::" in address else web_options()


def open_remote_node(address: str, path: str) -> zarr.Array[Any] | zarr.Group | None:
    """Open an array or group of a store behind a URL, to read; None if there is none."""
    try:
        found: zarr.Array[Any] | zarr.Group = zarr.open(address, path=path, mode="r", storage_options=_options(address))
    except FileNotFoundError:
        return None
    return found


def nothing_there(url: Url) -> UserError:
    """Return the error for an address without a Zarr array or group."""
    return UserError(f"{url}: a Zarr array or group is needed, and there is none at this address; check it.")


def group_attributes(url: Url) -> dict[str, Any] | None:
    """Read the attributes of a group behind a URL; None if there is none, or none that may be read."""
    try:
        return zarr.open_group(str(url), mode="r", storage_options=_options(str(url))).attrs.asdict()
    except Exception:  # noqa: BLE001  a server answers for an address above as it likes
        return None


@contextmanager
def explain_errors(url: Url) -> Iterator[None]:
    """Say in one sentence that metadata behind a URL cannot be read."""
    remedy = "check the address, the network and the credentials in the environment"
    with explain_read_errors(f"{url}: the Zarr", remedy), raise_os_errors(), explain_codecs(url):
        yield


@contextmanager
def raise_os_errors() -> Iterator[None]:
    """Raise an OSError for errors of the protocols' own libraries, which have nothing in common."""
    try:
        yield
    except (UserError, MemoryError, *READ_ERRORS):
        raise
    except Exception as error:  # of aiohttp, botocore, google.api_core and whatever comes
        raise OSError(first_line(error)) from error


class RemoteLazyArray(LazyArray):
    """A LazyArray behind a URL."""

    remedy = "check the network and the credentials in the environment, or have the chunk written again"


class CheckedArray:
    """A Zarr array (see `FileArray`) that raises an OSError or one of `READ_ERRORS` if it cannot be read."""

    def __init__(self, array: zarr.Array[Any]):
        self._array, self.shape, self.dtype = array, array.shape, array.dtype

    def __getitem__(self, key: tuple[int | slice, ...]) -> Any:
        check_count(key, self._array.chunks)
        with raise_os_errors():
            return self._array[key]


def _check_protocol(url: Url) -> None:
    protocol = get_protocol(str(url))
    try:
        fsspec.get_filesystem_class(protocol)
    except ImportError as error:
        raise UserError(
            f"{url}: a library for {protocol}:// is needed, and it is not installed ({first_line(error)}); "
            "install it with pip and open the URL again."
        ) from error
    except ValueError as error:
        raise UserError(
            f"{url}: a protocol such as https, s3 or gs is needed, {protocol}:// is not known; check the address."
        ) from error
