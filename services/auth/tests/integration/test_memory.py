"""What hashing leaves behind in a process of its own: this one has hashed before."""

import subprocess
import sys

PROGRAM = """
import asyncio, psutil
from auth.crypto.passwords import Argon2Passwords

async def main():
    hasher = Argon2Passwords(threads=2, most_waiting=10)
    before = psutil.Process().memory_info().rss
    async with hasher.lifespan():
        for _ in range(2):
            await asyncio.gather(*(hasher.hash("correct horse battery") for _ in range(4)))
        print(psutil.Process().memory_info().rss - before)

asyncio.run(main())
"""


def test_hashes_give_their_memory_back() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, timeout=60)
    assert int(done.stdout) < 10 * 1024 * 1024
