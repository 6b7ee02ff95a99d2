"""The process that trains: it is started, heard and stopped here, and whatever becomes of it, napari lives on."""

import json
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qtpy.QtCore import QObject, QProcess, Signal

Event = dict[str, Any]

WORKER = ("-m", "napari_emcad.finetuning.run")
"""Arguments of Python, before the run's folder."""

ERRORS = "errors.txt"
"""File of the run's folder with what the process prints as errors."""

PATIENCE = 3000
"""Milliseconds that closing a window waits for the step under way; what is best lies on the disk already."""


@dataclass(frozen=True)
class Exit:
    """How the process ended.

    Attributes
    ----------
    code : int
    was_killed : bool
        By the system or by a person.
    details : str
        What it printed as errors, the end of it.
    """

    code: int
    was_killed: bool
    details: str = ""


class Trainer(QObject):
    """Works on one run at a time, in a process of its own.

    Signals
    -------
    said : dict
        An event, see `napari_emcad.finetuning.run`.
    ended : Exit
    """

    said = Signal(object)
    ended = Signal(object)

    def __init__(self, parent: QObject | None = None):
        super().__init__(parent)
        self._process: QProcess | None = None
        self._folder = Path()
        self._unread = b""
        self._stopping = False

    @property
    def running(self) -> bool:
        return self._process is not None

    @property
    def stopping(self) -> bool:
        """Whether it has been told to stop and has not ended yet."""
        return self.running and self._stopping

    def start(self, folder: Path) -> None:
        """Work on the run of a folder, from its beginning or from where it was left."""
        self._folder, self._unread, self._stopping = folder, b"", False
        process = self._process = QProcess(self)
        process.setStandardErrorFile(str(folder / ERRORS))
        process.readyReadStandardOutput.connect(self._on_output)
        process.finished.connect(self._on_finished)
        process.errorOccurred.connect(self._on_error)
        process.start(sys.executable, [*WORKER, str(folder)])

    def stop(self) -> None:
        """Let it end the step under way and score for the last time."""
        if self.running:
            self._stopping = True
            self._process.closeWriteChannel()

    def kill(self) -> None:
        """End it at once."""
        if self.running:
            self._process.kill()

    def close(self, patience: int = PATIENCE) -> None:
        """Stop and wait for the end; nothing is said any more."""
        process, self._process = self._process, None
        if process is None:
            return
        process.blockSignals(True)
        process.closeWriteChannel()
        if not process.waitForFinished(patience):
            process.kill()
            process.waitForFinished(patience)

    def _on_output(self) -> None:
        if not self.running:
            return
        *lines, self._unread = (self._unread + bytes(self._process.readAllStandardOutput())).split(b"\n")
        for line in lines:
            with suppress(ValueError):  # others may print, too
                self.said.emit(json.loads(line))

    def _on_finished(self, code: int, status: QProcess.ExitStatus) -> None:
        self._on_output()
        self._end(Exit(code, status == QProcess.ExitStatus.CrashExit, _end_of(self._folder / ERRORS)))

    def _on_error(self, error: QProcess.ProcessError) -> None:
        """What could not be started never finishes."""
        if error == QProcess.ProcessError.FailedToStart:
            self._end(Exit(1, False, self._process.errorString()))

    def _end(self, end: Exit) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.deleteLater()
            self.ended.emit(end)


def _end_of(file: Path, characters: int = 8000) -> str:
    try:
        return file.read_text("utf-8", errors="replace")[-characters:].strip()
    except OSError:
        return ""
