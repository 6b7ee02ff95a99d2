"""Where a person's own models, and sessions and runs that have no better place, are kept."""

from pathlib import Path

from platformdirs import user_data_path


def own_data() -> Path:
    """The package's folder among the person's data; it need not exist."""
    return user_data_path("napari-emcad", appauthor=False)
