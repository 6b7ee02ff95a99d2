"""Hosts behind URLs: whether they may be asked at all, whether they answer, and where they send who asks.

Nothing is fetched that nobody asked for: what looks for a file by itself does so within `nothing_fetched`. A host that
sends on to another one is not followed, as it may send to addresses of this machine or its network.
"""

import ipaddress
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urljoin, urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener, getproxies

from napari_emcad.core.errors import UserError
from napari_emcad.io.stacks.locations import Url, shown_address

PATIENCE = 20.0
"""Seconds that a host has to answer, and to go on with an answer."""

_STEP = 0.1
"""Seconds between two looks whether it has: a person may stop it then."""

_WEB = re.compile(r"https?://.*", re.DOTALL)

_MAY_FETCH = ContextVar("may_fetch", default=True)


class NotFetched(UserError):
    """A URL was not fetched, as nobody asked for what lies there."""


@contextmanager
def nothing_fetched() -> Iterator[None]:
    """Refuse URLs, also those in files, within the block."""
    before = _MAY_FETCH.set(False)
    try:
        yield
    finally:
        _MAY_FETCH.reset(before)


def check_fetch(url: Url) -> None:
    """Refuse a URL within `nothing_fetched`.

    Raises
    ------
    NotFetched
    """
    if not _MAY_FETCH.get():
        raise NotFetched(f"{url}: this is behind a URL, which is fetched where it is named alone; open it by name.")


def check_host(url: Url) -> None:
    """Refuse a URL whose host does not answer, or sends on to another one; what it answers does not count.

    Raises
    ------
    UserError
        One sentence.
    """
    check_fetch(url)
    found = _WEB.search(str(url))
    if found is None:
        return
    refuse_inside(found[0])
    answer = _Answer(found[0])
    for _ in range(round(PATIENCE / _STEP)):
        if answer.came.wait(_STEP):
            break
    else:
        raise UserError(f"{url}: its host has not answered for {PATIENCE:g} s; check the address and the network.")
    if answer.is_inside:
        raise _inside(found[0])
    if answer.target:
        raise _sent_on(found[0], answer.target)


def web_options() -> dict[str, Any]:
    """Return the settings of fsspec for http and https."""
    return {"get_client": _client}


def refuse_inside(address: str) -> None:
    """Refuse an address of the network inside of a machine, where machines in clouds keep their secrets.

    Raises
    ------
    UserError
    """
    host = (urlsplit(address).hostname or "").rstrip(".")
    if host == "metadata.google.internal" or any(_is_local_link(number) for number in _numbers(host)):
        raise _inside(address)


def _inside(address: str) -> UserError:
    return UserError(
        f"{shown_address(address)}: this is an address inside of a machine, from which no stacks are read; "
        "check the address."
    )


def _numbers(host: str) -> Iterator[str]:
    """Yield a host as a number, in whatever way it is written; nothing for one with a name."""
    yield host
    try:
        yield socket.inet_ntoa(socket.inet_aton(host))  # 0xA9FEA9FE, 2852039166, 169.254.43518
    except OSError:
        return


def _is_local_link(number: str) -> bool:
    try:
        address = ipaddress.ip_address(number.partition("%")[0])
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_link_local or str(address) == "fd00:ec2::254"


def _sent_on(address: str, target: str) -> UserError:
    return UserError(
        f"{shown_address(address)}: its host sends on to {shown_address(target)}, which is not followed; open that "
        "address if you trust it."
    )


def _is_followed(address: str, target: str) -> bool:
    """Return True for a target on the same host, or one of its parts, by the same protocol or a safer one."""
    before, after = urlsplit(address), urlsplit(target)
    hosts = [f".{one.hostname or ''}" for one in (before, after)]
    is_near = hosts[0].endswith(hosts[1]) or hosts[1].endswith(hosts[0])
    return is_near and after.scheme in ("https", before.scheme) and len(min(hosts, key=len)) > 1


class _Answer(threading.Thread):
    """The answer of a host to a question for the head of a file, whatever it is.

    Attributes
    ----------
    came : Event
    target : str
        Address that the host sends on to, if it is not followed; else empty.
    is_inside : bool
        True if its name stands for an address inside of a machine, of which nothing was asked.
    """

    def __init__(self, address: str):
        super().__init__(name="host", daemon=True)
        self.came, self.target, self.is_inside = threading.Event(), "", False
        self._address = address
        self.start()

    def run(self) -> None:
        """Ask."""
        try:
            self.is_inside = any(map(_is_local_link, _resolved(self._address)))
            if not self.is_inside:
                self._ask()
        except TimeoutError:
            return  # nobody has answered
        except Exception as error:  # noqa: BLE001  an answer that is none: reading what lies there says so
            if isinstance(getattr(error, "reason", None), TimeoutError):
                return
        self.came.set()

    def _ask(self) -> None:
        try:
            with build_opener(_Redirects(self)).open(Request(self._address, method="HEAD"), timeout=PATIENCE):
                pass
        except HTTPError as error:
            if 300 <= error.code < 400 and not self.target:  # to a file, or without an end
                self.target = urljoin(self._address, error.headers.get("Location") or "")


def _resolved(address: str) -> list[str]:
    """Return the numbers that the name of a host stands for; none where a proxy asks it."""
    url = urlsplit(address)
    if url.hostname is None or url.scheme in getproxies():
        return []
    return [str(found[4][0]) for found in socket.getaddrinfo(url.hostname, url.port)]


class _Redirects(HTTPRedirectHandler):
    """Follows a host to its own addresses alone."""

    def __init__(self, answer: _Answer):
        self._answer = answer

    def redirect_request(self, req: Request, *arguments: Any) -> Request | None:
        target = str(arguments[-1])
        if _is_followed(req.full_url, target):
            return super().redirect_request(req, *arguments)
        self._answer.target = target
        return None


async def _client(loop: Any = None, **settings: Any) -> Any:
    """Return a client of aiohttp that follows a host to its own addresses alone, and does not wait for ever."""
    import aiohttp

    async def check(_session: Any, _context: Any, sent: Any) -> None:
        target = urljoin(str(sent.response.url), sent.response.headers.get("Location") or "")
        if not _is_followed(str(sent.response.url), target):
            raise _sent_on(str(sent.response.url), target)

    redirects = aiohttp.TraceConfig()
    redirects.on_request_redirect.append(check)
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=PATIENCE, sock_read=PATIENCE)
    connector = aiohttp.TCPConnector(socket_factory=_socket)
    return aiohttp.ClientSession(loop=loop, timeout=timeout, connector=connector, trace_configs=[redirects], **settings)


def _socket(address: Any) -> socket.socket:
    """Return a socket to a number that a name was found to stand for."""
    family, kind, protocol, _, (number, *_) = address
    if _is_local_link(str(number)):
        raise OSError(f"{number} is an address inside of a machine")
    return socket.socket(family, kind, protocol)
