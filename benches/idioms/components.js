"use strict";
const N = 120000;
class Graph {
  constructor(n) { this.heads = new Array(n).fill(-1); this.nexts = []; this.targets = []; }
  connect(a, b) { this.targets.push(b); this.nexts.push(this.heads[a]); this.heads[a] = this.targets.length - 1; }
}
function makeGraph(n) {
  const g = new Graph(n);
  let seed = 7;
  for (let i = 0; i < n * 2; i++) {
    seed = (seed * 16807) % 2147483647;
    const a = seed % n;
    seed = (seed * 16807) % 2147483647;
    const b = (a + seed % 40 - 12 + n) % n;
    g.connect(a, b);
  }
  return g;
}
function components(g, n) {
  const index = new Array(n).fill(-1), low = new Array(n).fill(0), onStack = new Array(n).fill(false);
  const component = new Array(n).fill(-1), edge = g.heads.slice(0, n), stack = [], calls = [];
  let clock = 0, found = 0;
  for (let start = 0; start < n; start++) {
    if (index[start] >= 0) continue;
    calls.push(start);
    while (calls.length > 0) {
      const v = calls[calls.length - 1];
      if (index[v] < 0) { index[v] = clock; low[v] = clock; clock++; stack.push(v); onStack[v] = true; }
      const e = edge[v];
      if (e >= 0) {
        const w = g.targets[e];
        if (index[w] < 0) { calls.push(w); continue; }
        if (onStack[w]) low[v] = ifLess(low[w], low[v]);
        edge[v] = g.nexts[e];
        continue;
      }
      calls.pop();
      if (low[v] === index[v]) {
        for (;;) { const w = stack.pop(); onStack[w] = false; component[w] = found; if (w === v) break; }
        found++;
      }
    }
  }
  return [component, found];
}
function ifLess(a, b) { return a < b ? a : b; }
function run(n) {
  const g = makeGraph(n);
  const [component, found] = components(g, n);
  const sizes = new Array(found).fill(0);
  for (const c of component) sizes[c]++;
  let biggest = 0, alone = 0;
  for (const size of sizes) { if (size > biggest) biggest = size; if (size === 1) alone++; }
  const members = sizes.map(() => []);
  for (let v = 0; v < n; v++) members[component[v]].push(v);
  const longest = new Array(found).fill(1);
  let best = 0;
  for (let c = 0; c < found; c++) {
    for (const v of members[c]) {
      for (let e = g.heads[v]; e >= 0; e = g.nexts[e]) {
        const d = component[g.targets[e]];
        if (d !== c && longest[d] + 1 > longest[c]) longest[c] = longest[d] + 1;
      }
    }
    if (longest[c] > best) best = longest[c];
  }
  console.log(found, biggest, alone, best);
}
run(N);
