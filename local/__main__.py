"""The whole service on one machine: `python -m local`. Prints where everything is, runs until Ctrl-C.

Data, secrets and the time stay in the data folder, so that the next start goes on where this one ended.
"""

import argparse
import json
import os
import signal
import sys
import threading
from pathlib import Path

from local import config, stack
from local.clock import Clock, instant_text, parse_instant


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m local", description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument(
        "--data", type=Path, default=Path("data"), help="folder for everything it keeps (default: data)"
    )
    parser.add_argument("--port", type=port, default=7071, help="port of the functions host (default: 7071; 0: any)")
    parser.add_argument("--now", type=instant, help="what time it is, e.g. 2026-01-01T12:00:00Z (default: goes on)")
    parser.add_argument("--guide", action="store_true", help="print the guide even if nobody seems to look")
    parser.add_argument("--app", default="function_app:app", help=argparse.SUPPRESS)
    parser.add_argument("--clock", default="shared.bootstrap:clock", help=argparse.SUPPRESS)
    parser.add_argument("--end-with-stdin", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> int:
    """Run the stack; 1 if it can't start."""
    arguments = parse_arguments()
    data = arguments.data.absolute()
    if arguments.end_with_stdin:
        threading.Thread(target=end_with_stdin, daemon=True).start()
    try:
        with stack.locked(data) as lock:
            given = config.load_or_create(data, arguments.port)
            clock = Clock(data / "clock.json", arguments.now)
            # An app outside this folder is given by the tests only.
            host_arguments = ["--app", arguments.app, "--clock", arguments.clock]

            def announce() -> None:
                # The clock may have been moved since: the file knows.
                now = Clock(data / "clock.json")
                is_watched = sys.stdout.isatty()
                if not is_watched and not arguments.guide:
                    print("ready", json.dumps(stack.ready(data, given, now)), flush=True)
                if is_watched or arguments.guide:
                    print(guide(data, given, now), flush=True)

            stack.run(stack.Supervisor(data, lock, given, clock, host_arguments), announce)
    except (config.PortInUse, stack.CannotStart) as problem:
        print(problem, file=sys.stderr)
        return 1
    return 0


def port(text: str) -> int:
    """A port number, 0 for any, or a sentence in argparse's way."""
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port; it is a number up to 65535.")
    return int(text)


def instant(text: str) -> object:
    """An instant, or a sentence in argparse's way."""
    try:
        return parse_instant(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def end_with_stdin() -> None:
    """Stop when whoever started this is gone: what tests start must not outlive them."""
    while os.read(0, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def guide(data: Path, given: dict[str, object], clock: Clock) -> str:
    """What a person wants to know first."""
    base = config.addresses(given)
    return f"""
Pledge is running. It is {instant_text(clock())[:19].replace("T", " ")} UTC here.

  Start here      {base["host"]}/
  Forms           {base["site"]}/
  API             {base["api"]}
  Mail            {base["mail"]}/
  Database        {base["cosmos"]}   (key: the emulator's; see info.json)
  Data and logs   {data}

Try first:
  1. Open the form and apply.
  2. Read the mail: it brings the link to your case.
  3. Act as a specialist: the start page has a token for each member of staff.
  4. Let months pass:  curl {base["host"]}/local/clock -d '{{"now": "2027-03-01T09:00:00Z"}}'

Ctrl-C stops everything; the next start goes on from here.
"""


if __name__ == "__main__":
    sys.exit(main())
