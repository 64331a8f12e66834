"""aiosmtplib with one connection for each of N tasks. The same arguments as the other clients of the benchmarks."""
import argparse
import asyncio
import ssl

import aiosmtplib


async def main():
    parser = argparse.ArgumentParser()
    for name in ("--port", "--connections", "--mails"):
        parser.add_argument(name, type=int, required=True)
    parser.add_argument("--content", required=True)
    parser.add_argument("--certificate", default="")
    given = parser.parse_args()
    with open(given.content, "rb") as file:
        content = file.read()
    context = ssl.create_default_context(cafile=given.certificate) if given.certificate else None
    left = given.mails

    async def connection():
        nonlocal left
        client = aiosmtplib.SMTP(hostname="127.0.0.1", port=given.port, use_tls=bool(context), tls_context=context,
                                 start_tls=False, local_hostname="client.example.com")
        await client.connect()
        while left > 0:
            left -= 1
            await client.sendmail("ada@example.com", ["charles@example.org"], content)
        await client.quit()

    await asyncio.gather(*(connection() for _ in range(given.connections)))
    print("accepted", given.mails)


asyncio.run(main())
