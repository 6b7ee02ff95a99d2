"""Tables in docs/inputs.md, between marks that say which script made them."""

from collections.abc import Sequence
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "inputs.md"


def markdown(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def put_between(start: str, end: str, made: str) -> None:
    """Write what was made between two marks of the page."""
    before, rest = PAGE.read_text("utf-8").split(start)
    PAGE.write_text(f"{before}{start}\n\n{made}\n\n{end}{rest.split(end)[1]}", "utf-8")
