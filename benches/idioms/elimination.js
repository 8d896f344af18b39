"use strict";
const N = 420;
function system(n) {
  const rows = [];
  let seed = 31;
  for (let i = 0; i < n; i++) {
    const row = [];
    for (let j = 0; j < n; j++) { seed = (seed * 16807) % 2147483647; row.push((seed % 2001 - 1000) / 100); }
    row[i] += 40;
    rows.push(row);
  }
  return rows;
}
function decompose(a, n) {
  const order = [];
  for (let i = 0; i < n; i++) order.push(i);
  for (let k = 0; k < n; k++) {
    let pivot = k;
    for (let i = k + 1; i < n; i++) if (Math.abs(a[i][k]) > Math.abs(a[pivot][k])) pivot = i;
    if (pivot !== k) {
      const row = a[k]; a[k] = a[pivot]; a[pivot] = row;
      const at = order[k]; order[k] = order[pivot]; order[pivot] = at;
    }
    for (let i = k + 1; i < n; i++) {
      const factor = a[i][k] / a[k][k];
      a[i][k] = factor;
      for (let j = k + 1; j < n; j++) a[i][j] -= factor * a[k][j];
    }
  }
  return [a, order];
}
function solve(lu, order, b, n) {
  const x = new Array(n).fill(0);
  for (let i = 0; i < n; i++) {
    let sum = b[order[i]];
    for (let j = 0; j < i; j++) sum -= lu[i][j] * x[j];
    x[i] = sum;
  }
  for (let i = n - 1; i >= 0; i--) {
    let sum = x[i];
    for (let j = i + 1; j < n; j++) sum -= lu[i][j] * x[j];
    x[i] = sum / lu[i][i];
  }
  return x;
}
function residual(a, x, b, n) {
  let worst = 0;
  for (let i = 0; i < n; i++) {
    let sum = 0;
    for (let j = 0; j < n; j++) sum += a[i][j] * x[j];
    worst = Math.max(worst, Math.abs(sum - b[i]));
  }
  return worst;
}
function run(n) {
  const a = system(n);
  const [lu, order] = decompose(a.map((row) => row.slice()), n);
  let checksum = 0, ok = 0;
  for (let side = 0; side < 20; side++) {
    const b = [];
    for (let i = 0; i < n; i++) b.push((i * 7 + side * 13) % 101 - 50);
    const x = solve(lu, order, b, n);
    if (residual(a, x, b, n) < 0.000001) ok++;
    for (const v of x) checksum += Math.abs(v);
  }
  console.log(ok, Math.round(checksum * 1000));
}
run(N);
