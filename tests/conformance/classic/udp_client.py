"""Send a datagram, print what comes back, close the transport twice."""

import asyncio
import sys


class Client:
    def connection_made(self, transport):
        self.transport = transport
        transport.sendto(b"over UDP")

    def datagram_received(self, data, addr):
        print("received", data.decode())
        self.transport.close()

    def error_received(self, exc):
        print("error", exc)

    def connection_lost(self, exc):
        print("lost", exc)
        asyncio.get_event_loop().stop()


loop = asyncio.get_event_loop()
endpoint = loop.create_datagram_endpoint(Client, remote_addr=("127.0.0.1", int(sys.argv[1])))
transport, protocol = loop.run_until_complete(endpoint)
loop.run_forever()
transport.close()
loop.close()
