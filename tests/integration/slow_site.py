"""A site: /ip answers with who calls, anything else with numbered lines without an end."""

from __future__ import annotations

import asyncio
import sys


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        path = (await reader.readuntil(b"\r\n\r\n")).split(b" ")[1]
        if path == b"/ip":
            body = writer.get_extra_info("peername")[0].encode()
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%b" % (len(body), body))
            await writer.drain()
            return
        writer.write(b"HTTP/1.0 200 OK\r\n\r\n")
        number = 0
        while True:
            writer.write(b"%d\n" % number)
            await writer.drain()
            number += 1
            await asyncio.sleep(0.01)
    except (OSError, asyncio.IncompleteReadError):
        return
    finally:
        writer.close()


async def main() -> None:
    server = await asyncio.start_server(serve, "::", 8080)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
    sys.exit(0)
