"""The rules of behaviour as checks, which anyone can run on their own transport, loop or plug-in.

A check tries one rule on a subject and says how it was broken. It needs nothing outside the standard library::

    results = run_checks(stream_checks(), StreamSubject(make_pair=make_pair))
    print(matrix({"mine": results}))

or, one test for each check, in whatever runs your tests::

    @pytest.mark.parametrize("check", stream_checks(), ids=str)
    def test_contract(check):
        check.run_in_loop(StreamSubject(make_pair=make_pair))

``python -m transport_abc.testing`` runs the checks over TCP and UDP of a loop's own and prints what came out.
"""

from transport_abc.testing._check import Check, CheckFailed
from transport_abc.testing._datagrams import datagram_checks
from transport_abc.testing._plugin_checks import plugin_checks
from transport_abc.testing._readiness_checks import readiness_checks
from transport_abc.testing._recorders import BufferedRecorder, DatagramRecorder, Recorder
from transport_abc.testing._runner import Outcome, Result, matrix, run_checks, to_json
from transport_abc.testing._streams import stream_checks
from transport_abc.testing._subject_makers import (
    pairs_from,
    serve_with,
    tcp_of_loop,
    udp_of_loop,
    udp_pairs_with,
)
from transport_abc.testing._subjects import (
    DatagramSubject,
    LoopSubject,
    PluginSubject,
    StreamSubject,
    Subject,
    implementation_of,
)

__all__ = [
    "BufferedRecorder",
    "Check",
    "CheckFailed",
    "DatagramRecorder",
    "DatagramSubject",
    "LoopSubject",
    "Outcome",
    "PluginSubject",
    "Recorder",
    "Result",
    "StreamSubject",
    "Subject",
    "datagram_checks",
    "implementation_of",
    "matrix",
    "pairs_from",
    "plugin_checks",
    "readiness_checks",
    "run_checks",
    "serve_with",
    "stream_checks",
    "tcp_of_loop",
    "to_json",
    "udp_of_loop",
    "udp_pairs_with",
]
