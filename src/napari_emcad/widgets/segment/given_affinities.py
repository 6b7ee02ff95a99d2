"""Affinities of another network in a file: what is in it, how it is read, and the run by it; the panel shows it."""

import re
from dataclasses import dataclass, replace
from pathlib import Path

from napari_emcad.core.affinity_channels import parse_offsets
from napari_emcad.core.errors import UserError
from napari_emcad.core.foreign_affinities import ValueRange
from napari_emcad.core.progress import Job
from napari_emcad.io.foreign_affinities import AffinityFile, AffinityRequest, open_affinity_file
from napari_emcad.io.regular_files import await_path
from napari_emcad.io.stacks.stack_selection import StackSelection
from napari_emcad.widgets.desk.desk import Desk
from napari_emcad.widgets.kit.jobs import Ended
from napari_emcad.widgets.kit.signals import Signal

NOTHING = "Open a file first: NPY, NPZ, HDF5, N5 or TIFF, or a Zarr folder."

_FIELDS = {
    "--dataset": '"Dataset"',
    "--axes": '"Axes"',
    "--offsets": '"Offsets"',
    "--affinities-range": '"Values"',
    "--boundaries": '"They are"',
    "--channel": '[c=...] in "Dataset",',
    "--box": 'a box under "Region"',
    "--voxel-size": "the voxel size of the stack",
}
"""Options of the command line, and the words that the dock has for them."""


@dataclass(frozen=True)
class Reading:
    """Words that a person typed on how a file is to be read; empty ones leave it to the file."""

    dataset: str = ""
    axes: str = ""
    offsets: str = ""
    values: str = ""
    boundaries: bool = False

    def request(self, path: Path) -> AffinityRequest:
        """Return the request for a file.

        Raises
        ------
        UserError
            If the offsets or values cannot be understood.
        """
        axes = re.sub(r"[\s,]", "", self.axes).lower() or None
        selection = replace(StackSelection.parse(self.dataset.strip()), axes=axes) if axes else self.dataset.strip()
        offsets = parse_offsets(self.offsets) if self.offsets.strip() else None
        return AffinityRequest(path, str(selection) or None, offsets, self.boundaries, _range(self.values))


class GivenAffinities:
    """The file that is chosen; it is opened in a thread, and read when a run starts.

    Attributes
    ----------
    path : Path or None
    reading : Reading

    Signals
    -------
    changed
        Another file, another reading of it, or it has been opened.
    """

    changed = Signal()

    def __init__(self, desk: Desk):
        self._desk, self._opener = desk, desk.loop.jobs()
        self.path: Path | None = None
        self.reading = Reading()
        self._file: AffinityFile | None = None
        self._problem = ""
        desk.jobs.running_changed.connect(self._on_change)
        desk.stack.changed.connect(self._on_change)

    @property
    def name(self) -> str:
        """The name of the file; empty if none is chosen."""
        return self.path.name if self.path else ""

    @property
    def line(self) -> str:
        """The contents of the file and what was guessed, or the reason why it cannot be used."""
        if self._file is not None:
            return "\n".join([self._file.line, *map(_in_the_dock, self._file.notes)])
        return self._problem or ("opening ..." if self.path else "")

    @property
    def has_problem(self) -> bool:
        """True if the file cannot be used as it is to be read."""
        return bool(self._problem)

    @property
    def why_not(self) -> str:
        """The reason why no run can be started by it; empty if one can."""
        if self._desk.jobs.running:
            return "A job is running."
        if self.path is None:
            return NOTHING
        return self._desk.stack.why_not or (self.line if self._file is None else "")

    def open(self, path: Path) -> None:
        """Choose a file or folder; what was typed for another one is forgotten."""
        self.path, self.reading = Path(path).expanduser().absolute(), Reading()
        self._open()

    def read_as(self, reading: Reading) -> None:
        """Read the file in another way."""
        if reading != self.reading:
            self.reading = reading
            self._open()

    def segment(self) -> None:
        """Segment the region of the stack by the affinities."""
        if self.why_not or self._file is None:
            self._desk.message.error(UserError(self.why_not))
            return
        self._desk.runs.segment_by(self._file)

    def close(self) -> None:
        """Give the file back."""
        self._opener.close()
        self._desk.jobs.running_changed.disconnect(self._on_change)
        self._desk.stack.changed.disconnect(self._on_change)
        self._forget()

    def _open(self) -> None:
        self._forget()
        if self.path is not None:
            try:
                self._opener.start(_open_job(self.path, self.reading.request(self.path)), self._on_opened)
            except UserError as error:
                self._problem = _in_the_dock(str(error))
        self.changed.emit()

    def _forget(self) -> None:
        if self._file is not None and self._desk.runs.under_way is None:
            self._file.close()
        self._file, self._problem = None, ""

    def _on_opened(self, ended: Ended) -> None:
        if ended.error is not None and not isinstance(ended.error, UserError):
            raise ended.error
        self._file, self._problem = ended.result, _in_the_dock(str(ended.error)) if ended.error else ""
        self.changed.emit()

    def _on_change(self) -> None:
        self.changed.emit()


def _open_job(path: Path, request: AffinityRequest) -> Job[AffinityFile]:
    """Open affinities once their disk answers."""
    yield from await_path(path)
    return open_affinity_file(request)


def _in_the_dock(sentence: str) -> str:
    """Return a sentence with the dock's words for options of the command line."""
    return re.sub(r"--(?:affinities-range|voxel-size|[a-z]+)", lambda found: _FIELDS.get(found[0], found[0]), sentence)


def _range(text: str) -> ValueRange | None:
    words = re.split(r"[\s,;]+", text.strip())
    if words == [""]:
        return None
    try:
        low, high = (float(word) for word in words)
    except ValueError:
        raise UserError(
            f'values: two numbers are needed, for a boundary and for the same neuron, got "{text}"; such as 0 255.'
        ) from None
    return low, high
