from napari_emcad.widgets.kit import defect_log
from napari_emcad.widgets.kit.defect_log import DefectLog


def raised(words):
    try:
        raise KeyError(words)
    except KeyError as error:
        return error


def test_tracebacks_are_kept_once_in_a_row(tmp_path):
    file = tmp_path / "new" / "defects.txt"
    log, one = DefectLog(file), raised("one")
    assert log.keep(one) == log.keep(one) == log.keep(raised("two")) == file
    text = file.read_text()
    assert text.count("KeyError: 'one'") == text.count("KeyError: 'two'") == 1 and text.count("Traceback") == 2


def test_the_file_does_not_grow_without_end(tmp_path, monkeypatch):
    monkeypatch.setattr(defect_log, "MOST", 1000)
    log = DefectLog(tmp_path / "defects.txt")
    for n in range(30):
        log.keep(raised(f"{n}"))
    text = (tmp_path / "defects.txt").read_text()
    assert len(text) < 2000 and "KeyError: '29'" in text


def test_what_cannot_be_kept_is_not(tmp_path):
    (tmp_path / "file").write_text("")
    assert DefectLog(tmp_path / "file" / "defects.txt").keep(raised("one")) is None
    assert DefectLog(None).keep(raised("one")) is None
