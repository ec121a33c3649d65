"""Draw the state diagrams of the documentation, as SVG.

Each drawing is a function that returns boxes and arrows; ``python docs/drawings/draw.py`` writes all of them beside
this file. A test holds the files equal to what is drawn here, and the TLS drawing equal to the table it shows.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from pathlib import Path

FOLDER = Path(__file__).parent
_LINE = 15
_MARGIN = 14
_FILL = {
    "state": "#eef4fb",
    "first": "#ffffff",
    "last": "#e9e9e9",
    "ours": "#eef4fb",
    "user": "#fdf3e1",
    "kernel": "#eeeeee",
}

Point = tuple[float, float]


@dataclass(frozen=True)
class Box:
    """A state, or a part of the system.

    Args:
        x: of the middle, in pixels.
        y: of the middle.
        text: the first line is the name, in bold.
        kind: what chooses the colour.
        width: in pixels.
    """

    x: float
    y: float
    text: str
    kind: str = "state"
    width: float = 190

    @property
    def lines(self) -> list[str]:
        """Return the lines of the text."""
        return self.text.split("\n")

    @property
    def height(self) -> float:
        """Return the height in pixels."""
        return len(self.lines) * _LINE + 14

    def border(self, towards: Point) -> Point:
        """Return where a line from the middle to another point leaves the box."""
        dx, dy = towards[0] - self.x, towards[1] - self.y
        scale = min(self.width / 2 / abs(dx) if dx else 1e9, self.height / 2 / abs(dy) if dy else 1e9)
        return self.x + dx * scale, self.y + dy * scale


@dataclass(frozen=True)
class Arrow:
    """What leads from one box to another.

    Args:
        start: the name of a box.
        end: the name of a box.
        text: written on it.
        at: the middle of the text; by default that of the arrow's first part.
        via: points that the arrow passes.
        start_at: where it starts, instead of the middle of the box's nearest side.
        end_at: where it ends.
        anchor: how the text lies about its point: ``middle``, ``start`` or ``end``.
    """

    start: str
    end: str
    text: str = ""
    at: Point | None = None
    via: tuple[Point, ...] = ()
    start_at: Point | None = None
    end_at: Point | None = None
    anchor: str = "middle"


@dataclass(frozen=True)
class Drawing:
    """Boxes by name, and the arrows between them."""

    title: str
    size: tuple[int, int]
    boxes: dict[str, Box]
    arrows: list[Arrow]

    def svg(self) -> str:
        """Return the picture as the text of a file."""
        width, height = self.size
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
            f'font-family="sans-serif" font-size="12" role="img" aria-label="{escape(self.title)}">'
        )
        tip = (
            '<defs><marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" '
            'orient="auto"><path d="M0 1L9 5L0 9z" fill="#333"/></marker></defs>'
        )
        background = f'<rect width="{width}" height="{height}" rx="8" fill="white"/>'
        boxes = [line for box in self.boxes.values() for line in _box(box)]
        arrows = [self._arrow(arrow) for arrow in self.arrows]
        labels = [line for arrow in self.arrows for line in self._label(arrow)]
        return "\n".join(
            [head, f"<title>{escape(self.title)}</title>", tip, background, *boxes, *arrows, *labels, "</svg>\n"]
        )

    def _points(self, arrow: Arrow) -> list[Point]:
        start, end = self.boxes[arrow.start], self.boxes[arrow.end]
        first = arrow.start_at or start.border(arrow.via[0] if arrow.via else (end.x, end.y))
        last = arrow.end_at or end.border(arrow.via[-1] if arrow.via else (start.x, start.y))
        return [first, *arrow.via, last]

    def _arrow(self, arrow: Arrow) -> str:
        path = "L".join(f"{x:g} {y:g}" for x, y in ((round(x, 1), round(y, 1)) for x, y in self._points(arrow)))
        return f'<path d="M{path}" fill="none" stroke="#333" stroke-width="1.2" marker-end="url(#tip)"/>'

    def _label(self, arrow: Arrow) -> list[str]:
        points = self._points(arrow)
        middle = ((points[0][0] + points[1][0]) / 2, (points[0][1] + points[1][1]) / 2)
        x, y = arrow.at or middle
        lines = arrow.text.split("\n") if arrow.text else []
        top = y - (len(lines) - 1) * _LINE / 2 + 4
        place = f'x="{x:g}" text-anchor="{arrow.anchor}"'
        halo = 'stroke="white" stroke-width="6" stroke-linejoin="round" fill="white"'
        return [
            f'<text {place} y="{top + number * _LINE:g}" {style}>{escape(line)}</text>'
            for style in (halo, 'fill="#333"')  # the first keeps the arrow away from the letters
            for number, line in enumerate(lines)
        ]


def _box(box: Box) -> list[str]:
    left, top = box.x - box.width / 2, box.y - box.height / 2
    dash = ' stroke-dasharray="4 3"' if box.kind == "first" else ""
    lines = [
        f'<rect x="{left:g}" y="{top:g}" width="{box.width:g}" height="{box.height:g}" rx="7" '
        f'fill="{_FILL[box.kind]}" stroke="#4a6785"{dash}/>'
    ]
    for number, line in enumerate(box.lines):
        weight = ' font-weight="bold"' if number == 0 else ""
        y = top + 7 + (number + 0.78) * _LINE
        lines.append(f'<text x="{box.x:g}" y="{y:g}" text-anchor="middle"{weight}>{escape(line)}</text>')
    return lines


def stream() -> Drawing:
    """Draw the life of a stream transport."""
    boxes = {
        "new": Box(130, 40, "new", "first", width=120),
        "open": Box(
            130, 190, "open\ndata_received(data), or get_buffer\nand buffer_updated, again and again", width=242
        ),
        "half": Box(590, 190, "the peer has ended\nwriting is still possible", width=190),
        "closing": Box(590, 350, "closing\nnothing is received any more,\nwhat is buffered is still sent", width=210),
        "lost": Box(130, 350, "lost\nnothing is called any more", "last", width=190),
    }
    arrows = [
        Arrow("new", "open", "connection_made(transport)"),
        Arrow("open", "half", "end of file: eof_received()\nreturns a true value", at=(370, 190)),
        Arrow("open", "closing", "close()", start_at=(245, 210), end_at=(485, 330), at=(375, 270)),
        Arrow(
            "open",
            "closing",
            "end of file: eof_received() returns None or False",
            via=((245, 110), (730, 110), (730, 350)),
            start_at=(190, 159),
            at=(470, 110),
        ),
        Arrow("half", "closing", "close()"),
        Arrow(
            "closing",
            "lost",
            "all sent: connection_lost(None)\nabort(): connection_lost(None)\nerror: connection_lost(exc)",
            at=(355, 350),
        ),
        Arrow("open", "lost", "abort(), an error,\na callback that raised", at=(130, 272)),
    ]
    return Drawing("The life of a stream transport", (760, 400), boxes, arrows)


def flow() -> Drawing:
    """Draw flow control in both directions."""
    boxes = {
        "writing": Box(120, 60, "writing\nbuffer at most high", width=180),
        "paused": Box(530, 60, "writing paused\nmore is accepted, and buffered", width=210),
        "receiving": Box(120, 190, "receiving\nis_reading() is True", width=180),
        "stopped": Box(530, 190, "receiving paused\nneither data nor end of file", width=210),
    }
    arrows = [
        Arrow(
            "writing", "paused", "buffer > high: pause_writing()", start_at=(210, 47), end_at=(425, 47), at=(318, 36)
        ),
        Arrow(
            "paused", "writing", "buffer ≤ low: resume_writing()", start_at=(425, 73), end_at=(210, 73), at=(318, 90)
        ),
        Arrow("receiving", "stopped", "pause_reading()", start_at=(210, 177), end_at=(425, 177), at=(318, 166)),
        Arrow("stopped", "receiving", "resume_reading()", start_at=(425, 203), end_at=(210, 203), at=(318, 220)),
    ]
    return Drawing("Flow control in both directions", (660, 250), boxes, arrows)


def process() -> Drawing:
    """Draw how a process and its pipes end."""
    boxes = {
        "running": Box(400, 45, "process runs, pipes are open\npipe_data_received(fd, data)", width=230),
        "exited": Box(140, 190, "process has exited, pipes are open\npipe_data_received(fd, data)", width=252),
        "silent": Box(670, 190, "process runs, pipes are lost", width=210),
        "lost": Box(400, 335, "lost\nconnection_lost(None), once and last", "last", width=250),
    }
    arrows = [
        Arrow("running", "exited", "exit: process_exited()"),
        Arrow("running", "silent", "each pipe ends:\npipe_connection_lost(fd, exc)"),
        Arrow("exited", "lost", "each pipe ends:\npipe_connection_lost(fd, exc)"),
        Arrow("silent", "lost", "exit: process_exited()"),
        Arrow(
            "running", "lost", "close(): the pipes are\ndropped, the process\nis killed, after the\ngrace period if any"
        ),
    ]
    return Drawing("The end of a process and of its pipes", (800, 380), boxes, arrows)


def datagram() -> Drawing:
    """Draw the life of a datagram transport."""
    boxes = {
        "new": Box(90, 60, "new", "first", width=100),
        "open": Box(375, 60, "open\ndatagram_received(data, addr)\nerror_received(exc)", width=210),
        "closing": Box(375, 190, "closing\nwhat is buffered is still sent", width=210),
        "lost": Box(700, 190, "lost", "last", width=100),
    }
    arrows = [
        Arrow("new", "open", "connection_made\n(transport)"),
        Arrow("open", "closing", "close()"),
        Arrow("closing", "lost", "connection_lost\n(None)"),
        Arrow("open", "lost", "abort(), a callback raised:\nconnection_lost(exc)", at=(590, 125)),
    ]
    return Drawing("The life of a datagram transport", (780, 240), boxes, arrows)


def tls() -> Drawing:
    """Draw the states of a TLS connection."""
    boxes = {
        "NEW": Box(110, 40, "NEW", "first", width=120),
        "HANDSHAKE": Box(110, 140, "HANDSHAKE\nnothing is delivered or sent", width=200),
        "OPEN": Box(110, 260, "OPEN\ndata in both directions", width=200),
        "WRITE_CLOSED": Box(410, 180, "WRITE_CLOSED\nstill receiving", width=170),
        "READ_CLOSED": Box(410, 340, "READ_CLOSED\nstill sending", width=170),
        "BOTH_CLOSED": Box(730, 260, "BOTH_CLOSED\nkept open by the protocol", width=190),
        "CLOSING": Box(410, 470, "CLOSING\nwaiting for the peer's\nclose_notify", width=170),
        "ENDING": Box(730, 470, "ENDING\nthe transport below\nsends what it has, and ends", "last", width=190),
    }
    arrows = [
        Arrow("NEW", "HANDSHAKE", "CONNECTED"),
        Arrow("HANDSHAKE", "OPEN", "VERIFIED"),
        Arrow("OPEN", "WRITE_CLOSED", "WRITE_EOF", start_at=(210, 245), end_at=(325, 190)),
        Arrow("OPEN", "READ_CLOSED", "PEER_ENDED", start_at=(210, 275), end_at=(325, 330), at=(250, 301)),
        Arrow("OPEN", "CLOSING", "CLOSE", via=((110, 470),)),
        Arrow("WRITE_CLOSED", "BOTH_CLOSED", "PEER_ENDED", start_at=(495, 190), end_at=(635, 245)),
        Arrow(
            "WRITE_CLOSED",
            "CLOSING",
            "CLOSE",
            via=((310, 250), (310, 410)),
            start_at=(340, 202),
            end_at=(360, 440),
            at=(310, 385),
        ),
        Arrow("READ_CLOSED", "BOTH_CLOSED", "WRITE_EOF", start_at=(495, 330), end_at=(635, 275)),
        Arrow("READ_CLOSED", "ENDING", "CLOSE"),
        Arrow("BOTH_CLOSED", "ENDING", "CLOSE"),
        Arrow("CLOSING", "ENDING", "PEER_ENDED", at=(540, 470)),
    ]
    return Drawing("The states of a TLS connection", (850, 520), boxes, arrows)


def event() -> Drawing:
    """Draw the way of an event from the kernel to a protocol and back."""
    boxes = {
        "protocol": Box(640, 40, "your protocol\ndata_received(data)", "user", width=180),
        "wrapper": Box(640, 150, "transport-ssl, if any\nWrapperTransport: decrypt, encrypt", width=230),
        "read": Box(480, 270, "transport package\nReadSide: read() at most 120 KiB", width=200),
        "write": Box(750, 270, "transport package\nWriteSide: send() at once,\nor buffer, and flow control", width=200),
        "scheduler": Box(140, 270, "loop-selector\nScheduler: a turn is poll,\ncallbacks, I/O, timers", width=200),
        "kernel": Box(440, 400, "the kernel\nsockets, pipes, timers", "kernel", width=820),
    }
    arrows = [
        Arrow("kernel", "scheduler", "1 the poll says: readable", start_at=(140, 378), end_at=(140, 300)),
        Arrow("scheduler", "read", "2 calls its reader"),
        Arrow("read", "kernel", "3 read()", start_at=(480, 292), end_at=(480, 378)),
        Arrow("read", "wrapper", "4 bytes", start_at=(500, 248), end_at=(580, 172)),
        Arrow("wrapper", "protocol", "5 plain text", start_at=(610, 128), end_at=(610, 62), at=(575, 95)),
        Arrow("protocol", "wrapper", "6 write(data)", start_at=(670, 62), end_at=(670, 128), at=(715, 95)),
        Arrow("wrapper", "write", "7 write(record)", start_at=(690, 172), end_at=(740, 240)),
        Arrow("write", "kernel", "8 write()", start_at=(750, 300), end_at=(750, 378)),
    ]
    return Drawing("The way of an event from the kernel to a protocol and back", (870, 440), boxes, arrows)


DRAWINGS = {
    "datagram-states": datagram,
    "event": event,
    "flow-control": flow,
    "process-states": process,
    "stream-states": stream,
    "tls-states": tls,
}
"""File name, without its ending, to what draws it."""


def main() -> None:
    """Write all drawings."""
    for name, draw in DRAWINGS.items():
        (FOLDER / f"{name}.svg").write_text(draw().svg())


if __name__ == "__main__":
    main()
