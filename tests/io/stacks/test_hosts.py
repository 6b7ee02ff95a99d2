import socket
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import numpy as np
import pytest
import zarr

from napari_emcad.core.errors import UserError
from napari_emcad.io.stacks import hosts
from napari_emcad.io.stacks.find_stack import KnownStack, StackBehindUrl, find_stack
from napari_emcad.io.stacks.hosts import NotFetched, check_host, nothing_fetched, refuse_inside
from napari_emcad.io.stacks.locations import Url, parse_location
from napari_emcad.io.stacks.remote_zarr import open_remote_node
from napari_emcad.io.stacks.stack import open_stack


@pytest.fixture
def sends_on():
    """A server that sends every question on to an address; a list of what it was asked."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(302)
            self.send_header("Location", self.server.target)
            self.end_headers()

        do_HEAD = do_GET

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, args=(0.05,))
        thread.start()

        def make(target):
            server.target = target
            return f"http://127.0.0.1:{server.server_port}/em.zarr"

        make.asked = asked
        yield make
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("kind", ["", "precomputed://"])
def test_a_host_that_does_not_answer_is_told(monkeypatch, kind):
    monkeypatch.setattr(hosts, "PATIENCE", 0.3)
    with closing(socket.socket()) as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        with pytest.raises(
            UserError, match=r"em.zarr: its host has not answered for 0\.3 s; check the address and the"
        ):
            open_stack(f"{kind}http://127.0.0.1:{silent.getsockname()[1]}/em.zarr")


INSIDE = [
    *("http://169.254.169.254/em.zarr", "http://169.254.1.2:80/em.zarr"),
    *("http://2852039166/em.zarr", "http://0xA9FEA9FE/em.zarr"),
    *("http://metadata.google.internal/em.zarr", "precomputed://http://169.254.169.254/em"),
]


@pytest.mark.parametrize("address", INSIDE)
def test_addresses_inside_of_a_machine_are_refused(address):
    with pytest.raises(UserError, match=r"this is an address inside of a machine, from which no stacks are read"):
        open_stack(address)


@pytest.mark.parametrize("number", ["fe80::1", "::ffff:169.254.169.254", "fd00:ec2::254"])
def test_longer_numbers_are_refused_too(number):
    with pytest.raises(UserError, match=r"this is an address inside of a machine"):
        refuse_inside(f"http://[{number}]/em.zarr")


def test_a_name_that_stands_for_one_is_refused(monkeypatch):
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("169.254.169.254", 80))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    with pytest.raises(UserError, match=r"em\.example.*: this is an address inside of a machine"):
        check_host(Url("http://em.example/a.zarr"))


ELSEWHERE = [
    ("http://169.254.169.254/latest", "http://169.254.169.254/latest"),
    ("http://other.example/em.zarr?X-Amz-Signature=secret", "http://other.example/em.zarr"),
    ("file:///etc/passwd", "file:///etc/passwd"),
    ("ftp://127.0.0.1/em.zarr", "ftp://127.0.0.1/em.zarr"),
]


@pytest.mark.parametrize(("target", "shown"), ELSEWHERE)
def test_a_host_that_sends_on_to_another_one_is_not_followed(sends_on, target, shown):
    with pytest.raises(UserError, match=r": its host sends on to .*, which is not followed; open that address") as told:
        open_stack(sends_on(target))
    assert shown in str(told.value)
    assert "secret" not in str(told.value)


@pytest.mark.parametrize("target", ["http://169.254.169.254/latest", "http://other.example/em.zarr"])
def test_neither_is_it_later(sends_on, target):
    with pytest.raises((UserError, OSError), match=r"which is not followed"):
        open_remote_node(sends_on(target), "")


def test_a_host_may_send_on_to_itself(web, tmp_path, sends_on):
    zarr.save_array(tmp_path / "em.zarr", np.zeros((4, 5, 6), np.uint8))
    check_host(Url(sends_on(f"{web}/em.zarr")))


@pytest.mark.parametrize("address", ["zarr://file:///em.zarr", "simplecache::file:///em.zarr", "local:///em.zarr"])
def test_paths_are_no_addresses(address):
    with pytest.raises(UserError, match=r"em.zarr: this is a path on this machine; write the path by itself"):
        parse_location(address)


def test_nothing_is_fetched_that_nobody_asked_for(web, tmp_path):
    zarr.save_array(tmp_path / "em.zarr", np.arange(120, dtype=np.uint8).reshape(4, 5, 6))
    for address in (f"{web}/em.zarr", f"precomputed://{web}/em"):
        with (
            nothing_fetched(),
            pytest.raises(NotFetched, match=r"this is behind a URL, which is fetched where it is na"),
        ):
            open_stack(address)
    assert open_stack(f"{web}/em.zarr").array.shape == (4, 5, 6)


def test_the_stack_of_a_session_is_fetched_only_if_it_is_named(sends_on, tmp_path):
    address = sends_on("http://169.254.169.254/")
    known = KnownStack(tmp_path / "a.emcad", address, fingerprint="0 4x5x6 uint8")
    with pytest.raises(
        StackBehindUrl, match=r"its image is at http://127.*, which was not fetched yet; name it with"
    ) as told:
        find_stack(known)
    assert (str(told.value.url), sends_on.asked) == (address, [])
    with pytest.raises(UserError, match=r"which is not followed"):
        find_stack(known, parse_location(address))
    assert sends_on.asked


def test_a_copy_near_the_session_needs_no_address(web, tmp_path):
    zarr.save_array(tmp_path / "em.zarr", np.arange(120, dtype=np.uint8).reshape(4, 5, 6))
    with open_stack(tmp_path / "em.zarr") as stack:
        known = KnownStack(tmp_path / "a.emcad", "https://host.example/em.zarr", fingerprint=stack.fingerprint)
    assert find_stack(known).path == tmp_path / "em.zarr"
