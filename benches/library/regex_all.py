import re, sys, time
text = open(sys.argv[1] + "/text50.txt", encoding="utf-8").read()
start = time.perf_counter()
n = len(re.findall(r"[a-z]+ing [0-9]+|q[a-z]*z", text))
print(f"{time.perf_counter() - start:.3f}", file=sys.stderr)
print(n)
