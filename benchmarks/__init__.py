"""Measure what a request costs on each event loop, and lay it beside what was aimed at.

``python -m benchmarks`` runs every case in interleaved rounds on every contestant that is installed. How to run it and
how to read the figures is described in ``docs/benchmarks.md``.

* :mod:`benchmarks.case`, :mod:`benchmarks.cases` -- what is measured.
* :mod:`benchmarks.contestants` -- on what.
* :mod:`benchmarks.worker`, ``native/load.c``, ``native/floor.c`` -- the processes that are measured and that load them.
* :mod:`benchmarks.measuring`, :mod:`benchmarks.rounds` -- one figure, and all of them.
* :mod:`benchmarks.results`, :mod:`benchmarks.aims`, :mod:`benchmarks.table`, :mod:`benchmarks.picture` -- the
  outcome.
"""
