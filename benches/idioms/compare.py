#!/usr/bin/env python3
"""Compares Ruff with Node on programs written as users write them.

    benches/idioms/compare.py "target/release/ruff run" [NAME...]

Each program here has a version in JavaScript that prints the same. Shown are the least CPU seconds
of several runs in turn, Node's without its start-up, their ratio (above 1: Ruff is slower), and
how much faster the program is than on the VM alone. Exits with 1 if an output differs.
"""

import math
import pathlib
import resource
import subprocess
import sys

HERE = pathlib.Path(__file__).parent
RUNS = 3


def cpu_seconds(command):
    """CPU time of a command and what it printed."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return used, (done.stdout + done.stderr).strip()


def main():
    ruff = sys.argv[1].split()
    names = sys.argv[2:] or sorted(path.stem for path in HERE.glob("*.ruff"))
    start = min(cpu_seconds(["node", "-e", "0"])[0] for _ in range(5))
    ratios, differs = [], False
    print(f"{'program':12} {'ruff s':>8} {'node s':>8} {'ratio':>6} {'vm/jit':>7}")
    for name in names:
        ours, theirs = [], []
        for _ in range(RUNS):
            seconds, printed = cpu_seconds([*ruff, str(HERE / f"{name}.ruff")])
            ours.append(seconds)
            seconds, expected = cpu_seconds(["node", str(HERE / f"{name}.js")])
            theirs.append(max(seconds - start, 0.01))
        vm, _ = cpu_seconds([*ruff, "--jit=off", str(HERE / f"{name}.ruff")])
        ratios.append(min(ours) / min(theirs))
        note = "" if printed == expected else "  differs"
        differs = differs or printed != expected
        print(
            f"{name:12} {min(ours):8.3f} {min(theirs):8.3f} {ratios[-1]:6.2f}"
            f" {vm / min(ours):7.2f}{note}"
        )
    mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
    print(f"{'geometric mean':30} {mean:6.2f}")
    return 1 if differs else 0


if __name__ == "__main__":
    sys.exit(main())
