"""Run a module that ends with its parent: `python -m local.leash MODULE ARGUMENTS...`.

The parent holds the other end of standard input and never writes to it. When the parent is gone, however it went,
the pipe closes; no signal of the operating system is as portable.
"""

import os
import runpy
import select
import signal
import sys
import threading
import time

GRACE_SECONDS = 4.0


def end_with_parent(*more: int) -> None:
    """Watch standard input (and other pipes) in the background; once one closes, stop as a signal would, and at last
    without asking."""
    threading.Thread(target=_watch, args=((0, *more),), daemon=True, name="leash").start()


def _watch(pipes: tuple[int, ...]) -> None:
    while all(os.read(each, 1024) for each in select.select(pipes, (), ())[0]):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_SECONDS)
    os._exit(1)


if __name__ == "__main__":
    end_with_parent()
    sys.argv = sys.argv[1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
