"""Echo every datagram, with a protocol that inherits from nothing; ends with the process."""

import asyncio


class Server:
    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, addr):
        self.transport.sendto(data, addr)

    def connection_lost(self, exc):
        pass


loop = asyncio.get_event_loop()
transport, protocol = loop.run_until_complete(loop.create_datagram_endpoint(Server, local_addr=("127.0.0.1", 0)))
print(transport.get_extra_info("sockname")[1], flush=True)
try:
    loop.run_forever()
except KeyboardInterrupt:
    pass
transport.close()
loop.run_until_complete(asyncio.sleep(0))
loop.close()
