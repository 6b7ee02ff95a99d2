"""Tables that are too large to be checked when a session is opened are checked while it is proofread."""

import pytest

from napari_emcad.core.errors import UserError
from napari_emcad.core.progress import drive
from napari_emcad.io.sessions import columns
from napari_emcad.io.sessions.export import export_session
from napari_emcad.io.sessions.open_session import open_session


@pytest.fixture
def large(session, beside, monkeypatch):
    """The folder of a session that nobody has open, whose graph is damaged and too large."""
    session.opened.close()
    monkeypatch.setattr(columns, "CHECKED_BYTES", 100)
    return beside


def damage(folder):
    file = folder / "graph" / "area.npy"
    file.write_bytes(file.read_bytes()[:-1] + b"\x07")


@pytest.mark.parametrize("is_damaged", [False, True])
def test_damage_is_told_and_ends_the_edits(large, new_desk, loop, is_damaged):
    if is_damaged:
        damage(large)
    desk = new_desk()
    desk.sessions.open(large)
    loop.settle()
    current = desk.sessions.current
    assert current is not None and current.session.log.writable is not is_damaged
    if is_damaged:
        assert desk.message.kind == "error" and "graph: missing or damaged; copy the session" in desk.message.text
        with pytest.raises(UserError, match="open for reading only"):
            current.session.lock(current.session.state.segment_of(1))
    else:
        assert "Every edit is saved" in desk.message.text


def test_exports_are_checked_first(large, tmp_path):
    damage(large)
    with open_session(large, to_read=True) as opened, pytest.raises(UserError, match="graph: missing or damaged"):
        drive(export_session("table", tmp_path / "table.csv", opened))
    assert not (tmp_path / "table.csv").exists()
