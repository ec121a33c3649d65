"""Unix stream sockets: paths and what becomes of them, abstract names, credentials."""
# ruff: noqa: ASYNC240 - looking at the files of a test blocks nobody

from __future__ import annotations

import asyncio
import errno
import os
import socket
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.transport_socket.support import UNIX, made, running, serving, turns
from transport_abc.testing import Recorder

if TYPE_CHECKING:
    from collections.abc import Callable

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="Linux alone has this")


async def _echoes(path: Any) -> None:
    """Serve a path, send something there and get it back."""
    far = Recorder(data_received=lambda data: far.transport.write(data))
    async with serving(made(far), plugin=UNIX, where=(path,)):
        transport, near = await UNIX.connect(running(), Recorder, path)
        transport.write(b"data")
        await near.received(4)
        transport.close()
        await near.lost()
    assert bytes(near.data) == b"data"


@pytest.mark.parametrize("kind", [str, os.fsencode, Path], ids=["str", "bytes", "Path"])
async def test_path_is_given_in_any_form(path: str, kind: Callable[[str], Any]) -> None:
    await _echoes(kind(path))
    assert not Path(path).exists()


@linux_only
@pytest.mark.parametrize("kind", [str, os.fsencode], ids=["str", "bytes"])
async def test_abstract_name_is_no_file(path: str, kind: Callable[[str], Any]) -> None:
    await _echoes(kind(f"\0{path}"))


@linux_only
async def test_abstract_name_in_use_is_refused(path: str) -> None:
    name = f"\0{path}"
    async with serving(Recorder, plugin=UNIX, where=(name,)):
        with pytest.raises(OSError, match=r"Address '\\x00.*' is already in use"):
            await UNIX.listen(running(), Recorder, name)


async def test_names_are_known(path: str) -> None:
    far = Recorder()
    async with serving(made(far), plugin=UNIX, where=(path,)):
        transport, near = await UNIX.connect(running(), Recorder, path)
        await far.called("connection_made")
        assert transport.get_extra_info("peername") == path
        assert far.transport.get_extra_info("sockname") == path
        assert far.transport.get_extra_info("peername") == ""
        transport.abort()
        await near.lost()


@linux_only
async def test_both_ends_know_who_the_other_is(path: str) -> None:
    far = Recorder()
    async with serving(made(far), plugin=UNIX, where=(path,)):
        transport, near = await UNIX.connect(running(), Recorder, path)
        await far.called("connection_made")
        me = (os.getpid(), os.getuid(), os.getgid())
        assert transport.get_extra_info("peercred") == me
        assert far.transport.get_extra_info("peercred") == me
        transport.abort()
        await near.lost()
        assert transport.get_extra_info("peercred") == me


async def test_credentials_are_not_known_any_more_after_the_end(path: str) -> None:
    async with serving(Recorder, plugin=UNIX, where=(path,)):
        transport, near = await UNIX.connect(running(), Recorder, path)
        transport.abort()
        await near.lost()
        assert transport.get_extra_info("peercred", "unknown") == "unknown"


# -- the path of a server ------------------------------------------------------------------------------------------


def _stale(path: str, kind: socket.SocketKind = socket.SOCK_STREAM) -> None:
    with socket.socket(socket.AF_UNIX, kind) as sock:
        sock.bind(path)


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
async def test_stale_path_is_replaced(path: str, kind: socket.SocketKind) -> None:
    _stale(path, kind)
    await _echoes(path)


async def test_live_server_is_not_replaced_and_sees_no_connection(path: str) -> None:
    with socket.socket(socket.AF_UNIX) as live:
        live.bind(path)
        live.listen()
        live.setblocking(False)
        with pytest.raises(OSError, match=r"Address '.*' is already in use") as caught:
            await UNIX.listen(running(), Recorder, path)
        assert caught.value.errno == errno.EADDRINUSE
        with pytest.raises(BlockingIOError):
            live.accept()


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
async def test_bound_socket_that_does_not_listen_is_not_replaced(path: str, kind: socket.SocketKind) -> None:
    with socket.socket(socket.AF_UNIX, kind) as live:
        live.bind(path)
        with pytest.raises(OSError, match="is already in use"):
            await UNIX.listen(running(), Recorder, path)
        assert Path(path).is_socket()


async def test_file_is_not_replaced(path: str) -> None:
    Path(path).write_text("precious")
    with pytest.raises(OSError, match="is already in use"):
        await UNIX.listen(running(), Recorder, path)
    assert Path(path).read_text() == "precious"


async def test_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="is already in use"):
        await UNIX.listen(running(), Recorder, tmp_path)
    with pytest.raises(ConnectionRefusedError):
        await UNIX.connect(running(), Recorder, tmp_path)


async def test_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="missing/s"):
        await UNIX.listen(running(), Recorder, tmp_path / "missing" / "s")


async def test_path_that_is_too_long_is_refused(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 150)
    with pytest.raises(OSError, match=r"error while attempting to bind on address '.*xxx'.* too long") as caught:
        await UNIX.listen(running(), Recorder, path)
    assert caught.value.errno == errno.ENAMETOOLONG
    with pytest.raises(OSError, match="too long"):
        await UNIX.connect(running(), Recorder, path)


async def test_permissions_come_from_the_umask(path: str) -> None:
    umask = os.umask(0o077)
    try:
        async with serving(Recorder, plugin=UNIX, where=(path,)):
            assert stat.S_IMODE(os.stat(path).st_mode) == 0o700
    finally:
        os.umask(umask)


async def test_permissions_set_by_the_user_are_kept(path: str) -> None:
    async with serving(Recorder, plugin=UNIX, where=(path,), start_serving=False) as server:
        os.chmod(path, 0o620)
        await server.start_serving()
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o620


async def test_path_is_removed_when_the_server_is_closed(path: str) -> None:
    async with serving(Recorder, plugin=UNIX, where=(path,)) as server:
        server.close()
        assert not Path(path).exists()


async def test_path_is_kept_if_asked_for(path: str) -> None:
    async with serving(Recorder, plugin=UNIX, where=(path,), cleanup_socket=False):
        pass
    assert Path(path).is_socket()


async def test_path_that_is_gone_already_is_no_error(path: str) -> None:
    async with serving(Recorder, plugin=UNIX, where=(path,)):
        Path(path).unlink()


async def test_path_of_a_given_socket_may_be_gone_already(path: str) -> None:
    sock = socket.socket(socket.AF_UNIX)
    sock.bind(path)
    Path(path).unlink()
    async with serving(Recorder, plugin=UNIX, where=(), sock=sock):
        pass


async def test_path_that_belongs_to_another_by_now_is_kept(path: str) -> None:
    async with serving(Recorder, plugin=UNIX, where=(path,)):
        Path(path).rename(f"{path}.moved")
        _stale(path)
    assert Path(path).is_socket()


async def test_path_is_removed_from_another_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    async with serving(Recorder, plugin=UNIX, where=("s",)):
        monkeypatch.chdir("/")
    assert not (tmp_path / "s").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may remove from every folder")
async def test_path_that_cannot_be_removed_is_reported(
    tmp_path: Path, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(Recorder, plugin=UNIX, where=(path,)):
        tmp_path.chmod(0o500)
    tmp_path.chmod(0o700)
    assert "Unable to clean up listening UNIX socket" in caplog.text


async def test_path_of_a_given_socket_is_removed_only_if_it_did_not_listen_yet(path: str) -> None:
    for listens in (False, True):
        sock = socket.socket(socket.AF_UNIX)
        sock.bind(path)
        if listens:
            sock.listen()
        async with serving(Recorder, plugin=UNIX, where=(), sock=sock):
            pass
        assert Path(path).exists() is listens


async def test_path_is_removed_when_listening_fails(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def listen(sock: socket.socket, backlog: int) -> None:
        raise OSError(errno.ENOBUFS, "no buffers")

    monkeypatch.setattr(socket.socket, "listen", listen)
    with pytest.raises(OSError, match="no buffers"):
        await UNIX.listen(running(), Recorder, path)
    assert not Path(path).exists()


# -- connecting ----------------------------------------------------------------------------------------------------


async def test_path_where_nobody_listens_is_named(path: str) -> None:
    with pytest.raises(FileNotFoundError, match=path):
        await UNIX.connect(running(), Recorder, path)
    _stale(path)
    with pytest.raises(ConnectionRefusedError, match=path):
        await UNIX.connect(running(), Recorder, path)


@linux_only
async def test_full_queue_of_the_server_is_not_taken_for_a_connection(path: str) -> None:
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as first:
        server.bind(path)
        server.listen(0)
        first.connect(path)
        # A loop may wait for a place in the queue; stock asyncio does not.
        with pytest.raises((BlockingIOError, TimeoutError)):
            async with asyncio.timeout(0.1):
                await UNIX.connect(running(), Recorder, path)


async def test_given_sockets_are_used() -> None:
    near, far = socket.socketpair()
    left, one = await UNIX.connect(running(), Recorder, sock=near)
    right, other = await UNIX.adopt(running(), Recorder, far)
    left.write(b"data")
    await other.received(4)
    left.close()
    await other.called("eof_received")
    await other.lost()
    await one.lost()
    assert right.is_closing()


# -- arguments -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["connect", "listen"])
async def test_path_and_socket_exclude_each_other(method: str, path: str) -> None:
    message = "path and sock can not be specified at the same time"
    with socket.socket(socket.AF_UNIX) as sock, pytest.raises(ValueError, match=message):
        await getattr(UNIX, method)(running(), Recorder, path, sock=sock)


async def test_no_place_is_refused() -> None:
    with pytest.raises(ValueError, match="no path and sock were specified"):
        await UNIX.connect(running(), Recorder)
    with pytest.raises(ValueError, match="path was not specified, and no sock specified"):
        await UNIX.listen(running(), Recorder)


@pytest.mark.parametrize("method", ["connect", "listen", "adopt"])
@pytest.mark.parametrize(
    ("family", "kind"), [(socket.AF_INET, socket.SOCK_STREAM), (socket.AF_UNIX, socket.SOCK_DGRAM)]
)
async def test_socket_of_another_kind_is_refused(method: str, family: int, kind: int) -> None:
    message = "A UNIX Domain Stream Socket was expected, got <socket"
    with socket.socket(family, kind) as sock, pytest.raises(ValueError, match=message):
        await getattr(UNIX, method)(running(), Recorder, sock=sock)


async def test_connection_can_be_cancelled_at_any_step(path: str) -> None:
    protocols: list[Recorder] = []

    def factory() -> Recorder:
        protocols.append(Recorder())
        return protocols[-1]

    async with serving(Recorder, plugin=UNIX, where=(path,)):
        for steps in range(6):
            task = asyncio.ensure_future(UNIX.connect(running(), factory, path))
            await turns(steps)
            task.cancel()
            await asyncio.wait([task])
            if not task.cancelled():
                task.result()[0].abort()
            await turns()
    assert all(protocol.names() in ([], ["connection_made", "connection_lost"]) for protocol in protocols)
