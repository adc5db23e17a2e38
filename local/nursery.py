"""Run the functions host so that one killed with -9 is followed at once: `python -m local.nursery ARGUMENTS`.

The arguments are those of `local.host`.

Most of a start is importing. It is done here once, before anything runs, and each host is a fork of that moment. A
host that ends by itself, or is told to, ends this too.
"""

import gc
import importlib
import os
import signal
import sys
from argparse import Namespace

from local import host
from local.clock import write_json
from local.leash import end_with_parent

# Imported late, by the product (indexing the app must not wait for its clients) or by the server.
LATE = (
    "aiohttp", "anyio._backends._asyncio", "azure.cosmos.aio", "azure.storage.blob.aio", "email.message", "jwt",
    "smtplib", "uvicorn.lifespan.on", "uvicorn.loops.auto", "uvicorn.protocols.http.auto",
    "uvicorn.protocols.websockets.auto",
)  # fmt: skip


def main() -> None:
    """Follow each killed host with the next one."""
    arguments = host.parse_arguments()
    for module in (arguments.app.partition(":")[0], *LATE):
        importlib.import_module(module)
    gc.freeze()  # Shared with every fork, as nobody will write into it to see whether it is still needed.
    while (code := run_one(arguments)) == -signal.SIGKILL:
        print("the host was killed; the next one starts", file=sys.stderr, flush=True)
    sys.exit(code if code >= 0 else 128 - code)


def run_one(arguments: Namespace) -> int:
    """Run a host to its end; how it ended, negative if a signal did it."""
    is_alive, alive = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(alive)
        end_with_parent(is_alive)
        host.run(arguments)
        os._exit(0)
    os.close(is_alive)
    signal.signal(signal.SIGTERM, lambda *_: os.kill(pid, signal.SIGTERM))
    if arguments.data:
        write_json(arguments.data / "host.pid", pid)
    _, status = os.waitpid(pid, 0)
    os.close(alive)
    return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    main()
