"""Seals of a session's parts: checksums of their checksums, in `session.json`, so that none is taken for another."""

from collections.abc import Mapping
from pathlib import Path

from napari_emcad.io.chunk_checksums import CHUNK_CHECKSUMS, seal_of
from napari_emcad.io.sessions.columns import CHECKSUMS, seal_of_columns
from napari_emcad.io.sessions.file_names import AFFINITIES, BOXES, FRAGMENTS, GRAPH

Seals = Mapping[str, int]
"""Seals by the name of the part; none of parts that have no checksums, as in sessions of earlier versions."""


def read_seals(folder: Path) -> dict[str, int]:
    """Return the seals of what lies in a folder that becomes a session.

    Raises
    ------
    OSError, ValueError
        If a part is damaged.
    """
    tables = {name: seal_of_columns(folder / name) for name in (GRAPH, BOXES) if (folder / name / CHECKSUMS).exists()}
    arrays = (name for name in (FRAGMENTS, AFFINITIES) if (folder / name / CHUNK_CHECKSUMS).exists())
    return {**tables, **{name: seal_of(folder / name) for name in arrays}}
