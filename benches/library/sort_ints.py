import sys, time
x, numbers = 12345, []
for _ in range(1000000):
    x = (x * 1103515245 + 12345) % 2147483648
    numbers.append(x)
start = time.perf_counter()
result = sorted(numbers)
print(f"{time.perf_counter() - start:.3f}", file=sys.stderr)
print(result[0], result[999999])
