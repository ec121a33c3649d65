"""A kernel of Jupyter (ipykernel, which runs IPython) on the loop, and its client on the loop: zmq by add_reader."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from loop_selector import run
from tests.ecosystem.support import assert_on_our_loop, library

library("ipykernel")
library("tornado")
manager = library("jupyter_client.manager")
kernelspec = library("jupyter_client.kernelspec")

# The kernel takes the loop that is current when it starts.
KERNEL = """
import asyncio
from ipykernel.kernelapp import launch_new_instance
from loop_selector import new_event_loop
asyncio.set_event_loop(new_event_loop())
launch_new_instance()
"""
CELLS = [
    (
        "import asyncio; loop = asyncio.get_running_loop(); print(type(loop).__module__.split('.')[0])",
        "loop_selector\n",
    ),
    ("await asyncio.sleep(0); print(6 * 7)", "42\n"),
    (
        "made = await asyncio.create_subprocess_exec('echo', 'out', stdout=-1); print((await made.communicate())[0])",
        "b'out\\n'\n",
    ),
]


async def execute(client: Any, code: str) -> str:
    """Run one cell and collect what it prints."""
    printed: list[str] = []

    def hear(message: Any) -> None:
        assert message["msg_type"] != "error", message["content"]
        if message["msg_type"] == "stream":
            printed.append(message["content"]["text"])

    reply = await client.execute_interactive(code, timeout=60, output_hook=hear)
    assert reply["content"]["status"] == "ok"
    return "".join(printed)


def test_a_kernel_runs_cells_that_await(tmp_path: Path) -> None:
    folder = tmp_path / "kernels" / "ours"
    folder.mkdir(parents=True)
    argv = [sys.executable, "-Xfrozen_modules=off", "-c", KERNEL, "-f", "{connection_file}"]
    (folder / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": "ours", "language": "python"}))

    async def main() -> None:
        assert_on_our_loop()
        specs = kernelspec.KernelSpecManager(kernel_dirs=[str(tmp_path / "kernels")])
        kernel = manager.AsyncKernelManager(kernel_name="ours", kernel_spec_manager=specs)
        await kernel.start_kernel(cwd=str(tmp_path))
        client = kernel.client()
        client.start_channels()
        try:
            await client.wait_for_ready(timeout=60)
            for code, printed in CELLS:
                assert await execute(client, code) == printed
        finally:
            client.stop_channels()
            await kernel.shutdown_kernel(now=False)

    run(main())
