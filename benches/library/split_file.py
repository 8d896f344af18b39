import sys, time
start = time.perf_counter()
fields = 0
for line in open(sys.argv[1] + "/text200.txt", encoding="utf-8").read().splitlines():
    fields += len(line.split(" "))
print(f"{time.perf_counter() - start:.3f}", file=sys.stderr)
print(fields)
