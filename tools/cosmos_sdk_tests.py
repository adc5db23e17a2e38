"""Runs the Cosmos DB SDK's own tests, from its source package on PyPI, against the local endpoint or another.

python tools/cosmos_sdk_tests.py [URL] [--files a,b | --quick] [--record]

Without URL an endpoint is started for the run. A line is printed for each file, then the total, and whatever is on
the must-pass list (cosmos_sdk_must_pass.txt) and did not pass; that is also the exit status. --record writes the list
anew from this run; --quick runs the files of QUICK, as `make test` does. Nothing of the SDK's is kept in this
repository; SDKTESTS_DIR says where its tests are unpacked. Give URL with `localhost` as its name: the tests of two
regions take 127.0.0.1 for the second one.
"""

import argparse
import concurrent.futures
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, field
from pathlib import Path

VERSION = "4.17.1"
REPOSITORY = Path(__file__).parents[1]
# The files of the SDK's tests that need a server, with figures to compare: tests, a trial endpoint, the npm emulator.
FILES = Path(__file__).with_suffix(".txt")
MUST_PASS = Path(__file__).with_name("cosmos_sdk_must_pass.txt")
FOLDER = Path(os.environ.get("SDKTESTS_DIR", tempfile.gettempdir())) / f"azure-cosmos-{VERSION}-tests"
KEY = "C2y6yDjf5/R+ob0N8A7Cgv30VRDJIWEHLM+4QDU5DE2nQ9nDuVTqobD4b8mGGyPMbIZnqyMsEcaGQy67XIw/Jw=="
# Batches, feeds, keys, stale containers: what Pledge leans on, in files that take seconds.
QUICK = [
    "test_transactional_batch_async.py",
    "test_change_feed_async.py",
    "test_container_properties_cache_async.py",
    "test_partition_key_async.py",
    "test_cosmos_responses_async.py",
]
NOT_FETCHED = 75
# Microsoft's own test helpers are not on PyPI; the tests need these three names of them.
STUBS = {
    "__init__.py": "",
    "helpers.py": "def is_live(): return False\nis_live._cache = False\n",
    "azure_recorded_testcase.py": f"def get_credential(**options):\n    return {KEY!r}\n",
}
# Some tests have the name of a container made for the run in their own.
UNIQUE = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
TEST_SECONDS, FILE_SECONDS, PARALLEL = 120, 900, 2


@dataclass
class Result:
    """What became of one file's tests."""

    passed: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    seconds: float = 0.0


def unpack() -> None:
    """Fetch the SDK's source package, unless it is there. What its tests import is in requirements-dev.txt."""
    if (FOLDER / "stubs").exists():
        return
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    source = ["--no-deps", "--no-binary", "azure-cosmos", f"azure-cosmos=={VERSION}"]
    subprocess.run([*pip, "download", *source, "-d", FOLDER], check=True)
    archive = next(FOLDER.glob("azure*cosmos*.tar.gz"))
    subprocess.run(["tar", "xzf", archive, "-C", FOLDER], check=True)
    next(FOLDER.glob("azure*cosmos-*/tests")).rename(FOLDER / "tests")
    settings = FOLDER / "tests/test_config.py"
    fixed, given = "local_host = 'https://localhost:8081/'", "local_host = os.getenv('ACCOUNT_HOST')"
    settings.write_text(settings.read_text().replace(fixed, given))
    stubs = FOLDER / "stubs/devtools_testutils"
    stubs.mkdir(parents=True)
    for name, text in STUBS.items():
        (stubs / name).write_text(text)


def run(url: str, file: str) -> Result:
    """Run one file; each test that it names is in exactly one list of the result."""
    environment = {
        **os.environ,
        "ACCOUNT_HOST": url,
        "PYTHONPATH": str(FOLDER / "stubs"),
        "PYTHONWARNINGS": "ignore",
        "AZURE_TEST_RUN_LIVE": "false",
        "NO_PROXY": "*",
    }
    plugins = ["-p", "no:cacheprovider", "-p", "no:randomly", "-p", "no:xdist", "-p", "no:schemathesis"]
    options = ["-q", *plugins, "--asyncio-mode=auto", "-W", "ignore", "--tb=no"]
    limits = [f"--timeout={TEST_SECONDS}", "--timeout-method=signal"]
    with tempfile.NamedTemporaryFile(suffix=".xml") as report:
        command = [sys.executable, "-m", "pytest", *options, *limits, f"--junitxml={report.name}", file]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        started = time.monotonic()
        try:
            subprocess.run(command, cwd=FOLDER / "tests", env=environment, timeout=FILE_SECONDS, check=False, **quiet)
            result = read_report(report.name)
        except (subprocess.TimeoutExpired, ElementTree.ParseError) as error:
            result = Result(failed=[f"{file}: no result ({type(error).__name__})"])
        result.seconds = time.monotonic() - started
        return result


def read_report(path: str) -> Result:
    result = Result()
    failed: set[str] = set()
    for case in ElementTree.parse(path).getroot().iter("testcase"):
        name = UNIQUE.sub("*", f"{case.get('classname')}::{case.get('name')}")
        kinds = {child.tag for child in case}
        if kinds & {"failure", "error"}:
            failed.add(name)
        elif "skipped" in kinds:
            result.skipped.append(name)
        else:
            result.passed.append(name)
    # A test that fails again when it is torn down is reported twice, and has not passed.
    result.passed = [name for name in result.passed if name not in failed]
    result.failed = sorted(failed)
    return result


def start_endpoint(folder: str) -> tuple[subprocess.Popen[str], str]:
    command = [sys.executable, "-m", "local.cosmos", "--port", "0", "--data", f"{folder}/cosmos.db"]
    process = subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    address = json.loads(process.stdout.readline().removeprefix("ready "))["endpoint"]
    return process, address.replace("127.0.0.1", "localhost")


def run_all(url: str, files: list[str]) -> Result:
    """All results together, with a line printed for each file."""
    total = Result()
    with concurrent.futures.ThreadPoolExecutor(PARALLEL) as pool:
        for file, result in zip(files, pool.map(lambda file: run(url, file), files), strict=True):
            counts = f"pass {len(result.passed):3} fail {len(result.failed):3} skip {len(result.skipped):3}"
            counts += f" {result.seconds:5.0f} s"
            names = ",".join(name.rpartition("::")[2] for name in result.failed)
            print(f"{file:58} {counts} {names}", flush=True)
            total.passed += result.passed
            total.failed += result.failed
            total.skipped += result.skipped
    return total


def listed(path: Path) -> list[str]:
    return [line for line in path.read_text().splitlines() if line.strip() and not line.startswith("#")]


def module_of(name: str) -> str:
    return name.partition("::")[0].partition(".")[0]


def missing_of(result: Result, files: list[str]) -> list[str]:
    """What has to pass of these files' tests and did not."""
    modules, passed = {file.removesuffix(".py") for file in files}, set(result.passed)
    return [name for name in listed(MUST_PASS) if module_of(name) in modules and name not in passed]


def all_files() -> list[str]:
    return [line.split()[0] for line in listed(FILES)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url", nargs="?", help="the endpoint (default: one is started)")
    parser.add_argument("--files", help="only these files, with commas between them")
    parser.add_argument("--quick", action="store_true", help="only the files that `make test` runs")
    parser.add_argument("--record", action="store_true", help="write the must-pass list from what passes in this run")
    given = parser.parse_args()
    try:
        unpack()
    except subprocess.CalledProcessError:
        print("The SDK's tests could not be fetched from PyPI.", file=sys.stderr)
        return NOT_FETCHED
    files = given.files.split(",") if given.files else QUICK if given.quick else all_files()
    with tempfile.TemporaryDirectory() as folder:
        process, url = (None, given.url) if given.url else start_endpoint(folder)
        try:
            total = run_all(url, files)
            missing = [] if given.record else missing_of(total, files)
            if missing:
                # Some tests have the clock in them, or count what the SDK does by the way; they get a second try.
                again = sorted({file for file in files for name in missing if module_of(name) == file[:-3]})
                print("Once more, one after another: " + ", ".join(again))
                total.passed += [name for file in again for name in run(url, file).passed if name in missing]
        finally:
            if process is not None:
                process.terminate()
                process.wait()
    print(f"In all: pass {len(total.passed)} fail {len(total.failed)} skip {len(total.skipped)}")
    if given.record:
        head = "# Tests of the SDK's own that the local endpoint has to pass; written by --record.\n"
        MUST_PASS.write_text(head + "".join(f"{name}\n" for name in sorted(total.passed)))
        return 0
    missing = missing_of(total, files)
    for name in missing:
        print(f"must pass, and did not: {name}")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
