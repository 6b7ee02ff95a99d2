"""Names from elsewhere, as Qt shows them letter by letter where it looks for tags: tooltips and questions."""

from html import escape


def plain(words: str) -> str:
    """Return words as they are, or escaped if they hold what Qt could take for a tag."""
    if "<" not in words:
        return words
    lines = escape(words).replace("\n", "<br>")
    return f"<qt>{lines}</qt>"
