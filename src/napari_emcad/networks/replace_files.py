"""Files that are written whole or not at all."""

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path

from napari_emcad.core.errors import UserError


def replace_files(contents: Mapping[Path, bytes]) -> None:
    """Write files that belong together: all of them beside their places first, then renamed one after the other.

    Raises
    ------
    UserError
        If one cannot be written; what was there before then stays.
    """
    beside = {path: path.with_name(path.name + ".part") for path in contents}
    try:
        for path, part in beside.items():
            _write(part, contents[path])
        for path, part in beside.items():
            part.replace(path)
    except OSError as error:
        raise UserError(f"{path} could not be written ({error.strerror}); choose another place.") from error
    finally:
        for part in beside.values():
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())  # a rename that reaches the disk before the content would leave an empty file
