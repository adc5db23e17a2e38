"""Run the azure-cosmos SDK's own tests (from its sdist on PyPI) against a Cosmos DB endpoint.
python cosmos-sdk-tests.py URL [--files a,b] ; prints a line per file and a total. Nothing of the SDK is kept here."""
import concurrent.futures as cf, glob, json, os, pathlib, re, subprocess, sys, tempfile, time, xml.etree.ElementTree as ET
url = sys.argv[1]; VERSION = "4.17.1"
only = sys.argv[3].split(",") if "--files" in sys.argv else None
work = pathlib.Path(os.environ.get("SDKTESTS_DIR", tempfile.gettempdir())) / f"azure-cosmos-{VERSION}-tests"
venv = work / "venv"
if not (work / "tests").exists():
    work.mkdir(parents=True, exist_ok=True)
    subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
    pip = [str(venv / "bin/python"), "-m", "pip", "-q"]
    subprocess.run(pip + ["install", f"azure-cosmos[aio]=={VERSION}", "aiohttp", "azure-identity", "pytest", "pytest-asyncio", "pytest-timeout", "requests", "python-dotenv", "urllib3"], check=True)
    subprocess.run(pip + ["download", "--no-deps", "--no-binary", "azure-cosmos", f"azure-cosmos=={VERSION}", "-d", str(work)], check=True)
    sdist = glob.glob(str(work / "azure*cosmos*.tar.gz"))[0]
    subprocess.run(["tar", "xzf", sdist, "-C", str(work)], check=True)
    src = next(work.glob("azure*cosmos-*/tests")); src.rename(work / "tests")
    c = work / "tests/test_config.py"; c.write_text(c.read_text().replace("local_host = 'https://localhost:8081/'", "local_host = os.getenv('ACCOUNT_HOST')"))
    stub = work / "stubs/devtools_testutils"; stub.mkdir(parents=True)
    (stub / "__init__.py").write_text(""); (stub / "helpers.py").write_text("def is_live(): return False\nis_live._cache = False\n")
    (stub / "azure_recorded_testcase.py").write_text("import os\ndef get_credential(**kw):\n    return os.environ.get('ACCOUNT_KEY','C2y6yDjf5/R+ob0N8A7Cgv30VRDJIWEHLM+4QDU5DE2nQ9nDuVTqobD4b8mGGyPMbIZnqyMsEcaGQy67XIw/Jw==')\n")
files = only or [l.split()[0] for l in (pathlib.Path(__file__).parent / "cosmos_sdk_tests.txt").read_text().splitlines() if l.strip() and not l.startswith("#")]
def run(f):
    with tempfile.NamedTemporaryFile(suffix=".xml") as x:
        env = dict(os.environ, ACCOUNT_HOST=url, PYTHONPATH=str(work / "stubs"), PYTHONWARNINGS="ignore", AZURE_TEST_RUN_LIVE="false", NO_PROXY="*")
        try: subprocess.run([str(venv / "bin/python"), "-m", "pytest", "-q", "--timeout=60", "--timeout-method=signal", "-p", "no:cacheprovider", "--asyncio-mode=auto", "-W", "ignore", "--tb=line", "--junitxml=" + x.name, f], cwd=work / "tests", env=env, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT, timeout=900)
        except subprocess.TimeoutExpired: pass
        r = {"pass": 0, "fail": 0, "skip": 0, "fails": []}
        try:
            for tc in ET.parse(x.name).getroot().iter("testcase"):
                k = "pass"
                for ch in tc:
                    if ch.tag in ("failure", "error"): k = "fail"
                    elif ch.tag == "skipped" and k == "pass": k = "skip"
                r[k] += 1
                if k == "fail": r["fails"].append(tc.get("name"))
        except Exception as e: r["fail"] += 1; r["fails"].append(f"no result: {e}"[:80])
        return f, r
tot = {"pass": 0, "fail": 0, "skip": 0}
with cf.ThreadPoolExecutor(2) as ex:
    for f, r in ex.map(run, files):
        for k in tot: tot[k] += r[k]
        print(f"{f:58} pass {r['pass']:3} fail {r['fail']:3} skip {r['skip']:3} {','.join(r['fails'][:6])[:150]}", flush=True)
print("SDK's own tests:", tot)
