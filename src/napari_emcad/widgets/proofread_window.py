"""A saved session in napari: python -m napari_emcad.widgets.proofread_window FOLDER."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import napari

from napari_emcad.core.errors import UserError
from napari_emcad.io.sessions.lock import edit_alone
from napari_emcad.io.sessions.open_session import OpenSession, open_session
from napari_emcad.io.stacks.locations import Location, parse_location
from napari_emcad.widgets.dock import EMCADDock


def main(arguments: Sequence[str] | None = None) -> int:
    """Open the window. Return the exit code: 1, with one sentence, if the session cannot be opened."""
    parser = argparse.ArgumentParser("python -m napari_emcad.widgets.proofread_window", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--stack", type=parse_location)
    parser.add_argument("--alone", action="store_true")
    options = parser.parse_args(arguments)
    if options.alone:
        edit_alone(options.folder)
    try:
        opened = open_session(options.folder)
    except UserError as error:
        print(error, file=sys.stderr)  # noqa: T201 - a program of its own
        return 1
    viewer = napari.Viewer()
    dock = EMCADDock(viewer)
    viewer.window.add_dock_widget(dock, name="EM CAD", area="right")
    show_session(dock, opened, options.stack)
    napari.run()
    return 0


def show_session(dock: EMCADDock, opened: OpenSession, stack: Location | None = None) -> None:
    """Put the stack and the neurons of a session into a dock's viewer, ready to be edited once the stack is found."""
    dock.desk.sessions.bring(opened, stack=stack)
    dock.sections["proofread"].open()


if __name__ == "__main__":
    sys.exit(main())
