"""Zarr arrays whose compression or type of values is not at hand: what is said of them, and what is done."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from napari_emcad.core.errors import UserError

_PACKAGES = {
    "zfpy": "zfpy",
    "pcodec": "pcodec",
    "flac": "flac-numcodecs",
    "delta2d": "delta2d-numcodecs",
    "wavpack": "wavpack-numcodecs",
}
"""Packages on PyPI that bring a codec of this name."""

_UNKNOWN_CODEC = re.compile(r"(?:codec not available|Unknown codec):\s*[\"']*([^\"']+)")
_UNKNOWN_TYPE = re.compile(r"No Zarr data type found that matches (.+)", re.DOTALL)


@contextmanager
def explain_codecs(where: object) -> Iterator[None]:
    """Say in one sentence which codec or type of values is not known.

    Raises
    ------
    UserError
        For a codec that is not installed and a type that is no number; `where` begins the sentence.
    """
    try:
        yield
    except ValueError as error:
        if codec := _UNKNOWN_CODEC.search(str(error)):
            raise UserError(_codec_sentence(where, codec[1])) from error
        if kind := _UNKNOWN_TYPE.search(str(error)):
            raise UserError(
                f"{where}: voxels that are whole or real numbers are needed, got the type {kind[1][:80].strip()}; "
                "save it as 8-bit grey."
            ) from error
        raise


def register_codecs(error: ValueError) -> bool:
    """Register the codecs of imagecodecs if it is one of them that an error names; return True if so."""
    found = _UNKNOWN_CODEC.search(str(error))
    if not found or not found[1].startswith("imagecodecs_"):
        return False
    from imagecodecs.numcodecs import register_codecs as register

    register(verbose=False)
    return True


def _codec_sentence(where: object, codec: str) -> str:
    package = _PACKAGES.get(codec.removeprefix("numcodecs.").lower())
    remedy = (
        f"python -m pip install {package}"
        if package
        else f'install the package that brings numcodecs the codec "{codec}" with python -m pip install, or save the '
        "array with another compression"
    )
    return f'{where}: its chunks are compressed with "{codec}", which is not installed; {remedy}.'
