let x = 12345n;
const numbers = [];
for (let i = 0; i < 1000000; i++) {
  x = (x * 1103515245n + 12345n) % 2147483648n;
  numbers.push(Number(x));
}
const start = performance.now();
const sorted = [...numbers].sort((a, b) => a - b);
console.error(((performance.now() - start) / 1000).toFixed(3));
console.log(sorted[0], sorted[999999]);
