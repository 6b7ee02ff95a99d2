"""What the documentation says is so."""

import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def test_the_table_of_keys_is_that_which_binds_them(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    import keys

    page = keys.PAGE.read_text("utf-8")
    assert keys.with_table(page) == page, "run python docs/keys.py"
    assert page.count("| Ctrl+Z |") == 1
    sys.modules.pop("keys", None)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    links = re.findall(r"\]\(([^)#]+)\)", page.read_text("utf-8"))
    missing = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert not missing
