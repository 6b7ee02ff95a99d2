"""Write the table of keys into docs/proofreading.md from the table that binds them: python docs/keys.py."""

from pathlib import Path

from napari_emcad.widgets.proofread.keys import KEYS

PAGE = Path(__file__).parent / "proofreading.md"
START, END = "<!-- keys: made by docs/keys.py -->", "<!-- end of keys -->"


def table() -> str:
    """The keys in Markdown, in the order of their table."""
    rows = [f"| {key.press.replace('Control', 'Ctrl').replace('-', '+')} | {key.words} |" for key in KEYS.values()]
    return "\n".join(["| key | does |", "|---|---|", *rows])


def with_table(page: str) -> str:
    """A page with the present table between its marks."""
    before, rest = page.split(START)
    return f"{before}{START}\n\n{table()}\n\n{END}{rest.split(END)[1]}"


if __name__ == "__main__":
    PAGE.write_text(with_table(PAGE.read_text("utf-8")), "utf-8")
