#!/usr/bin/env python3
"""Compares Ruff with Node on programs written as users write them.

    benches/compare_with_node.py "target/release/ruff run" [--runs N] [FOLDER [NAME...]]

FOLDER is benches/idioms (the default) or benches/fresh, whose programs were written after the last
optimisation. Each program there has a version in JavaScript that prints the same. The two run in
turn. Shown are medians: elapsed seconds of the processes with their ratio (above 1: Ruff is
slower), CPU seconds, Node's without its start-up, with theirs, and how much faster the program is
than on the VM alone. Exits with 1 if an output differs.
"""

import argparse
import math
import os
import pathlib
import statistics
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).parent
# CPU seconds below which a difference to Node's start-up is noise.
LEAST = 0.01


def measure(command):
    """Elapsed and CPU seconds of a command, and what it printed."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    printed = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    elapsed = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    return elapsed, usage.ru_utime + usage.ru_stime, printed.decode().strip()


def geometric_mean(values):
    return math.exp(sum(map(math.log, values)) / len(values))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ruff")
    parser.add_argument("folder", nargs="?", default=str(HERE / "idioms"))
    parser.add_argument("names", nargs="*")
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    ruff, folder = options.ruff.split(), pathlib.Path(options.folder)
    names = options.names or sorted(path.stem for path in folder.glob("*.ruff"))
    start = statistics.median(measure(["node", "-e", "0"])[1] for _ in range(options.runs))
    ratios, net_ratios, differs = [], [], False
    print(f"{'program':14} {'ruff s':>8} {'node s':>8} {'ratio':>6} {'ruff cpu':>9} {'node net':>9} {'ratio':>6} {'vm/jit':>7}")
    for name in names:
        ours, theirs, note = [], [], ""
        for _ in range(options.runs):
            ours.append(measure([*ruff, str(folder / f"{name}.ruff")]))
            theirs.append(measure(["node", str(folder / f"{name}.js")]))
        if len({printed for _, _, printed in ours + theirs}) > 1:
            differs, note = True, "  differs"
        wall, node_wall = (statistics.median(run[0] for run in runs) for runs in (ours, theirs))
        cpu, node_cpu = (statistics.median(run[1] for run in runs) for runs in (ours, theirs))
        node_net = max(node_cpu - start, LEAST)
        vm = measure([*ruff, "--jit=off", str(folder / f"{name}.ruff")])[1]
        ratios.append(wall / node_wall)
        net_ratios.append(cpu / node_net)
        print(
            f"{name:14} {wall:8.3f} {node_wall:8.3f} {ratios[-1]:6.2f} {cpu:9.3f} {node_net:9.3f}"
            f" {net_ratios[-1]:6.2f} {vm / cpu:7.2f}{note}"
        )
    print(f"{'geometric mean':31} {geometric_mean(ratios):6.2f} {geometric_mean(net_ratios):26.2f}")
    return 1 if differs else 0


if __name__ == "__main__":
    sys.exit(main())
