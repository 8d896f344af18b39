"""Compares the library with Node and Python: `python3 benches/library/compare.py [RUFF] [ROUNDS]`.

Each program prints its result, which must be the same, and the seconds of the part that counts on
stderr. The best of some rounds is shown, with the ratio to each peer and the greatest ratio that
is accepted.
"""
import pathlib
import subprocess
import sys
import tempfile

here = pathlib.Path(__file__).parent
ruff = sys.argv[1] if len(sys.argv) > 1 else "target/release/ruff"
rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
# The greatest accepted ratio to Node and to Python; None: only shown.
TASKS = {
    "json_text": (1.5, 0.5),
    "regex_all": (None, 1.0),
    "sort_ints": (1.0, None),
    "split_file": (None, 1.0),
    "word_count": (1.0, None),
}
data = pathlib.Path(tempfile.gettempdir()) / "ruff-library-data"
if not (data / "text200.txt").exists():
    subprocess.run([sys.executable, here / "make_data.py", data], check=True)


def measure(command):
    times, results = [], set()
    for _ in range(rounds):
        ran = subprocess.run([*command, str(data)], capture_output=True, text=True, check=True)
        times.append(float(ran.stderr.split()[-1]))
        results.add(ran.stdout)
    return min(times), results


failed = False
print(f"{'task':10} {'ruff s':>8} {'node s':>8} {'ratio':>6} {'python s':>9} {'ratio':>6}")
for task, limits in TASKS.items():
    own, result = measure([ruff, "run", here / f"{task}.ruff"])
    node, same = measure(["node", "--max-old-space-size=8000", here / f"{task}.js"])
    python, also = measure([sys.executable, here / f"{task}.py"])
    verdict = "" if result == same == also else "  different results"
    for name, peer, limit in [("node", node, limits[0]), ("python", python, limits[1])]:
        if limit is not None and own > limit * peer:
            verdict += f"  slower than {limit} x {name}"
    failed |= bool(verdict)
    print(f"{task:10} {own:8.3f} {node:8.3f} {own / node:6.2f} {python:9.3f} {own / python:6.2f}{verdict}")
sys.exit(failed)
