"""`serve`: a WebSocket server that sends everything back, until its stdin ends; prints its port.
`talk URL PROXY ADDRESS`: talks to it, through a proxy or at an address other than the URL's (- for none)."""

import asyncio
import sys

from websockets.asyncio.client import connect
from websockets.asyncio.server import serve


async def echo(connection):
    await connection.send("key " + connection.request.headers.get("P2P-Key", "none"))
    async for message in connection:
        await connection.send(message)


async def be_server():
    async with serve(echo, "127.0.0.1", 0, max_size=None) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.to_thread(sys.stdin.read)


async def talk(url, proxy, address):
    where = {}
    if address != "-":
        where["host"], where["port"] = address.split(":")
    proxy = None if proxy == "-" else proxy
    async with connect(url, proxy=proxy, max_size=None, **where) as connection:
        print(await connection.recv())
        for message in ["hello", "grüße 🎉", "", b"\x00\xff" * 200_000]:
            await connection.send(message)
            assert await connection.recv() == message
        await (await connection.ping())
    assert connection.close_code == 1000
    print("done")


if sys.argv[1] == "serve":
    asyncio.run(be_server())
else:
    asyncio.run(talk(*sys.argv[2:]))
