"""The desktop under a window: Debian's libraries, and a virtual screen if there is none.

Standard library only, so that it runs before anything of Qt is loaded: `python -m napari_emcad.desktop` installs what
is missing, or says how to. On macOS and Windows there is nothing to do, and nothing is done.
"""

import ctypes
import os
import select
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from napari_emcad.core.errors import UserError

QT_LIBRARIES = {
    "libegl1": "libEGL.so.1",
    "libgl1": "libGL.so.1",
    "libdbus-1-3": "libdbus-1.so.3",
    "libfontconfig1": "libfontconfig.so.1",
    "libglib2.0-0": "libglib-2.0.so.0",
    "libgssapi-krb5-2": "libgssapi_krb5.so.2",
    "libxkbcommon-x11-0": "libxkbcommon-x11.so.0",
    "libxcb-cursor0": "libxcb-cursor.so.0",
    "libxcb-icccm4": "libxcb-icccm.so.4",
    "libxcb-image0": "libxcb-image.so.0",
    "libxcb-keysyms1": "libxcb-keysyms.so.1",
    "libxcb-randr0": "libxcb-randr.so.0",
    "libxcb-render-util0": "libxcb-render-util.so.0",
    "libxcb-shape0": "libxcb-shape.so.0",
    "libxcb-xinerama0": "libxcb-xinerama.so.0",
}
"""Debian packages -> the library that Qt loads from each."""

SOFTWARE_OPENGL = {"libglx-mesa0": "libGLX_mesa.so.0", "libgl1-mesa-dri": "libGLX_mesa.so.0"}
"""Debian packages -> libraries for OpenGL on a virtual screen.

The drivers' own file name changes; Debian's GLX library needs them.
"""

SCREEN_SIZE = "1600x1000x24"
"""Pixels and bits of a virtual screen."""

PATIENCE = 30
"""Seconds that a virtual screen may take to start."""


def has_screen(environ: Mapping[str, str] = os.environ, platform: str = sys.platform) -> bool:
    """True if windows can be shown as things are.

    `QT_QPA_PLATFORM=offscreen` counts as no screen: napari's canvas crashes on it.
    """
    if platform != "linux":
        return True
    if environ.get("QT_QPA_PLATFORM") == "offscreen":
        return False
    return bool(environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY"))


@contextmanager
def virtual_screen() -> Iterator[str | None]:
    """Give windows a place for the time of a `with` block.

    If there is no screen, start Xvfb (1600 x 1000, 24 bit) on a free display, point this process's environment at it,
    and stop it at the end; enter before Qt is started. If there is one, do nothing.

    Yields
    ------
    str or None
        The display that was started, such as ":1"; None where none was needed.

    Raises
    ------
    UserError
        If Xvfb is not installed or does not start.
    """
    if has_screen():
        yield None
        return
    server, display = _start_xvfb()
    kept = {name: os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")}
    try:
        _point_windows_at(display)
        yield display
    finally:
        _set_environment(kept)
        _stop(server)


def missing_packages(screen: bool) -> list[str]:
    """Return Debian packages that a window wants and that are not here; none but on Linux.

    Parameters
    ----------
    screen : bool
        True if there is a screen; a virtual one wants Xvfb and OpenGL in software besides.
    """
    if sys.platform != "linux":
        return []
    libraries = QT_LIBRARIES if screen else QT_LIBRARIES | SOFTWARE_OPENGL
    missing = [package for package, library in libraries.items() if not _loads(library)]
    if not screen and shutil.which("Xvfb") is None:
        missing.append("xvfb")
    return missing


def install_command(packages: Sequence[str]) -> str:
    """Return the command that installs these packages on Debian or Ubuntu."""
    return f"sudo apt-get install {' '.join(packages)}"


def main() -> int:
    """Install what is missing if that is allowed, else say what to type.

    Returns
    -------
    int
        Exit status: 0 if windows can be shown, 1 if something is missing.
    """
    missing = missing_packages(has_screen())
    if missing and _may_install():
        print(f"Windows need {len(missing)} packages that are missing; installing {' '.join(missing)}", flush=True)
        _install(missing)
        missing = missing_packages(has_screen())
    if missing:
        print(f"Windows need system libraries that are missing; run: {install_command(missing)}", file=sys.stderr)
    return 1 if missing else 0


def _start_xvfb() -> tuple[subprocess.Popen, str]:
    program = shutil.which("Xvfb")
    if program is None:
        raise UserError(f"A window needs a screen, and there is none (DISPLAY is not set); {_remedy()}.")
    here, there = os.pipe()
    command = [program, "-displayfd", str(there), "-screen", "0", SCREEN_SIZE, "-nolisten", "tcp", "-noreset"]
    server = subprocess.Popen(command, pass_fds=[there], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.close(there)
    with os.fdopen(here) as answers:
        ready, _, _ = select.select([answers], [], [], PATIENCE)
        number = answers.readline().strip() if ready else ""
    if not number:
        _stop(server)
        raise UserError(f"The virtual screen did not start; run '{program} -displayfd 1' to see why.")
    return server, f":{number}"


def _remedy() -> str:
    return f"run '{install_command(['xvfb'])}' for a virtual one, or set DISPLAY"


def _point_windows_at(display: str) -> None:
    qt_platform = os.environ.get("QT_QPA_PLATFORM")
    if qt_platform == "offscreen":
        qt_platform = "xcb"
    _set_environment({"DISPLAY": display, "WAYLAND_DISPLAY": None, "QT_QPA_PLATFORM": qt_platform})


def _set_environment(values: Mapping[str, str | None]) -> None:
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def _stop(server: subprocess.Popen) -> None:
    server.terminate()
    try:
        server.wait(5)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def _may_install() -> bool:
    """True for root on Debian or one of its descendants."""
    return os.geteuid() == 0 and Path("/etc/debian_version").exists() and shutil.which("apt-get") is not None


def _install(packages: Sequence[str]) -> None:
    """Run apt-get; what still fails to load afterwards is reported by the caller."""
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (["update", "-q"], ["install", "-q", "-y", "--no-install-recommends", *packages]):
        subprocess.run(["apt-get", *arguments], env=environment, stdin=subprocess.DEVNULL, check=False)


if __name__ == "__main__":
    sys.exit(main())
