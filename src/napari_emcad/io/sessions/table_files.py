"""Tables as files: CSV, npz or Parquet (an optional extra), by the end of the name."""

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.errors import UserError
from napari_emcad.io.atomic import write_beside
from napari_emcad.io.extras import import_extra

Columns = Mapping[str, NDArray[Any]]
"""Columns of a table by name, all of one length."""

FORMULAS = ("=", "+", "-", "@", "\t", "\r")
"""Beginnings of cells that spreadsheets run."""

_TEXTS_IN_NPZ = "this table holds texts, and .npz numbers alone; choose .csv or .parquet."

ROWS = 1 << 16
"""Rows that are written at once: no table is text as a whole."""


def write_table(path: Path, columns: Columns, digits: int | None = None, name: str | None = None) -> Path:
    """Write a table in one of `TABLES`, of this name or by the end of the path.

    Parameters
    ----------
    path : Path
    columns : mapping
    digits : int, optional
        Digits of fractions in a CSV; None = all.
    name : str, optional

    Raises
    ------
    UserError
        If the path has another end, texts are to be npz, the extra is missing, the disk is full, or the folder is
        missing or may not be written to.
    """
    kind = table_format(path, name)
    if kind == "npz" and any(column.dtype.kind == "O" for column in columns.values()):
        raise UserError(f"{path}: {_TEXTS_IN_NPZ}")
    with write_beside(path, lambda _: sum(c.nbytes for c in columns.values())) as part:
        TABLES[kind](part, columns, digits)
    return path


def write_texts(path: Path, batches: Iterable[Columns], size: int) -> Path:
    """Write a table that holds texts, some rows at a time: it is in memory neither as columns nor as text.

    Parameters
    ----------
    path : Path
        Its end says the format.
    batches : iterable of columns
        At least one, all of the same names and dtypes.
    size : int
        Bytes that it takes on the disk, about.

    Raises
    ------
    UserError
        As `write_table`.
    """
    kind = table_format(path)
    if kind not in _STREAMS:
        raise UserError(f"{path}: {_TEXTS_IN_NPZ}")
    with write_beside(path, lambda _: size) as part:
        _STREAMS[kind](part, batches)
    return path


def table_format(path: Path, name: str | None = None) -> str:
    """Return the format of a table, of this name or by the end of the path.

    Raises
    ------
    UserError
        If the path has another end, or the extra is missing.
    """
    kind = name or path.suffix.lower().removeprefix(".")
    if kind not in TABLES:
        ends = ", ".join(f".{end}" for end in TABLES)
        raise UserError(f"{path}: a name that ends in {ends} is needed for a table.")
    if kind == "parquet":
        import_extra("pyarrow.parquet", f"{path}: Parquet needs", "parquet", ", or choose .csv")
    return kind


def _write_csv(part: Path, columns: Columns, digits: int | None) -> None:
    _stream_csv(part, [columns], digits)


def _stream_csv(part: Path, batches: Iterable[Columns], digits: int | None = None) -> None:
    with part.open("w", newline="", encoding="utf-8") as file:
        lines = csv.writer(file)
        for i, columns in enumerate(batches):
            if not i:
                lines.writerow(columns)
            lines.writerows(_rows(columns, digits))


def _rows(columns: Columns, digits: int | None) -> Iterator[tuple[object, ...]]:
    length = len(next(iter(columns.values())))
    for first in range(0, length, ROWS):
        parts = [column[first : first + ROWS] for column in columns.values()]
        yield from zip(*(_texts(part, digits) for part in parts), strict=True)


def _texts(values: NDArray[Any], digits: int | None) -> list[Any]:
    listed: list[Any] = values.tolist()
    if values.dtype.kind == "O":
        return [_as_text(value) if isinstance(value, str) else value for value in listed]
    return [f"{value:.{digits}g}" for value in listed] if digits and values.dtype.kind == "f" else listed


def _as_text(value: str) -> str:
    """Return a text that no spreadsheet takes for a formula: behind an apostrophe, as they show it themselves."""
    return f"'{value}" if value.startswith(FORMULAS) else value


def _write_npz(part: Path, columns: Columns, _digits: int | None) -> None:
    with part.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **columns)


def _write_parquet(part: Path, columns: Columns, _digits: int | None) -> None:
    import pyarrow
    from pyarrow import parquet

    parquet.write_table(pyarrow.table({name: _as_arrow(values) for name, values in columns.items()}), part)


def _stream_parquet(part: Path, batches: Iterable[Columns]) -> None:
    import pyarrow
    from pyarrow import parquet

    tables = (pyarrow.table({name: _as_arrow(values) for name, values in columns.items()}) for columns in batches)
    first = next(tables)
    schema = pyarrow.schema(
        [(f.name, pyarrow.string() if pyarrow.types.is_null(f.type) else f.type) for f in first.schema]
    )
    with parquet.ParquetWriter(part, schema) as file:
        for table in chain([first], tables):
            file.write_table(table.cast(schema))


def _as_arrow(values: NDArray[Any]) -> Any:
    """Return a column as pyarrow takes it: arrays of numbers as they are, texts as a list."""
    return values if values.dtype.kind in "buif" else values.tolist()


TABLES: dict[str, Callable[[Path, Columns, int | None], None]] = {
    "csv": _write_csv,
    "npz": _write_npz,
    "parquet": _write_parquet,
}
"""Formats of tables by name, which is the end of a path too."""

_STREAMS: dict[str, Callable[[Path, Iterable[Columns]], None]] = {"csv": _stream_csv, "parquet": _stream_parquet}
"""Formats of tables with texts by name."""
