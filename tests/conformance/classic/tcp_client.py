"""Send a message, print what comes back, stop the loop when the connection is lost."""

import asyncio
import sys


class Client(asyncio.Protocol):
    def __init__(self, loop):
        self.loop = loop

    def connection_made(self, transport):
        transport.write(b"over TCP")

    def data_received(self, data):
        print("received", data.decode())

    def connection_lost(self, exc):
        print("lost", exc)
        self.loop.stop()


loop = asyncio.get_event_loop()
loop.run_until_complete(loop.create_connection(lambda: Client(loop), "127.0.0.1", int(sys.argv[1])))
loop.run_forever()
loop.close()
