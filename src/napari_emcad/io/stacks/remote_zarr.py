"""Zarr behind a URL, through fsspec, which takes credentials from the environment; none are kept here."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import fsspec
import zarr
from fsspec.utils import get_protocol
from numpy.typing import NDArray

from napari_emcad.core.errors import UserError
from napari_emcad.io.read_errors import READ_ERRORS, first_line
from napari_emcad.io.stacks.locations import Url

REMEDY = "check the network and the credentials in the environment, or have the chunk written again"


def open_remote_zarr(url: Url) -> zarr.Array | zarr.Group:
    """The array or group behind a URL, to read.

    Raises
    ------
    UserError
        Where the protocol is not known, its library is not installed, the host cannot be reached or has no Zarr there.
    """
    _check_protocol(url)
    with explain_errors(url):
        try:
            return zarr.open(str(url), mode="r")
        except FileNotFoundError as error:
            raise UserError(
                f"{url}: a Zarr array or group is needed, and there is none at this address; check it."
            ) from error


@contextmanager
def explain_errors(url: Url) -> Iterator[None]:
    """What goes wrong while metadata is read, in one sentence."""
    try:
        with raise_os_errors():
            yield
    except (*READ_ERRORS, TypeError) as error:
        raise UserError(
            f"{url}: the Zarr cannot be read ({first_line(error)}); "
            "check the address, the network and the credentials in the environment."
        ) from error


@contextmanager
def raise_os_errors() -> Iterator[None]:
    """Errors of the protocols' own libraries, which have nothing in common, come out as OSError."""
    try:
        yield
    except (UserError, MemoryError, *READ_ERRORS):
        raise
    except Exception as error:  # of aiohttp, botocore, google.api_core and whatever comes
        raise OSError(first_line(error)) from error


class RemoteArray:
    """A Zarr array of which every slice that cannot be read is an OSError or its like."""

    def __init__(self, array: zarr.Array):
        self._array, self.shape, self.dtype = array, array.shape, array.dtype

    def __getitem__(self, key: Any) -> NDArray:
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
