import pytest
from graphs import LINE, segmentation

from napari_emcad.cli import main as cli
from napari_emcad.io.sessions.facts import SessionFacts
from napari_emcad.io.sessions.new_session import create_session
from napari_emcad.io.sessions.open_session import open_session
from napari_emcad.proofreading.review import safe_fixes


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A session of two neurons that may safely be merged."""
    monkeypatch.setattr(safe_fixes, "precision_of", lambda question: 0.99 if question.kind == "join?" else 0.0)
    facts = SessionFacts(threshold=0.5, box=((1, 2, 3), (2, 3, 43)))
    create_session(tmp_path / "a.emcad", segmentation(LINE), None, facts).close()
    return str(tmp_path / "a.emcad")


def test_they_are_listed_and_made(folder, capsys):
    assert cli.main(["safe-fixes", folder]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("1,2,3  merge ") and said[0].endswith("20 voxels, 99% right")
    assert said[1] == "1 merge and 0 splits put about 20 voxels right (50 %)."
    with open_session(folder) as opened:
        assert not opened.session.log.rows
    assert cli.main(["safe-fixes", folder, "--make"]) == 0
    assert "made as edit 1; one undo takes it back" in capsys.readouterr().out
    with open_session(folder) as opened:
        assert [row.kind for row in opened.session.log.rows] == ["fix"]
    assert cli.main(["safe-fixes", folder, "--make"]) == 0
    assert capsys.readouterr().out.splitlines() == ["No fix is known to be right 98% of the time here."]


@pytest.mark.parametrize("precision", ["0", "101", "-3"])
def test_a_precision_that_is_none_is_refused(folder, precision, capsys):
    assert cli.main(["safe-fixes", folder, f"--precision={precision}"]) == 1
    assert "precision: above 0 and up to 100 percent is needed" in capsys.readouterr().err
