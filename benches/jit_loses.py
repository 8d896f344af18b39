#!/usr/bin/env python3
"""Looks for programs that the JIT makes slower.

    benches/jit_loses.py target/release/ruff FILE_OR_FOLDER...

Each program (`*.ruff` in the folders, recursively) runs with the JIT and without, in turn. It may
take at most 1.1 times as long with it, or 5 ms more if it takes less than 100 ms. A program that
seems to take longer runs again, more often, before it is reported: least times are compared, since
what disturbs a run only makes it longer. Programs that do not end within a time are left out.
Exits with 1 if one is reported.
"""

import math
import pathlib
import subprocess
import sys
import time

LONGEST = 60
RATIO, MILLISECONDS, SHORT = 1.1, 5.0, 100.0
ROUNDS = (2, 6, 16)


def milliseconds(ruff, flag, path):
    start = time.perf_counter()
    command = [ruff, "run", flag, path.name]
    quiet = subprocess.DEVNULL
    subprocess.run(command, stdin=quiet, stdout=quiet, stderr=quiet, timeout=LONGEST, cwd=path.parent, check=False)
    return (time.perf_counter() - start) * 1000


def loses(off, on):
    return on > off * RATIO if off >= SHORT else on > off + MILLISECONDS


def compare(ruff, path):
    """Least milliseconds without and with the JIT."""
    off = on = math.inf
    for rounds in ROUNDS:
        for _ in range(rounds):
            off = min(off, milliseconds(ruff, "--jit=off", path))
            on = min(on, milliseconds(ruff, "--jit", path))
        if not loses(off, on):
            break
    return off, on


def main():
    ruff, roots = str(pathlib.Path(sys.argv[1]).resolve()), [pathlib.Path(arg) for arg in sys.argv[2:]]
    files = [path for root in roots for path in (sorted(root.rglob("*.ruff")) if root.is_dir() else [root])]
    n_compared, n_long, lost, left_out = 0, 0, [], []
    for path in files:
        try:
            off, on = compare(ruff, path.resolve())
        except subprocess.TimeoutExpired:
            left_out.append(path)
            continue
        n_compared += 1
        n_long += off >= SHORT
        if loses(off, on):
            lost.append(path)
            print(f"{path}: {off:.1f} ms without the JIT, {on:.1f} ms with it", flush=True)
    print(f"{n_compared} programs compared, {n_long} of them of {SHORT:.0f} ms or more; {len(lost)} lose")
    for path in left_out:
        print(f"left out, does not end in {LONGEST} s: {path}")
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
