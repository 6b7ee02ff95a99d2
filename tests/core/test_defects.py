import errno
from email.message import Message

import pytest

from napari_emcad.core import defects
from napari_emcad.core.errors import UserError


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (UserError("box: nothing is drawn; draw one."), "box: nothing is drawn; draw one."),
        (MemoryError(), "Memory has run out; close what is not needed, or choose a smaller region."),
        (
            OSError(errno.ENOSPC, "No space left on device", "/full/edits.db"),
            "/full/edits.db: No space left on device; nothing is done, see to it and try again.",
        ),
        (OSError("a library's own words"), ""),
        (KeyError("scale"), ""),
    ],
)
def test_what_is_no_defect(error, words):
    assert defects.why_no_defect(error) == words


@pytest.mark.parametrize(
    ("urls", "page"),
    [
        ([], ""),
        (["Homepage, https://host.example"], ""),
        (["Homepage, https://host.example", "Bug Tracker, https://host.example/issues"], "https://host.example/issues"),
    ],
)
def test_the_page_for_defects_is_that_of_the_package(monkeypatch, urls, page):
    about = Message()
    for url in urls:
        about["Project-URL"] = url
    monkeypatch.setattr(defects, "metadata", lambda _: about)
    assert defects.issue_page() == page
