"""Writes the input files of the comparison into a folder, always the same ones."""
import json
import pathlib
import random
import sys

folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
rng = random.Random(7)
words = ["".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=rng.randint(2, 9))) for _ in range(20000)]


def lines(size):
    total, out = 0, []
    while total < size:
        line = " ".join(rng.choices(words, k=10)) + f" {rng.randint(0, 10**6)}"
        out.append(line)
        total += len(line) + 1
    return "\n".join(out) + "\n"


records = [
    {"id": i, "name": rng.choice(words), "tags": rng.sample(words, 3), "score": rng.random() * 100,
     "active": i % 3 == 0, "note": None, "text": " ".join(rng.choices(words, k=8)) + ' "é"\n'}
    for i in range(150_000)
]
(folder / "data.json").write_text(json.dumps(records, ensure_ascii=False))
block = lines(10_000_000)
(folder / "text50.txt").write_text(block * 5)
(folder / "text200.txt").write_text(block * 20)
