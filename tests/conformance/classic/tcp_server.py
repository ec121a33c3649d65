"""Echo one message to each client and close; ends with the process."""

import asyncio


class Server(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(data)
        self.transport.close()


loop = asyncio.get_event_loop()
server = loop.run_until_complete(loop.create_server(Server, "127.0.0.1", 0))
print(server.sockets[0].getsockname()[1], flush=True)
try:
    loop.run_forever()
except KeyboardInterrupt:
    pass
server.close()
loop.run_until_complete(server.wait_closed())
loop.close()
