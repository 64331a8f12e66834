"""A mail server that keeps what it gets: each mail becomes a file N.eml in a folder. For examples/quickstart.sh.

Usage: quickstart_inbox.py FOLDER     Listens on a free port of 127.0.0.1 and prints it on the first line.
"""

import asyncio
import itertools
import pathlib
import sys


class Inbox:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.numbers = itertools.count(1)

    async def serve(self, reader, writer):
        try:
            await self.session(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            writer.close()

    async def session(self, reader, writer):
        def say(text):
            writer.write(text.encode() + b"\r\n")

        say("220 inbox.example ESMTP")
        while True:
            await writer.drain()
            line = await reader.readuntil(b"\r\n")
            verb = line[:4].upper()
            if verb == b"EHLO":
                say("250-inbox.example\r\n250-PIPELINING\r\n250 8BITMIME")
            elif verb == b"DATA":
                say("354 go on")
                await writer.drain()
                name = self.keep(await self.content(reader))
                say(f"250 2.0.0 kept as {name}")
            elif verb == b"QUIT":
                say("221 2.0.0 bye")
                await writer.drain()
                return
            elif verb in (b"HELO", b"MAIL", b"RCPT", b"RSET", b"NOOP"):
                say("250 2.0.0 ok")
            else:
                say("500 5.5.1 unknown command")

    @staticmethod
    async def content(reader):
        lines = []
        while True:
            line = await reader.readuntil(b"\r\n")
            if line == b".\r\n":
                return b"".join(lines)
            lines.append(line[1:] if line.startswith(b".") else line)

    def keep(self, content):
        name = f"{next(self.numbers)}.eml"
        unfinished = self.folder / (name + ".part")
        unfinished.write_bytes(content)
        unfinished.rename(self.folder / name)
        return name


async def main(folder):
    server = await asyncio.start_server(Inbox(folder).serve, "127.0.0.1", 0, limit=1 << 20)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    try:
        asyncio.run(main(sys.argv[1]))
    except KeyboardInterrupt:
        pass
