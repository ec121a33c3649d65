"""Methods whose modules are imported when they are first needed.

A program that opens no connections should not wait for the modules that open them. In the body of a class, a
:class:`Later` stands for such a module: what is taken from it becomes a method of the class. The first look-up of the
method, on the class or on an instance, imports the module and puts the function itself in its place; from then on
there is no difference to a function that was there from the beginning.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__all__ = ["Later"]


class Later:
    """A module that is imported when one of the methods taken from it is first looked up.

    Args:
        module: its full name.
    """

    def __init__(self, module: str) -> None:
        self._module = module

    def __getattr__(self, function: str) -> Any:
        return _Method(self._module, function)


class _Method:
    """A descriptor that replaces itself by a function of a module."""

    def __init__(self, module: str, function: str) -> None:
        self._module = module
        self._function = function

    def __set_name__(self, owner: type, name: str) -> None:
        self._owner, self._name = owner, name

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        function = getattr(import_module(self._module), self._function)
        setattr(self._owner, self._name, function)
        return function.__get__(instance, owner)
