"""The interfaces are real subclasses of asyncio's: abstract for transports, complete for protocols."""

from __future__ import annotations

import asyncio
import inspect
import subprocess
import sys
from typing import Any

import pytest

import transport_abc

TRANSPORTS = {
    "BaseTransport": asyncio.BaseTransport,
    "ReadTransport": asyncio.ReadTransport,
    "WriteTransport": asyncio.WriteTransport,
    "Transport": asyncio.Transport,
    "DatagramTransport": asyncio.DatagramTransport,
    "SubprocessTransport": asyncio.SubprocessTransport,
}

PROTOCOLS = {
    "BaseProtocol": asyncio.BaseProtocol,
    "Protocol": asyncio.Protocol,
    "BufferedProtocol": asyncio.BufferedProtocol,
    "DatagramProtocol": asyncio.DatagramProtocol,
    "SubprocessProtocol": asyncio.SubprocessProtocol,
}

DOCUMENTED = {
    "BaseTransport": {"close", "get_extra_info", "get_protocol", "is_closing", "set_protocol"},
    "ReadTransport": {"is_reading", "pause_reading", "resume_reading"},
    "WriteTransport": {
        "abort",
        "can_write_eof",
        "get_write_buffer_limits",
        "get_write_buffer_size",
        "set_write_buffer_limits",
        "write",
        "write_eof",
        "writelines",
    },
    "DatagramTransport": {
        "abort",
        "get_write_buffer_limits",
        "get_write_buffer_size",
        "sendto",
        "set_write_buffer_limits",
    },
    "SubprocessTransport": {
        "close",
        "get_pid",
        "get_pipe_transport",
        "get_returncode",
        "kill",
        "send_signal",
        "terminate",
    },
}
"""Methods of the documentation's section "Transports", by class."""


def public(name: str) -> Any:
    return getattr(transport_abc, name)


def methods(cls: type) -> set[str]:
    return {name for name in dir(cls) if not name.startswith("_") and callable(getattr(cls, name))}


@pytest.mark.parametrize("name", TRANSPORTS)
def test_transport_is_a_subclass_of_asyncios(name: str) -> None:
    assert issubclass(public(name), TRANSPORTS[name])


@pytest.mark.parametrize("name", PROTOCOLS)
def test_protocol_is_a_subclass_of_asyncios(name: str) -> None:
    assert issubclass(public(name), PROTOCOLS[name])


@pytest.mark.parametrize("name", TRANSPORTS)
def test_transport_has_every_method_of_asyncios(name: str) -> None:
    assert methods(TRANSPORTS[name]) <= methods(public(name))


@pytest.mark.parametrize("name", DOCUMENTED)
def test_documented_method_is_abstract(name: str) -> None:
    left_to_base = {"get_extra_info"}
    assert DOCUMENTED[name] - left_to_base <= public(name).__abstractmethods__


@pytest.mark.parametrize("name", TRANSPORTS)
def test_interface_cannot_be_instantiated(name: str) -> None:
    with pytest.raises(TypeError, match="abstract"):
        public(name)()


def test_documented_name_of_the_subprocess_transport_is_kept() -> None:
    assert transport_abc.BaseSubprocessTransport is transport_abc.SubprocessTransport


@pytest.mark.parametrize("name", PROTOCOLS)
def test_protocol_has_the_callbacks_and_parameters_of_asyncios(name: str) -> None:
    theirs, ours = PROTOCOLS[name], public(name)
    assert methods(theirs) == methods(ours)
    for method in methods(theirs):
        assert list(inspect.signature(getattr(ours, method)).parameters) == list(
            inspect.signature(getattr(theirs, method)).parameters
        ), method


ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "connection_made": (None,),
    "connection_lost": (None,),
    "data_received": (b"",),
    "buffer_updated": (1,),
    "datagram_received": (b"", None),
    "error_received": (OSError(),),
    "pipe_data_received": (1, b""),
    "pipe_connection_lost": (1, None),
}


@pytest.mark.parametrize("name", PROTOCOLS)
def test_callback_does_nothing_by_default(name: str) -> None:
    protocol = public(name)()
    for method in methods(public(name)) - {"get_buffer"}:
        assert getattr(protocol, method)(*ARGUMENTS.get(method, ())) is None, method


def test_buffered_protocol_must_say_where_to_receive() -> None:
    with pytest.raises(NotImplementedError):
        transport_abc.BufferedProtocol().get_buffer(-1)


@pytest.mark.parametrize("name", PROTOCOLS)
def test_protocol_may_be_made_of_slots(name: str) -> None:
    slotted = type("Slotted", (public(name),), {"__slots__": ("transport",)})()
    slotted.transport = None
    assert not hasattr(slotted, "__dict__")


def test_extra_info_has_a_default() -> None:
    class Minimal(transport_abc.BaseTransport):
        def close(self) -> None: ...

        def is_closing(self) -> bool:
            return False

        def set_protocol(self, protocol: Any) -> None: ...

        def get_protocol(self) -> Any: ...

    transport = Minimal({"peername": "somebody"})
    assert transport.get_extra_info("peername") == "somebody"
    assert transport.get_extra_info("sockname") is None
    assert transport.get_extra_info("sockname", "default") == "default"


def test_every_public_thing_has_a_docstring() -> None:
    undocumented = [
        f"{name}.{method}"
        for name in transport_abc.__all__
        if inspect.isclass(public(name)) and public(name).__module__.startswith("transport_abc")
        for method, value in vars(public(name)).items()
        if not method.startswith("_") and callable(value) and not value.__doc__
    ]
    assert undocumented == []


def test_importing_it_imports_neither_metadata_nor_the_checks() -> None:
    program = (
        "import sys, transport_abc; print(sorted({'importlib.metadata', 'transport_abc.testing'} & {*sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
