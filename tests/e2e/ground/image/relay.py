"""A vantage point: connects where its first line says, so that clients come from this address.

The first line of a connection is `<host> <port>`; the answer is one line, `connected` or the error.
"""

import asyncio


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass bytes on until the end of the stream, then end the other side too."""
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Connect one client."""
    host, port = (await reader.readline()).decode().split()
    try:
        there = await asyncio.wait_for(asyncio.open_connection(host, int(port)), timeout=20)
    except (OSError, TimeoutError) as error:
        writer.write(f"{type(error).__name__} {error}\n".encode())
        writer.close()
        return
    writer.write(b"connected\n")
    await asyncio.gather(pump(reader, there[1]), pump(there[0], writer))


async def main() -> None:
    """Listen for ever."""
    server = await asyncio.start_server(serve, "0.0.0.0", 1080, backlog=500)
    print("ready")
    await server.serve_forever()


asyncio.run(main())
