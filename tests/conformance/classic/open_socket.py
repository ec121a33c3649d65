"""Hand one end of a socket pair to a protocol and write to the other end."""

import asyncio
import socket

ours, theirs = socket.socketpair()
loop = asyncio.get_event_loop()


class Receiver(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        print("received", data.decode())
        self.transport.close()

    def connection_lost(self, exc):
        print("lost", exc)
        loop.stop()


loop.run_until_complete(loop.create_connection(Receiver, sock=ours))
loop.call_soon(theirs.send, b"from outside")
loop.run_forever()
ours.close()
theirs.close()
loop.close()
