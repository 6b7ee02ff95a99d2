"""The folder of files that can be made again."""

import os
from pathlib import Path

from platformdirs import user_cache_path


def cache_folder() -> Path:
    """Return NAPARI_EMCAD_CACHE, or the package's folder among the person's caches; it need not exist."""
    folder = os.environ.get("NAPARI_EMCAD_CACHE")
    return Path(folder) if folder else user_cache_path("napari-emcad", appauthor=False)
