"""Compares the engines of one ruff binary on benches/programs, interleaved, medians of N runs."""
import argparse
import math
import pathlib
import statistics
import subprocess
import sys
import time

ENGINES = {"tree": ["--engine=tree"], "vm": ["--jit=off"], "jit": ["--jit"]}
PROGRAMS = pathlib.Path(__file__).parent / "programs"


def run(command):
    start = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, stdin=subprocess.DEVNULL)
    return time.perf_counter() - start, done


def geomean(values):
    return math.exp(sum(map(math.log, values)) / len(values))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ruff", required=True)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    programs = sorted(PROGRAMS.glob("*.ruff"))
    if not programs:
        sys.exit("no programs in benches/programs")
    times, outputs, failures = {}, {}, []
    for _ in range(options.runs):
        for program in programs:
            for engine, flags in ENGINES.items():
                taken, done = run([options.ruff, "run", *flags, str(program)])
                if done.returncode != 0:
                    failures.append(f"{program.stem} fails on {engine}: {done.stderr[:200]}")
                times.setdefault((program.stem, engine), []).append(taken)
                outputs.setdefault(program.stem, set()).add(done.stdout)
    failures += [f"{name} prints different results" for name, seen in outputs.items() if len(seen) > 1]
    print(f"{'program':<16}{'tree s':>9}{'vm s':>9}{'jit s':>9}{'tree/vm':>9}{'vm/jit':>9}")
    ratios = {"tree/vm": [], "vm/jit": []}
    for program in programs:
        tree, vm, jit = (statistics.median(times[program.stem, e]) for e in ENGINES)
        ratios["tree/vm"].append(tree / vm)
        ratios["vm/jit"].append(vm / jit)
        print(f"{program.stem:<16}{tree:>9.3f}{vm:>9.3f}{jit:>9.3f}{tree / vm:>9.2f}{vm / jit:>9.2f}")
    means = {name: geomean(values) for name, values in ratios.items()}
    print(f"{'geometric mean':<43}{means['tree/vm']:>9.2f}{means['vm/jit']:>9.2f}")
    if means["vm/jit"] < 1.0:
        failures.append("the JIT is slower than the VM on the geometric mean")
    for failure in failures:
        print(f"FAILED: {failure}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
