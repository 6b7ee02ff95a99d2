"""The place of a stack: a path on this machine, or a URL that holds no secret."""

import os
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import SplitResult, urlsplit
from urllib.request import url2pathname

from napari_emcad.core.errors import UserError

PRECOMPUTED = "precomputed://"
"""Beginning of the URL of a neuroglancer precomputed volume, as neuroglancer writes it."""

_ADDRESS = re.compile(r"[a-zA-Z][\w+.-]*://")
"""Beginning of an address, which may stand inside another one: zarr://https://host/em.zarr."""

_LOCAL = re.compile(r"(?:^|[^a-zA-Z])(?:file|local|dir)://")
"""Protocols of files on this machine, which may stand inside another address."""

_ACCOUNTS = ("abfs", "abfss", "wasb", "wasbs", "ssh", "sftp")
"""Protocols that name a container or an account before the host."""

_PARAMETER = re.compile(r";[^/;]*=")
"""A parameter of a part of a path, as signatures are."""


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
        If it is a URL that may hold a password, a token or a signature.
    """
    if not isinstance(text, str) or "://" not in text:
        return Path(os.path.expanduser(text)) if isinstance(text, str) else text
    for address in reversed(list(_ADDRESS.finditer(text))):
        _refuse_secrets(text[address.start() :].split("::")[0])
    if text.startswith("file://"):
        return Path(url2pathname(urlsplit(text).path))
    if _LOCAL.search(text):
        raise UserError(f"{shown_address(text)}: this is a path on this machine; write the path by itself.")
    return Url(text.rstrip("/"))


def _refuse_secrets(text: str) -> None:
    try:
        url = urlsplit(text)
        _ = url.port  # a word after a colon is no port, but may be a password
    except ValueError as error:
        raise UserError("URL: an address such as https://host/em.zarr is needed; check it.") from error
    if _has_secret(url):
        raise UserError(
            f"{_without_secrets(text)}: a URL without user, password, token or signature is needed, as URLs are kept "
            "in sessions; give the credentials in the environment."
        )


def shown_address(text: str) -> str:
    """Return what of an address can be shown for sure, without what may be a secret."""
    address = next(reversed(list(_ADDRESS.finditer(text))), None)
    return _without_secrets(text[address.start() :].split("::")[0]) if address else text


def _without_secrets(text: str) -> str:
    """Return what of an address can be shown for sure."""
    scheme, _, rest = text.partition("://")
    host = re.split("[/?#;]", rest)[0]
    if "@" in rest[len(host) :]:
        return f"{scheme}://..."
    return f"{scheme}://{re.split('[?#;]', rest.rpartition('@')[2])[0]}"


def _has_secret(url: SplitResult) -> bool:
    """Return True for whatever may be one: before the host only the accounts of a few protocols are no secrets."""
    named = "@" in url.netloc and url.scheme not in _ACCOUNTS
    return bool(named or url.password is not None or url.query or url.fragment or _PARAMETER.search(url.path))
