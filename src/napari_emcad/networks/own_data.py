"""The folder of a person's own models, and of sessions and runs that have no better place."""

from pathlib import Path

from platformdirs import user_data_path


def own_data() -> Path:
    """Return the package's folder among the person's data; it need not exist."""
    return user_data_path("napari-emcad", appauthor=False)
