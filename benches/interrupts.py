#!/usr/bin/env python3
"""How long compiled loops go on after Ctrl-C.

    benches/interrupts.py target/release/ruff [--rounds N]

Each program here says that it is ready and goes on for ever in compiled code. Some time later it
gets SIGINT; measured is the time until the process has ended. Prints the median, the 99th
percentile and the worst of each program and of all. Exits with 1 if a program ends otherwise than
by the interrupt.
"""

import argparse
import pathlib
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time

READY = 'print("ready")\nflush()\n'
INTERRUPTED = 130

# Each function runs some milliseconds and is called for ever, or never ends.
PROGRAMS = {
    "ints": "func f() { i := 0\n while true { i := (i + 7) % 1000003 } }\nf()",
    "floats": "func f() { x := 1.0\n while true { x := x * 1.0000001 + 0.5\n if x > 1000.0 { x := 1.0 } } }\nf()",
    "empty": "func f() { while true { } }\nf()",
    "range": "func f() { s := 0\n loop { for i in range(1000000000) { s := (s + i) % 77 } } }\nf()",
    "nested": "func f() { s := 0\n loop { for i in range(3000) { for j in range(3000) { s := (s + i * j) % 99991 } } } }\nf()",
    "calls": "func g(n) { if n < 2 { return n }\n return g(n - 1) + g(n - 2) }\nloop { g(40) }",
    "methods": "struct C { n\n func up(mut self) { self.n = (self.n + 1) % 1000 } }\nfunc f() { c := C { n: 0 }\n loop { c.up() } }\nf()",
    "arrays": "func f() { a := fill(1000, 1)\n loop { for i in range(1000) { a[i] := (a[i] * 3 + i) % 1009 } } }\nf()",
    "dicts": "func f() { d := {}\n i := 0\n loop { i := i + 1\n d[i % 500] := i } }\nf()",
    "strings": 'func f() { s := ""\n loop { s := s + "x"\n if len(s) > 1000 { s := "" } } }\nf()',
    "structs": "struct P { x, y }\nfunc f() { p := P { x: 0, y: 1 }\n loop { p := P { x: p.y, y: (p.x + 1) % 50 } } }\nf()",
    "errors": 'func g(i) { if i % 3 == 0 { throw("no") }\n return i }\nfunc f() { i := 0\n loop { i := i + 1\n try { g(i) } except e { } } }\nf()',
    "generators": "func* g() { i := 0\n loop { yield i\n i := i + 1 } }\nfunc f() { s := 0\n for v in g() { s := (s + v) % 1013 } }\nf()",
    "closures": "func f() { add := func(a, b) { return (a + b) % 977 }\n s := 0\n loop { s := add(s, 3) } }\nf()",
    "chains": "func f() { loop { range(100000000).map(func(x) { return x * 2 }).filter(func(x) { return x % 3 == 0 }).sum() } }\nf()",
    "callbacks": "func f() { a := to_array(range(1000))\n loop { reduce(map(a, func(x) { return x + 1 }), 0, func(p, q) { return (p + q) % 1009 }) } }\nf()",
}


def stop_one(ruff, path):
    """Milliseconds from the signal to the end of the process, and its exit code."""
    process = subprocess.Popen([ruff, "run", "--jit", str(path)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    process.stdout.readline()
    time.sleep(random.uniform(0.03, 0.12))
    start = time.perf_counter()
    process.send_signal(signal.SIGINT)
    process.wait()
    return (time.perf_counter() - start) * 1000, process.returncode


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ruff")
    parser.add_argument("--rounds", type=int, default=40)
    options = parser.parse_args()
    taken, odd = {name: [] for name in PROGRAMS}, []
    with tempfile.TemporaryDirectory() as folder:
        paths = {name: pathlib.Path(folder) / f"{name}.ruff" for name in PROGRAMS}
        for name, text in PROGRAMS.items():
            paths[name].write_text(READY + text + "\n")
        for _ in range(options.rounds):
            for name, path in paths.items():
                milliseconds, code = stop_one(options.ruff, path)
                taken[name].append(milliseconds)
                if code != INTERRUPTED:
                    odd.append(f"{name} ended with {code}")
    print(f"{'program':12} {'median ms':>10} {'p99 ms':>8} {'worst ms':>9}")
    everything = [value for values in taken.values() for value in values]
    for name, values in [*taken.items(), ("all", everything)]:
        print(f"{name:12} {statistics.median(values):10.2f} {percentile(values, 0.99):8.2f} {max(values):9.2f}")
    for line in odd:
        print(f"FAILED: {line}")
    return 1 if odd else 0


if __name__ == "__main__":
    sys.exit(main())
