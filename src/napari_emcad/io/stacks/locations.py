"""The place of a stack: a path on this machine, or a URL that holds no secret."""

import os
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import SplitResult, urlsplit
from urllib.request import url2pathname

from napari_emcad.core.errors import UserError

PRECOMPUTED = "precomputed://"
"""Beginning of the URL of a neuroglancer precomputed volume, as neuroglancer writes it."""


@dataclass(frozen=True)
class Url:
    """An address elsewhere, such as https://host/em.zarr.

    It is written into sessions and layers as it stands: `parse_location` refuses a URL that holds a secret.
    """

    text: str

    def __str__(self) -> str:
        return self.text

    @property
    def name(self) -> str:
        """The last part of its path."""
        return PurePosixPath(self.text).name

    @property
    def stem(self) -> str:
        """Its name without the suffix."""
        return PurePosixPath(self.text).stem

    @property
    def parent(self) -> "Url":
        """The address that it lies in; itself if there is none."""
        upper, slash, _ = self.text.rpartition("/")
        return Url(upper) if slash and not upper.endswith(("/", ":")) else self

    @property
    def is_precomputed(self) -> bool:
        """True if it says that it is a neuroglancer precomputed volume."""
        return self.text.startswith(PRECOMPUTED)

    def absolute(self) -> "Url":
        """Return itself: no URL depends on the current folder, unlike a path, which has a method of this name, too."""
        return self


Location = Path | Url


def parse_location(text: Location | str) -> Location:
    """Return the path or URL that a person typed for a stack; file:// becomes a path, ~ the home folder.

    Raises
    ------
    UserError
        If it is a URL with a password, a token or a signature in it.
    """
    if not isinstance(text, str) or "://" not in text:
        return Path(os.path.expanduser(text)) if isinstance(text, str) else text
    for part in text.removeprefix(PRECOMPUTED).split("::"):
        _refuse_secrets(part)
    if text.startswith("file://"):
        return Path(url2pathname(urlsplit(text).path))
    return Url(text.rstrip("/"))


def _refuse_secrets(text: str) -> None:
    try:
        url = urlsplit(text)
    except ValueError as error:
        raise UserError(f"URL: an address such as https://host/em.zarr is needed ({error}); check it.") from error
    if _has_secret(url):
        shown = f"{url.scheme}://{url.netloc.rpartition('@')[2]}{url.path}"
        raise UserError(
            f"{shown}: a URL without user, password or signature is needed, as URLs are kept in sessions; "
            "give the credentials in the environment."
        )


def _has_secret(url: SplitResult) -> bool:
    """Return True for a password, a signed query, or a user name that can be a token; elsewhere it names an account."""
    is_web = url.scheme in ("http", "https")
    return bool(url.query or url.password is not None or (is_web and "@" in url.netloc))
