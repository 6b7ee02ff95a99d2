"""The file in which the dock remembers."""

import os
from pathlib import Path

from qtpy.QtCore import QStandardPaths


def remembered_file() -> Path | None:
    """Return the file in the person's configuration folder; None if napari keeps no settings either."""
    if os.environ.get("NAPARI_CONFIG") == "":
        return None
    folder = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.GenericConfigLocation)
    return Path(folder) / "napari-emcad" / "remembered.json" if folder else None
