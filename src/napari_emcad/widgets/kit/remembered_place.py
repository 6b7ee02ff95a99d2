"""The files in which the dock remembers, and keeps the tracebacks of defects."""

import os
from pathlib import Path

from qtpy.QtCore import QStandardPaths


def remembered_file() -> Path | None:
    """Return the file in the person's configuration folder; None if napari keeps no settings either."""
    return _own_file("remembered.json")


def defects_file() -> Path | None:
    """Return the file of tracebacks beside it; None if napari keeps no settings."""
    return _own_file("defects.txt")


def _own_file(name: str) -> Path | None:
    if os.environ.get("NAPARI_CONFIG") == "":
        return None
    folder = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.GenericConfigLocation)
    return Path(folder) / "napari-emcad" / name if folder else None
