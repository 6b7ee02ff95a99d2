"""Whatever a callback raises is told in the dock, and the dock goes on."""

import ast
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from napari.settings import get_settings
from napari.utils.events import EventEmitter
from napari.utils.notifications import notification_manager
from qtpy.QtWidgets import QApplication

import napari_emcad
from napari_emcad.core.errors import UserError
from napari_emcad.io.sessions.open_session import open_session
from napari_emcad.widgets.kit.nets import netted
from napari_emcad.widgets.kit.threads import JobRunner
from napari_emcad.widgets.kit.uncaught import Uncaught, is_ours

WIDGETS = Path(napari_emcad.__file__).parent / "widgets"
DEFECT = "This is a defect of napari-emcad (KeyError: 'a defect')"


def fail(*_arguments, **_named):
    raise KeyError("a defect")


@pytest.fixture
def hooked():
    """Errors that nobody catches go to napari, as in the program."""
    with notification_manager:
        yield
    notification_manager.records.clear()


# ---- one way in for each kind of callback ------------------------------------------------------------------------

ONLY_IN = {
    "GeneratorWorker": {"kit/threads.py"},
    "thread_worker": set(),
    "create_worker": set(),
    "QThread": set(),
    "Thread": set(),
    "JobRunner": {"kit/threads.py"},
    "TimerPause": {"kit/threads.py"},
    "mouse_drag_callbacks": {"kit/mouse.py"},
    "mouse_move_callbacks": {"kit/mouse.py"},
    "mouse_wheel_callbacks": {"kit/mouse.py"},
    "mouse_double_click_callbacks": set(),
    "bind_key": {"proofread/key_binder.py"},
}
"""Ways from outside into our code, and the files that may use them: those that lay a net under what they call."""


def test_threads_timers_keys_and_mouse_have_one_way_in():
    wrong = []
    for file in sorted(WIDGETS.rglob("*.py")):
        name = file.relative_to(WIDGETS).as_posix()
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            used = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
            if used in ONLY_IN and name not in ONLY_IN[used]:
                wrong.append(f"{name}:{node.lineno} {used}")
    assert not wrong


def callbacks_of(emitter: EventEmitter) -> Iterator[object]:
    """Our functions that an event of napari calls."""
    for callback in emitter.callbacks:
        if isinstance(callback, tuple):
            holder, name = callback[0](), callback[1]
            callback = getattr(type(holder), name, None)
        if getattr(callback, "__module__", "").startswith("napari_emcad"):
            yield callback


@pytest.mark.window
def test_all_callbacks_of_events_have_a_net(proofreading):
    """They are called in a row, and what napari does itself comes after them."""
    viewer, dock = proofreading.viewer, proofreading.dock
    dock.proofread.editor.enter(next(mode for mode in dock.proofread.editor.tools if mode.value == "split"))
    groups = [
        viewer.layers.events,
        viewer.layers.selection.events,
        viewer.dims.events,
        get_settings().appearance.events,
    ]
    groups += [layer.events for layer in viewer.layers]
    found = [one for group in groups for emitter in group.emitters.values() for one in callbacks_of(emitter)]
    assert len({one.__qualname__ for one in found}) >= 6
    bare = {one.__qualname__ for one in found if not hasattr(one, "__wrapped__")}
    assert bare <= {"EMCADDock.reset_choices"}, "napari connects that, and it does nothing"


# ---- jobs --------------------------------------------------------------------------------------------------------


def run(window):
    window.desk.runs.run()


def try_a_section(window):
    window.dock.segment.try_button.click()


def begin_a_session(window):
    window.dock.proofread.start_button.click()


def export(window, folder):
    window.dock.export.exporter.save(folder / "neurons.tif")


def failing_once(then):
    """A callback with a defect where it takes the result of its job."""

    def call(ended):
        if ended.error is None:
            fail()
        then(ended)

    return call


@pytest.mark.window
def test_the_dock_outlives_the_callback_of_each_of_its_jobs(window, stack, beside, tmp_path, monkeypatch, wait):
    """Also those that it starts by itself, such as the look at the sections of a stack."""
    window.open(stack)
    window.wait(lambda: not window.desk.inspection.is_looking)
    start = JobRunner.start

    def fails(act):
        with monkeypatch.context() as patch:
            patch.setattr(JobRunner, "start", lambda runner, job, then: start(runner, job, failing_once(then)))
            window.desk.message.say("")
            act(window)
            wait(lambda: window.message.startswith(DEFECT))
        assert not window.desk.jobs.running and window.dock.segment.run_button.isEnabled()
        assert window.dock.segment.run_button.text() == words and "Traceback" in window.desk.message.details

    words = window.dock.segment.run_button.text()
    for act in (run, try_a_section, lambda window: window.desk.inspection.look()):
        fails(act)
    window.desk.inspection.look()
    window.wait(lambda: not window.desk.inspection.is_looking)
    window.run()
    window.settle()
    assert window.result is not None, window.message
    for act in (begin_a_session, lambda window: export(window, tmp_path)):
        fails(act)
        assert window.dock.proofread.start_button.isEnabled()
    shutil.rmtree(beside)  # it is whole, and the neurons do not know of it
    begin_a_session(window)
    window.wait(lambda: window.desk.sessions.current is not None)
    folder = window.desk.sessions.current.opened.folder
    window.desk.sessions.end()
    fails(lambda window: window.desk.sessions.open(folder))
    window.desk.sessions.open(folder)
    window.wait(lambda: window.desk.sessions.current is not None)
    assert not window.desk.sessions.current.opened.why_read_only, "the session that nobody took is locked"


@pytest.mark.window
@pytest.mark.parametrize(
    "view",
    [
        "widgets.proofread.proofreader.Editor",
        "widgets.proofread.proofreader.Bindings",
        "widgets.proofread.views.body.ProofreadBody.follow",
        "widgets.desk.on_screen.Proofreading.rows",
        "widgets.dock.EMCADDock._bring",
    ],
)
def test_a_session_is_not_locked_by_a_view_that_fails(proofreading, beside, monkeypatch, view):
    """It can be opened again once that is mended, without a restart."""
    desk = proofreading.desk
    desk.sessions.end()
    with monkeypatch.context() as patch:
        patch.setattr(f"napari_emcad.{view}", fail)
        desk.sessions.open(beside)
        proofreading.idle()
        assert DEFECT in proofreading.message
        desk.sessions.end()
    with open_session(beside) as opened:
        assert not opened.why_read_only
    desk.sessions.open(beside)
    proofreading.idle()
    assert desk.sessions.current is not None and not desk.sessions.current.opened.why_read_only
    assert proofreading.dock.proofread.editor is not None


@pytest.mark.window
@pytest.mark.parametrize("step", ["proofread.close_panel", "desk.first_look.close", "section_report.close_view"])
def test_a_dock_that_cannot_let_go_of_one_thing_lets_go_of_the_others(proofreading, beside, monkeypatch, step):
    holder = proofreading.dock
    *path, name = step.split(".")
    for part in path:
        holder = getattr(holder, part)
    with monkeypatch.context() as patch:
        patch.setattr(holder, name, fail)
        with pytest.raises(KeyError):
            proofreading.dock.release()
    getattr(holder, name)()
    with open_session(beside) as opened:
        assert not opened.why_read_only


# ---- buttons, keys, mouse, events --------------------------------------------------------------------------------


@pytest.mark.window
def test_what_a_button_raises_is_said_in_the_dock(window, stack, hooked, monkeypatch):
    window.open(stack)
    window.idle()
    with monkeypatch.context() as patch:
        patch.setattr(window.dock.opener, "open_url", fail)
        patch.setattr(window.desk.runs, "run", fail)
        window.dock.segment.run_button.click()
    assert window.message.startswith(DEFECT)
    window.run()
    assert window.result is not None


@pytest.mark.window
@pytest.mark.parametrize("act", ["remove", "rename", "move", "add"])
def test_what_a_change_of_layers_raises_is_said_and_napari_does_its_part(window, stack, hooked, monkeypatch, act):
    layer, other = window.open(stack), window.open(stack, "other")
    window.idle()
    canvas = window.viewer.window._qt_viewer.canvas
    with monkeypatch.context() as patch:
        patch.setattr(window.desk.choices, "follow_layers", fail)
        if act == "remove":
            window.viewer.layers.remove(other)
            assert other not in canvas.layer_to_visual
        elif act == "rename":
            other.name = "new"
        elif act == "move":
            window.viewer.layers.move(0, 2)
        else:
            assert window.open(stack, "third") in canvas.layer_to_visual
    assert window.message.startswith(DEFECT)
    window.desk.stack.layer = layer
    window.run()
    assert window.result is not None, window.message


@pytest.mark.window
def test_errors_of_others_are_not_told_in_the_dock(hooked, qapp):
    told = []
    uncaught = Uncaught(told.append)
    try:
        for error in (raised(fail), raised(netted_failure), raised(lambda: int("x"))):
            sys.excepthook(type(error), error, error.__traceback__)
        assert told == []
        theirs = raised(lambda: EventEmitter(source=None, type_name="x").connect(3))
        assert not is_ours(theirs)
        sys.excepthook(UserError, ours := raised(refuse), ours.__traceback__)
        assert told == [ours]
    finally:
        uncaught.close()
    QApplication.processEvents()


def raised(function) -> Exception:
    try:
        function()
    except Exception as error:  # noqa: BLE001
        return error
    raise AssertionError("nothing was raised")


def netted_failure():
    raise RuntimeError("not ours")


def refuse():
    from napari_emcad.io.stacks.locations import parse_location

    parse_location("https://me:secret@host.example/em.zarr")


def test_a_net_reports_and_returns_none(monkeypatch):
    told = []
    monkeypatch.setattr(sys, "excepthook", lambda *raised: told.append(raised[1]))
    assert netted(divmod)(7, 2) == (3, 1) and netted(divmod)(7, 0) is None
    assert isinstance(told[0], ZeroDivisionError)
