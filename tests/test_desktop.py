import os
import shutil
import subprocess
import sys

import pytest

from napari_emcad import desktop
from napari_emcad.core.errors import UserError
from napari_emcad.desktop import has_screen, main, missing_packages, virtual_screen

linux = pytest.mark.skipif(sys.platform != "linux", reason="virtual screens are for Linux")
xvfb = pytest.mark.skipif(shutil.which("Xvfb") is None, reason="Xvfb is not installed")


@pytest.fixture
def no_screen(monkeypatch):
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


@pytest.fixture
def commands(monkeypatch):
    """What would have been run, instead of running it."""
    ran = []
    monkeypatch.setattr(subprocess, "run", lambda command, **_: ran.append(command))
    return ran


@pytest.mark.parametrize(
    ("environ", "platform", "expected"),
    [
        ({}, "linux", False),
        ({"DISPLAY": ""}, "linux", False),
        ({"DISPLAY": ":0"}, "linux", True),
        ({"WAYLAND_DISPLAY": "wayland-0"}, "linux", True),
        ({"DISPLAY": ":0", "QT_QPA_PLATFORM": "offscreen"}, "linux", False),
        ({"DISPLAY": ":0", "QT_QPA_PLATFORM": "xcb"}, "linux", True),
        ({}, "darwin", True),
        ({}, "win32", True),
    ],
)
def test_has_screen(environ, platform, expected):
    assert has_screen(environ, platform) is expected


@linux
def test_a_real_screen_is_left_alone(monkeypatch):
    monkeypatch.delenv("QT_QPA_PLATFORM", raising=False)
    monkeypatch.setenv("DISPLAY", ":4711")
    before = dict(os.environ)
    with virtual_screen() as display:
        assert display is None
        assert dict(os.environ) == before


@linux
@xvfb
def test_a_virtual_screen_comes_and_goes(no_screen):
    with virtual_screen() as display:
        assert os.environ["DISPLAY"] == display
        assert _answers(display)
        with virtual_screen() as inner:
            assert inner is None  # the outer one serves
    assert "DISPLAY" not in os.environ
    assert not _answers(display)


@linux
@xvfb
def test_two_virtual_screens_do_not_meet(no_screen):
    with virtual_screen() as one:
        no_screen.delenv("DISPLAY")
        with virtual_screen() as other:
            assert one != other
            assert _answers(one)
            assert _answers(other)


@linux
@xvfb
def test_offscreen_becomes_a_virtual_screen(no_screen):
    no_screen.setenv("QT_QPA_PLATFORM", "offscreen")
    no_screen.setenv("WAYLAND_DISPLAY", "wayland-0")
    with virtual_screen():
        assert os.environ["QT_QPA_PLATFORM"] == "xcb"
        assert "WAYLAND_DISPLAY" not in os.environ
    assert os.environ["QT_QPA_PLATFORM"] == "offscreen"
    assert os.environ["WAYLAND_DISPLAY"] == "wayland-0"


@linux
@xvfb
def test_an_error_inside_stops_the_screen(no_screen):
    with pytest.raises(ZeroDivisionError), virtual_screen() as display:
        raise ZeroDivisionError
    assert not _answers(display)


@linux
def test_no_xvfb_is_one_sentence(no_screen):
    no_screen.setattr(shutil, "which", lambda _: None)
    with pytest.raises(UserError, match="sudo apt-get install xvfb"), virtual_screen():
        pytest.fail("there is no screen")


@linux
def test_xvfb_that_stops_is_one_sentence(no_screen):
    no_screen.setattr(shutil, "which", lambda _: "/bin/false")
    with pytest.raises(UserError, match="did not start; run '/bin/false -displayfd 1'"), virtual_screen():
        pytest.fail("there is no screen")
    assert "DISPLAY" not in os.environ


@linux
def test_missing_packages_are_named(monkeypatch):
    monkeypatch.setattr(desktop, "_loads", lambda library: library != "libxcb-cursor.so.0")
    monkeypatch.setattr(shutil, "which", lambda _: None)
    assert missing_packages(screen=True) == ["libxcb-cursor0"]
    assert missing_packages(screen=False) == ["libxcb-cursor0", "xvfb"]


@linux
def test_a_library_that_is_not_there_does_not_load():
    assert desktop._loads("libc.so.6")
    assert not desktop._loads("libnapari-emcad.so.1")


@linux
def test_missing_packages_are_installed_by_root(monkeypatch, commands, capsys):
    answers = iter([["libgl1", "xvfb"], []])
    monkeypatch.setattr(desktop, "missing_packages", lambda screen: next(answers))
    monkeypatch.setattr(desktop, "_may_install", lambda: True)
    assert main() == 0
    assert [command[:2] for command in commands] == [["apt-get", "update"], ["apt-get", "install"]]
    assert commands[1][-2:] == ["libgl1", "xvfb"]
    assert "installing libgl1 xvfb" in capsys.readouterr().out


@linux
@pytest.mark.parametrize("root", [False, True])
def test_what_stays_missing_is_told_with_the_command(monkeypatch, commands, capsys, root):
    monkeypatch.setattr(desktop, "missing_packages", lambda screen: ["libgl1", "xvfb"])
    monkeypatch.setattr(desktop, "_may_install", lambda: root)
    assert main() == 1
    assert len(commands) == 2 * root
    assert "sudo apt-get install libgl1 xvfb" in capsys.readouterr().err


def test_nothing_is_asked_for_elsewhere(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    assert missing_packages(screen=False) == []


def test_it_needs_the_standard_library_only():
    """It runs before anything else is known to load."""
    code = "import sys, napari_emcad.desktop; print(*{name.split('.')[0] for name in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not set(loaded) & {"numpy", "scipy", "napari", "qtpy", "PyQt6", "torch", "pydantic", "npe2"}


def _answers(display):
    """Whether an X server listens there."""
    return os.path.exists(f"/tmp/.X11-unix/X{display.removeprefix(':')}")
