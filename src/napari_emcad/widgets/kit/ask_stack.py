"""The question where a stack lies."""

from pathlib import Path

from qtpy.QtWidgets import QFileDialog, QWidget


def ask_for_stack(parent: QWidget) -> Path | None:
    """Ask for a file, and for a folder if no file was chosen; None if neither was."""
    chosen = QFileDialog.getOpenFileName(parent, "The stack: a file (Cancel to choose a folder)")[0]
    chosen = chosen or QFileDialog.getExistingDirectory(parent, "The stack: a folder (Zarr, sections)")
    return Path(chosen) if chosen else None
