"""`parley_client.check`, which `helm test` runs: a message through the whole platform, or a reason."""

import asyncio
import sys

from devstack.background import Background
from tests.support.serving import free_ports


async def run(*arguments: str) -> tuple[int, str, str]:
    """The command: exit code, what it says, what it complains of."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "parley_client.check",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def test_a_message_goes_through_the_platform(stack: Background) -> None:
    code, said, complaint = await run(stack.gateway_url, "30")
    assert (code, complaint) == (0, "")
    assert said.startswith(f"a message goes through {stack.gateway_url}: ")


async def test_without_a_platform_it_says_so_in_one_line() -> None:
    url = f"http://127.0.0.1:{free_ports(1)[0]}"
    code, said, complaint = await run(url, "1")
    assert (code, said) == (1, "")
    assert complaint.startswith(f"no message goes through {url}: ")
    assert complaint.count("\n") == 1


async def test_it_says_how_it_is_used() -> None:
    assert (await run())[0] == 2
    assert (await run("http://127.0.0.1", "soon"))[0] == 2
