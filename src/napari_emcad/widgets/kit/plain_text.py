"""Names from elsewhere, as Qt shows them letter by letter where it looks for tags: tooltips and questions."""

import re
from html import escape

_TAG = re.compile(r"<[a-zA-Z/!?]")
"""Beginning of what Qt can take for a tag."""


def plain(words: str) -> str:
    """Return words as they are, or escaped if they hold what Qt could take for a tag."""
    if not _TAG.search(words):
        return words
    lines = escape(words).replace("\n", "<br>")
    return f"<qt>{lines}</qt>"
