"""Places that people marked to come back to."""

from collections.abc import Iterable

from napari_emcad.proofreading.rows import LogRow


def open_notes(rows: Iterable[LogRow]) -> list[LogRow]:
    """Return the notes among edits in force that are not ticked off, in their order."""
    notes = [row for row in rows if row.kind == "note"]
    ticked = {row.input["ticks"] for row in notes if "ticks" in row.input}
    return [row for row in notes if "ticks" not in row.input and row.seq not in ticked]
