"""Measures what docs/concurrency.md promises: medians of runs in turn, beside Go where it is there.

`speed_up` of `parallel_map` is wall time, a plain loop over two threads, both warm medians of one
process; it suffers from whatever else runs. `cpu` is the processor time of a whole run on two
threads over that on one, which only tells what the second thread costs.
"""
import argparse
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).parent
# Program, line of its output, whether more is better, and the goal.
GOALS = [
    ("tasks_and_messages", "seconds", False, 2.0),
    ("tasks_and_messages", "MiB", False, 256),
    ("sleepers", "latest_ms", False, 50),
    ("sleepers", "MiB", False, 300),
    ("ping_pong_of_tasks", "messages_per_second", True, 2e6),
    ("stream_of_threads", "messages_per_second", True, 1e6),
    ("ping_pong_of_threads", "round_trips_per_second", True, None),
    ("parallel_map", "speed_up", True, 1.8),
    ("parallel_map", "cpu", False, 1.1),
    ("chains", "range", False, 1.2),
]


def run(command):
    with tempfile.TemporaryFile("w+") as out:
        child = subprocess.Popen(command, stdout=out, stdin=subprocess.DEVNULL)
        _, status, usage = os_wait(child)
        out.seek(0)
        values = dict(line.split(maxsplit=1) for line in out if " " in line)
    if status != 0:
        sys.exit(f"{command} fails")
    numbers = {}
    for name, value in values.items():
        try:
            numbers[name] = float(value)
        except ValueError:
            pass
    numbers["MiB"] = usage.ru_maxrss / 1024
    numbers["cpu_seconds"] = usage.ru_utime + usage.ru_stime
    return numbers


def cpu_ratio(command, runs):
    """Processor time on two threads over that on one, of runs in turn."""
    seconds = {"1": [], "2": []}
    for _ in range(runs):
        for n_threads, values in seconds.items():
            values.append(run([*command, n_threads])["cpu_seconds"])
    return statistics.median(seconds["2"]) / statistics.median(seconds["1"])


def os_wait(child):
    pid, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    return pid, child.returncode, usage


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ruff", required=True)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    names = [name for name in dict.fromkeys(goal[0] for goal in GOALS) if options.only in name]
    commands = {name: [options.ruff, "run", str(HERE / f"{name}.ruff")] for name in names}
    scratch = tempfile.TemporaryDirectory()
    if shutil.which("go") and "ping_pong_of_threads" in names:
        binary = pathlib.Path(scratch.name) / "ping_pong"
        subprocess.run(["go", "build", "-o", str(binary), str(HERE / "ping_pong.go")], check=True,
                       cwd=scratch.name, env={"HOME": scratch.name, "PATH": "/usr/bin:/bin"})
        commands["go"] = [str(binary)]
    results = {name: [] for name in commands}
    for _ in range(options.runs):
        for name, command in commands.items():
            results[name].append(run(command))
    if "parallel_map" in commands:
        cpu = cpu_ratio(commands["parallel_map"], max(9, options.runs))
        results["parallel_map"] = [{**result, "cpu": cpu} for result in results["parallel_map"]]
    go = None
    if "go" in results:
        go = statistics.median(r["round_trips_per_second"] for r in results["go"])
        print(f"{'go, locked threads':<24}{'round_trips_per_second':<26}{go:>14,.2f}")
    failed = False
    for name, line, more, goal in GOALS:
        if name not in results:
            continue
        value = statistics.median(r[line] for r in results[name])
        goal = go if goal is None else goal
        verdict = ""
        if goal is not None:
            is_met = value >= goal if more else value <= goal
            failed |= not is_met
            verdict = f"  {'>=' if more else '<='} {goal:,.1f} {'ok' if is_met else 'MISSED'}"
        print(f"{name:<24}{line:<26}{value:>14,.2f}{verdict}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
