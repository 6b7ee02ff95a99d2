"""Names that people give their models: names that files can have on Linux, macOS and Windows alike."""

import unicodedata

from napari_emcad.core.errors import UserError

LONGEST = 100
"""Bytes of a name; file systems take 255, some of them for the endings."""

_SEPARATORS = frozenset('<>:"/\\|?*')
_ENDINGS = (".pt", ".ckpt", ".pth", ".pth.tar", ".safetensors", ".json")
_DEVICES = frozenset({"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in "0123456789¹²³")})
"""Names that Windows opens as devices instead of files, whatever their ending."""


def usable_name(name: str) -> str:
    """Return a name as files carry it, without spaces around it.

    Raises
    ------
    UserError
        If there is none, or files cannot be called so on every system.
    """
    name = unicodedata.normalize("NFC", name).strip()
    if not name:
        raise UserError('model: a name is needed to keep it under; type one, such as "mouse 2".')
    why_not = _why_not(name)
    if why_not:
        raise UserError(f'model: a name that files can have on every system is needed, "{name}" {why_not}.')
    return name


def same_name(name: str, other: str) -> bool:
    """Return True if a system may take two names for the same file: some do not tell small letters from capitals."""
    return unicodedata.normalize("NFC", name).casefold() == unicodedata.normalize("NFC", other).casefold()


def _why_not(name: str) -> str:
    """Return why files cannot have this name, the middle of a sentence, or ""."""
    wrong = sorted(_SEPARATORS.intersection(name))
    if wrong or not name.isprintable():
        return f"holds {' '.join(wrong) or 'signs that cannot be seen'}; use letters, digits, spaces, - and _"
    if name.startswith(".") or name.endswith("."):
        return "begins or ends with a full stop; leave it away"
    if name.lower().endswith(_ENDINGS):
        return f"ends as files of models do; leave {name[name.rindex('.') :]} away"
    if name.split(".")[0].strip().casefold() in _DEVICES:
        return "belongs to Windows; choose another one"
    size = len(name.encode())
    return f"is {size} bytes long; {LONGEST} are the most" if size > LONGEST else ""
