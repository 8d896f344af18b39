import sys, time
start = time.perf_counter()
counts = {}
for word in open(sys.argv[1] + "/text50.txt", encoding="utf-8").read().split():
    counts[word] = counts.get(word, 0) + 1
print(f"{time.perf_counter() - start:.3f}", file=sys.stderr)
print(len(counts), max(counts.values()))
