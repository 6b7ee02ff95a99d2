"""The commands that open windows: programs of their own, as only the `widgets` room opens windows."""

import argparse
import subprocess
import sys
from contextlib import ExitStack

from napari_emcad.core.geometry import VoxelSize
from napari_emcad.desktop import has_screen, virtual_screen
from napari_emcad.io.sessions.facts import read_facts
from napari_emcad.io.sessions.lock import edit_alone
from napari_emcad.io.sessions.voxel_size import set_voxel_size


def demo(options: argparse.Namespace) -> int:
    """Segment the synthetic sample in napari, in a virtual screen if there is none."""
    hidden = options.no_window or not has_screen()
    command = [sys.executable, "-m", "napari_emcad.widgets.demo", *(["--no-window"] if hidden else [])]
    with virtual_screen() if hidden else ExitStack():
        return subprocess.run(command, check=False).returncode


def proofread(options: argparse.Namespace) -> int:
    """Open a session in napari."""
    if options.alone:
        edit_alone(options.session)
    if options.voxel_size:
        set_voxel_size(options.session, VoxelSize(*options.voxel_size))
    read_facts(options.session)
    more = ["--stack", str(options.stack)] if options.stack else []
    more += ["--alone"] if options.alone else []
    command = [sys.executable, "-m", "napari_emcad.widgets.proofread_window", str(options.session), *more]
    return subprocess.run(command, check=False).returncode
