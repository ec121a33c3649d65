"""CPython's own tests of asyncio, run on another loop.

The tests are those of the running interpreter (``test.test_asyncio``); nothing of them is copied. What happens:

* ``suite`` lists every test of the package. What only looks inside asyncio's own loop is left out, by name.
* ``swap`` makes every loop that a test asks for one of ours, whichever way the test asks for it.
* ``worker`` is a process that runs some of the tests and writes one line of JSON for each event. A test that
  takes too long ends the process; the tests after it run in the next one.
* ``runner`` starts the workers, two at a time, and gives a test that failed a second try in a process of its own.
* ``expectations`` reads ``differences.toml``: what is left out, and what differs on purpose. A listed test that
  passes fails the run as much as an unlisted one that fails, so the list can only shrink.
* ``table`` counts and prints.

``python -m tests.conformance.cpython --help`` says how to run it; ``nox -s conformance`` does so on every Python.
"""
