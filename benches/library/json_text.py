import json, sys, time
text = open(sys.argv[1] + "/data.json", encoding="utf-8").read()
start = time.perf_counter()
value = json.loads(text)
out = json.dumps(value, ensure_ascii=False)
print(f"{time.perf_counter() - start:.3f}", file=sys.stderr)
print(len(value), "true" if len(out) > 0 else "false")
