from __future__ import annotations

import asyncio
import os
import signal
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from loop_selector import SelectorEventLoop, new_event_loop

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.skipif(not hasattr(signal, "set_wakeup_fd"), reason="this system has no signals")


def turn(loop: SelectorEventLoop) -> None:
    loop.stop()
    loop.run_forever()


def kill(sig: int) -> None:
    """Send a signal to the main thread, which is where tests run: it has arrived when this returns."""
    signal.pthread_kill(threading.main_thread().ident or 0, sig)


@pytest.fixture(autouse=True)
def _handlers_are_put_back() -> Iterator[None]:
    """Fail a test that leaves a handler or a wake-up descriptor in the process."""
    watched = (signal.SIGUSR1, signal.SIGUSR2, signal.SIGINT, signal.SIGCHLD, signal.SIGTERM)
    before = [signal.getsignal(sig) for sig in watched]
    yield
    assert [signal.getsignal(sig) for sig in watched] == before
    assert signal.set_wakeup_fd(-1) == -1


def test_a_handler_runs_in_the_loop_with_its_arguments(loop: SelectorEventLoop) -> None:
    got: list[Any] = []

    def handler(*args: Any) -> None:
        got.append((args, asyncio.get_running_loop() is loop))
        loop.stop()

    loop.add_signal_handler(signal.SIGUSR1, handler, 1, 2)
    loop.call_soon(kill, signal.SIGUSR1)
    loop.run_forever()
    assert got == [((1, 2), True)]
    assert loop.remove_signal_handler(signal.SIGUSR1) is True
    assert loop.remove_signal_handler(signal.SIGUSR1) is False


def test_a_signal_wakes_a_waiting_loop(loop: SelectorEventLoop) -> None:
    loop.add_signal_handler(signal.SIGUSR1, loop.stop)
    timer = threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGUSR1))
    timer.start()
    loop.run_forever()
    timer.join()
    loop.remove_signal_handler(signal.SIGUSR1)


def test_a_signal_that_arrives_while_the_loop_does_not_run_is_handled_in_its_next_run(loop: SelectorEventLoop) -> None:
    got: list[int] = []
    loop.add_signal_handler(signal.SIGUSR1, got.append, 1)
    kill(signal.SIGUSR1)
    time.sleep(0)
    assert got == []
    turn(loop)
    assert got == [1]
    loop.remove_signal_handler(signal.SIGUSR1)


def test_a_later_handler_replaces_the_earlier(loop: SelectorEventLoop) -> None:
    got: list[int] = []
    loop.add_signal_handler(signal.SIGUSR1, got.append, 1)
    loop.add_signal_handler(signal.SIGUSR1, got.append, 2)
    kill(signal.SIGUSR1)
    turn(loop)
    assert got == [2]
    loop.remove_signal_handler(signal.SIGUSR1)


def test_each_arrival_has_its_place_among_the_callbacks_of_a_turn(loop: SelectorEventLoop) -> None:
    got: list[str] = []
    loop.add_signal_handler(signal.SIGUSR1, got.append, "signal")
    kill(signal.SIGUSR1)
    loop.call_soon(got.append, "callback")
    kill(signal.SIGUSR1)
    turn(loop)
    assert got == ["signal", "callback", "signal"]


def test_a_storm_neither_loses_the_wake_up_nor_spins(loop: SelectorEventLoop) -> None:
    counts = {"storm": 0, "last": 0}

    def count(name: str) -> None:
        counts[name] += 1

    loop.add_signal_handler(signal.SIGUSR1, count, "storm")

    def last() -> None:
        count("last")
        loop.stop()

    loop.add_signal_handler(signal.SIGUSR2, last)
    for _ in range(20000):  # more bytes than the wake-up's socket holds
        kill(signal.SIGUSR1)
    kill(signal.SIGUSR2)
    loop.run_forever()
    assert counts["storm"] > 0
    assert counts["last"] == 1
    timer = threading.Timer(0.1, loop.call_soon_threadsafe, (loop.stop,))
    timer.start()
    start = time.process_time()
    loop.run_forever()
    assert time.process_time() - start < 0.09
    timer.join()
    loop.remove_signal_handler(signal.SIGUSR1)
    loop.remove_signal_handler(signal.SIGUSR2)


def test_a_handler_that_raises_is_reported(loop: SelectorEventLoop) -> None:
    reports: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _, context: reports.append(context))
    loop.add_signal_handler(signal.SIGUSR1, lambda: 1 / 0)
    kill(signal.SIGUSR1)
    turn(loop)
    assert isinstance(reports[0]["exception"], ZeroDivisionError)
    loop.remove_signal_handler(signal.SIGUSR1)


def test_removing_the_handler_of_ctrl_c_puts_pythons_back(loop: SelectorEventLoop) -> None:
    got: list[int] = []
    loop.add_signal_handler(signal.SIGINT, got.append, 1)
    kill(signal.SIGINT)
    turn(loop)
    assert got == [1]
    loop.remove_signal_handler(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    with pytest.raises(KeyboardInterrupt):
        kill(signal.SIGINT)


def test_children_may_be_watched_by_signal(loop: SelectorEventLoop) -> None:
    loop.add_signal_handler(signal.SIGCHLD, loop.stop)
    pid = os.posix_spawn("/bin/true", ["true"], os.environ)
    loop.run_forever()
    os.waitpid(pid, 0)
    loop.remove_signal_handler(signal.SIGCHLD)


@pytest.mark.parametrize("sig", [signal.SIGKILL, signal.SIGSTOP])
def test_what_cannot_be_caught_says_so(loop: SelectorEventLoop, sig: signal.Signals) -> None:
    with pytest.raises(RuntimeError, match=rf"sig {sig} cannot be caught"):
        loop.add_signal_handler(sig, print)
    assert loop._signal_handlers == {}


@pytest.mark.parametrize("method", ["add_signal_handler", "remove_signal_handler"])
def test_numbers_that_are_no_signals_are_refused(loop: SelectorEventLoop, method: str) -> None:
    callback = [print] * (method == "add_signal_handler")
    for number in (0, -1, 1000):
        with pytest.raises(ValueError, match=rf"invalid signal number {number}"):
            getattr(loop, method)(number, *callback)
    with pytest.raises(TypeError, match="sig must be an int, not '10'"):
        getattr(loop, method)("10", *callback)


def test_coroutines_are_refused(loop: SelectorEventLoop) -> None:
    async def handler() -> None:
        pass

    with pytest.raises(TypeError, match=r"coroutines cannot be used with add_signal_handler\(\)"):
        loop.add_signal_handler(signal.SIGUSR1, handler)


def test_other_threads_are_refused(loop: SelectorEventLoop) -> None:
    errors: list[BaseException] = []

    def work() -> None:
        try:
            loop.add_signal_handler(signal.SIGUSR1, print)
        except RuntimeError as exc:
            errors.append(exc)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert "main thread" in str(errors[0])
    assert loop._signal_handlers == {}


def test_handlers_are_handles_that_others_may_read(loop: SelectorEventLoop) -> None:
    loop.add_signal_handler(signal.SIGUSR1, print, 1, 2)
    handle: Any = loop._signal_handlers[signal.SIGUSR1]
    assert issubclass(type(handle), asyncio.Handle)
    assert handle._callback is print
    assert handle._args == (1, 2)
    loop.remove_signal_handler(signal.SIGUSR1)


def test_closing_removes_all_handlers(loop: SelectorEventLoop) -> None:
    loop.add_signal_handler(signal.SIGUSR1, print)
    loop.add_signal_handler(signal.SIGINT, print)
    loop.close()
    assert loop._signal_handlers == {}


# -- the wake-up descriptor of the process ---------------------------------------------------------------------------


def test_it_is_taken_only_while_there_are_handlers(loop: SelectorEventLoop) -> None:
    near, far = socket.socketpair()
    near.setblocking(False)
    with near, far:
        signal.set_wakeup_fd(near.fileno())
        turn(loop)
        assert signal.set_wakeup_fd(near.fileno()) == near.fileno()
        loop.add_signal_handler(signal.SIGUSR1, print)
        loop.add_signal_handler(signal.SIGUSR2, print)
        loop.remove_signal_handler(signal.SIGUSR1)
        loop.remove_signal_handler(signal.SIGUSR2)
        assert signal.set_wakeup_fd(-1) == near.fileno()


def test_it_is_not_given_back_to_who_has_closed_it(loop: SelectorEventLoop) -> None:
    near, far = socket.socketpair()
    near.setblocking(False)
    signal.set_wakeup_fd(near.fileno())
    loop.add_signal_handler(signal.SIGUSR1, print)
    near.close()
    far.close()
    loop.remove_signal_handler(signal.SIGUSR1)
    assert signal.set_wakeup_fd(-1) == -1


def test_it_is_left_to_who_has_taken_it_meanwhile(loop: SelectorEventLoop) -> None:
    near, far = socket.socketpair()
    near.setblocking(False)
    with near, far:
        loop.add_signal_handler(signal.SIGUSR1, print)
        signal.set_wakeup_fd(near.fileno())
        loop.remove_signal_handler(signal.SIGUSR1)
        assert signal.set_wakeup_fd(-1) == near.fileno()


def test_two_loops_can_have_handlers_in_turns(loop: SelectorEventLoop) -> None:
    other = new_event_loop()
    loop.add_signal_handler(signal.SIGUSR1, loop.stop)
    other.add_signal_handler(signal.SIGUSR2, other.stop)
    for each, sig in ((loop, signal.SIGUSR1), (other, signal.SIGUSR2), (loop, signal.SIGUSR1)):
        timer = threading.Timer(0.02, os.kill, (os.getpid(), sig))
        timer.start()
        each.run_forever()
        timer.join()
    other.close()
    loop.close()


def test_it_follows_when_the_wake_up_is_replaced(loop: SelectorEventLoop) -> None:
    loop.set_exception_handler(lambda *_: None)
    loop.add_signal_handler(signal.SIGUSR1, loop.stop)
    loop._wakeup._sender.shutdown(socket.SHUT_WR)
    turn(loop)
    timer = threading.Timer(0.02, os.kill, (os.getpid(), signal.SIGUSR1))
    timer.start()
    loop.run_forever()
    timer.join()
    loop.remove_signal_handler(signal.SIGUSR1)
