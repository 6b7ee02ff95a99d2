"""What the documentation says is so."""

import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


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


SOURCE = ROOT / "src" / "napari_emcad"
GUIDES = [ROOT / "CONTRIBUTING.md", ROOT / "docs" / "architecture.md"]


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.name)
def test_files_and_folders_that_guides_name_are_there(page):
    """By a path from the top of the checkout or of the package, or by its end where the text says the rest."""
    named = re.findall(r"`((?:[\w.]+/)*[\w.]+(?:\.py|/))`", page.read_text("utf-8"))
    assert len(named) > 20
    assert not [name for name in named if not (ROOT / name).exists() and not any(SOURCE.rglob(name.rstrip("/")))]
