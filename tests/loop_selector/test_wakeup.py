from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from loop_selector import SelectorEventLoop


def test_a_thread_wakes_a_waiting_loop(loop: SelectorEventLoop) -> None:
    thread = threading.Thread(target=lambda: loop.call_soon_threadsafe(loop.stop))
    loop.call_soon(thread.start)
    loop.run_forever()
    thread.join()


def test_many_threads_lose_nothing(loop: SelectorEventLoop) -> None:
    threads, calls = 8, 2000
    got: list[tuple[int, int]] = []

    def note(thread: int, number: int) -> None:
        got.append((thread, number))
        if len(got) == threads * calls:
            loop.stop()

    def work(thread: int) -> None:
        for number in range(calls):
            loop.call_soon_threadsafe(note, thread, number)

    workers = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
    for worker in workers:
        worker.start()
    loop.run_forever()
    for worker in workers:
        worker.join()
    for number in range(threads):
        assert [call for thread, call in got if thread == number] == list(range(calls))


def test_one_turn_needs_one_byte(loop: SelectorEventLoop) -> None:
    for _ in range(100):
        loop.call_soon_threadsafe(lambda: None)
    assert loop._wakeup._receiver.recv(1000) == b"\0"
    loop._wakeup.pending = False


def test_a_full_socket_is_no_loss(loop: SelectorEventLoop) -> None:
    sender = loop._wakeup._sender
    with contextlib.suppress(BlockingIOError):
        while sender.send(b"x" * 1000):
            pass
    got: list[int] = []
    loop.call_soon_threadsafe(got.append, 1)
    loop.call_soon_threadsafe(loop.stop)
    loop.run_forever()
    assert got == [1]


def test_end_of_file_is_reported_repaired_and_does_not_spin(loop: SelectorEventLoop) -> None:
    reports: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _, context: reports.append(context))
    loop._wakeup._sender.shutdown(socket.SHUT_WR)
    thread = threading.Thread(target=_after, args=(0.1, loop))
    thread.start()
    start = time.process_time()
    loop.run_forever()
    thread.join()
    assert len(reports) == 1
    assert "wake-up" in reports[0]["message"]
    assert "end of file" in reports[0]["message"]
    assert time.process_time() - start < 0.09


def _after(seconds: float, loop: SelectorEventLoop) -> None:
    """Stop a loop from a thread, through its wake-up."""
    time.sleep(seconds)
    loop.call_soon_threadsafe(loop.stop)


def test_a_sending_end_that_was_closed_by_others_is_replaced(loop: SelectorEventLoop) -> None:
    reports: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _, context: reports.append(context))
    os.close(loop._wakeup._sender.fileno())
    loop.call_soon_threadsafe(loop.stop)
    loop.run_forever()
    assert len(reports) == 1
    thread = threading.Thread(target=lambda: loop.call_soon_threadsafe(loop.stop))
    loop.call_soon(thread.start)
    loop.run_forever()
    thread.join()


def test_a_receiving_end_that_was_closed_by_others_is_replaced(loop: SelectorEventLoop) -> None:
    reports: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _, context: reports.append(context))
    os.close(loop._wakeup._receiver.fileno())
    loop.call_soon_threadsafe(loop.stop)
    loop.run_forever()
    assert len(reports) == 1


def test_descriptors_given_to_others_meanwhile_are_not_closed(loop: SelectorEventLoop) -> None:
    loop.set_exception_handler(lambda _, context: None)
    number = loop._wakeup._sender.fileno()
    os.close(number)
    near, far = socket.socketpair()
    with near, far:
        os.dup2(near.fileno(), number)
        loop.call_soon_threadsafe(loop.stop)  # goes to the stranger, who has the number now
        loop.run_forever()  # the pair is found broken, because its other end is closed
        os.fstat(number)
        if number not in (near.fileno(), far.fileno()):
            os.close(number)


def test_waking_a_closed_loop_has_no_effect(loop: SelectorEventLoop) -> None:
    loop.close()
    loop._wakeup.wake()
    assert loop._wakeup.fileno() == -1
    with pytest.raises(RuntimeError, match="Event loop is closed"):
        loop.call_soon_threadsafe(print)


def test_an_interrupted_waker_does_not_leave_the_loop_deaf(loop: SelectorEventLoop) -> None:
    class Interrupted:
        def send(self, data: bytes) -> int:
            raise KeyboardInterrupt

        def fileno(self) -> int:
            return sender.fileno()

    sender = loop._wakeup._sender
    loop._wakeup._sender = Interrupted()  # type: ignore[assignment]
    with pytest.raises(KeyboardInterrupt):
        loop.call_soon_threadsafe(print)
    loop._wakeup._sender = sender
    loop._ready.clear()
    thread = threading.Thread(target=lambda: loop.call_soon_threadsafe(loop.stop))
    loop.call_soon(thread.start)
    loop.run_forever()
    thread.join()
