"""Tables as CSV files."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

from napari_emcad.io.atomic import write_beside


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> Path:
    """Write a table with a line of names above it.

    Raises
    ------
    UserError
        If the disk is full, or the folder is missing or may not be written to.
    """
    with (
        write_beside(path, lambda part: part.stat().st_size) as part,
        part.open("w", newline="", encoding="utf-8") as file,
    ):
        lines = csv.writer(file)
        lines.writerow(header)
        lines.writerows(rows)
    return path
