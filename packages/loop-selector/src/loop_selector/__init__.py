"""A complete asyncio event loop whose transports are separate packages.

Three ways to run a program on it, all the same: :func:`run`, ``asyncio.Runner(loop_factory=new_event_loop)``, and
from Python 3.12 on ``asyncio.run(main(), loop_factory=new_event_loop)``.
"""

from loop_selector._errors import MissingTransportError, PluginError
from loop_selector._loop import SelectorEventLoop
from loop_selector._pollers import EpollPoller, KqueuePoller, Poller, SelectPoller
from loop_selector._run import new_event_loop, run

__version__ = "0.1.0"

__all__ = [
    "EpollPoller",
    "KqueuePoller",
    "MissingTransportError",
    "PluginError",
    "Poller",
    "SelectPoller",
    "SelectorEventLoop",
    "__version__",
    "new_event_loop",
    "run",
]
