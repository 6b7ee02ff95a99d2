"""Clicks, moves and the wheel, handed out as napari does it. No window."""

from types import SimpleNamespace

import pytest
from napari.components import ViewerModel
from napari.utils.interactions import mouse_move_callbacks, mouse_press_callbacks, mouse_release_callbacks

from napari_emcad.widgets.kit.mouse import DRAG, Clicks, Hover, Wheel


@pytest.fixture
def viewer():
    return ViewerModel()


def press(viewer, *path, button=1):
    """Press at the first place, move to the others, and release."""
    event = SimpleNamespace(type="mouse_press", button=button, pos=path[0], modifiers=(), is_dragging=True)
    mouse_press_callbacks(viewer, event)
    for place in path[1:]:
        event.type, event.pos = "mouse_move", place
        mouse_move_callbacks(viewer, event)
    event.type = "mouse_release"
    mouse_release_callbacks(viewer, event)


@pytest.mark.parametrize(
    ("path", "clicks"),
    [
        ([(300, 200)], 1),
        ([(300, 200), (300, 200 + DRAG)], 1),
        ([(300, 200), (301 + DRAG, 200)], 0),
        ([(300, 200), (340, 200), (300, 200)], 0),  # there and back is a drag as well
    ],
)
def test_a_click_moves_a_little_at_most(viewer, path, clicks):
    heard = []
    Clicks(viewer, heard.append)
    press(viewer, *path)
    assert len(heard) == clicks


def test_other_buttons_and_closed_ears(viewer):
    heard = []
    clicks = Clicks(viewer, heard.append)
    press(viewer, (300, 200), button=2)
    clicks.close()
    clicks.close()
    press(viewer, (300, 200))
    assert heard == []


def test_moves(viewer):
    heard = []
    hover = Hover(viewer, heard.append)
    event = SimpleNamespace(type="mouse_move", is_dragging=False, pos=(1, 2), modifiers=())
    mouse_move_callbacks(viewer, event)
    hover.close()
    mouse_move_callbacks(viewer, event)
    assert len(heard) == 1


@pytest.fixture
def wheel(viewer):
    """Notes what the tool and napari hear of the wheel; the tool keeps turns upwards."""
    notes = SimpleNamespace(tool=[], napari=[])
    viewer.mouse_wheel_callbacks[:] = [lambda _, event: notes.napari.append(event)]
    notes.wheel = Wheel(viewer, lambda _, is_up: notes.tool.append(is_up) or is_up)
    return notes


def turn(viewer, up, *modifiers):
    for call in list(viewer.mouse_wheel_callbacks):
        call(viewer, SimpleNamespace(delta=(0, 1 if up else -1), modifiers=modifiers))


def test_the_wheel_with_ctrl_is_the_tool_s_if_it_wants_it(viewer, wheel):
    turn(viewer, True, "Control")
    assert (wheel.tool, len(wheel.napari)) == ([True], 0)
    turn(viewer, False, "Control")
    assert (wheel.tool, len(wheel.napari)) == ([True, False], 1)
    turn(viewer, True)
    assert (len(wheel.tool), len(wheel.napari)) == (2, 2)


def test_the_wheel_is_given_back(viewer, wheel):
    later = []
    viewer.mouse_wheel_callbacks.append(lambda *_: later.append(True))
    wheel.wheel.close()
    turn(viewer, True, "Control")
    assert (wheel.tool, len(wheel.napari), later) == ([], 1, [True])
