"""Compares the HTTP server with Node's: `python3 benches/library/serve.py [RUFF] [ROUNDS] [SECONDS]`.

Both answer the same request with the same body while `wrk -t2 -c64` asks, in turns. The best of
some rounds is shown; slower than Node, or any error, is a failure.
"""
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request

here = pathlib.Path(__file__).parent
ruff = sys.argv[1] if len(sys.argv) > 1 else "target/release/ruff"
rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
seconds = int(sys.argv[3]) if len(sys.argv) > 3 else 5
for tool in ["wrk", "node"]:
    if not shutil.which(tool):
        print(f"skipped: {tool} is missing (apt-get install wrk nodejs)")
        sys.exit()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(url):
    for _ in range(200):
        try:
            return urllib.request.urlopen(url).read()
        except OSError:
            time.sleep(0.05)
    sys.exit(f"{url} does not answer")


def measure(command):
    port = free_port()
    server = subprocess.Popen([*command, str(port)], stderr=subprocess.DEVNULL)
    try:
        url = f"http://127.0.0.1:{port}/hello?name=w%C3%B6rld"
        body = wait_for(url)
        wrk = ["wrk", "-t2", "-c64", f"-d{seconds}", "--latency", url]
        text = subprocess.run(wrk, capture_output=True, text=True, check=True).stdout
    finally:
        server.kill()
        server.wait()
    rate = float(re.search(r"Requests/sec: +([\d.]+)", text)[1])
    slowest = re.search(r"99% +(\S+)", text)[1]
    errors = re.findall(r"(?:Socket errors|Non-2xx).*", text)
    return rate, slowest, errors, body


best = {"ruff": (0, ""), "node": (0, "")}
bodies, errors = set(), []
for _ in range(rounds):
    for name, command in [("ruff", [ruff, "run", here / "serve.ruff"]), ("node", ["node", here / "serve.js"])]:
        rate, slowest, wrong, body = measure(command)
        best[name] = max(best[name], (rate, slowest))
        errors += [f"{name}: {line}" for line in wrong]
        bodies.add(body)
ratio = best["ruff"][0] / best["node"][0]
for name, (rate, slowest) in best.items():
    print(f"{name}: {rate:8.0f} requests/s, 99% within {slowest}")
print(f"ratio {ratio:.2f}, errors: {errors or 'none'}, same answers: {len(bodies) == 1}")
sys.exit(ratio < 1 or bool(errors) or len(bodies) != 1)
