"""Places that people marked to come back to."""

from collections import Counter

from napari_emcad.proofreading.rows import LogRow


class OpenNotes:
    """Keeps the notes in force that are not ticked off."""

    def __init__(self) -> None:
        self._marked: dict[int, LogRow] = {}
        self._ticked: Counter[int] = Counter()
        self._open: list[LogRow] | None = None

    @property
    def open(self) -> list[LogRow]:
        """The open notes in their order; the same list until one is added or ticked off."""
        if self._open is None:
            self._open = [row for seq, row in self._marked.items() if not self._ticked[seq]]
        return self._open

    def is_open(self, seq: int) -> bool:
        """Return True if this edit is an open note."""
        return seq in self._marked and not self._ticked[seq]

    def add(self, row: LogRow) -> None:
        """Add a note that is in force from now on: a place, or a tick."""
        ticks = row.input.get("ticks")
        if ticks is None:
            self._marked[row.seq] = row
        else:
            self._ticked[ticks] += 1
        self._open = None

    def remove(self, row: LogRow) -> None:
        """Remove a note that is undone."""
        ticks = row.input.get("ticks")
        if ticks is None:
            del self._marked[row.seq]
        else:
            self._ticked[ticks] -= 1
        self._open = None
