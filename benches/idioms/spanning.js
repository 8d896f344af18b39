"use strict";
const N = 60000;
class Sets {
  constructor(n) { this.parent = Array.from({ length: n }, (_, i) => i); this.size = new Array(n).fill(1); this.nSets = n; }
  find(v) {
    let root = v;
    while (this.parent[root] !== root) root = this.parent[root];
    while (this.parent[v] !== root) { const next = this.parent[v]; this.parent[v] = root; v = next; }
    return root;
  }
  join(a, b) {
    const x = this.find(a), y = this.find(b);
    if (x === y) return false;
    if (this.size[x] < this.size[y]) { this.parent[x] = y; this.size[y] += this.size[x]; }
    else { this.parent[y] = x; this.size[x] += this.size[y]; }
    this.nSets--;
    return true;
  }
}
class Edge { constructor(a, b, cost) { this.a = a; this.b = b; this.cost = cost; } }
function edgesOf(n) {
  const out = [];
  let seed = 17;
  for (let i = 0; i < n * 3; i++) {
    seed = (seed * 16807) % 2147483647;
    const a = seed % n;
    seed = (seed * 16807) % 2147483647;
    const b = (a + 1 + seed % 500) % n;
    out.push(new Edge(a, b, seed % 10007));
  }
  return out;
}
function farthest(near, start, n) {
  const far = new Array(n).fill(-1);
  far[start] = 0;
  const queue = [start];
  let head = 0, last = start;
  while (head < queue.length) {
    const v = queue[head++];
    if (far[v] > far[last]) last = v;
    for (const edge of near[v]) {
      const other = edge.a + edge.b - v;
      if (far[other] < 0) { far[other] = far[v] + edge.cost; queue.push(other); }
    }
  }
  return [last, far[last]];
}
function run(n) {
  const edges = edgesOf(n).sort((x, y) => x.cost !== y.cost ? x.cost - y.cost : x.a !== y.a ? x.a - y.a : x.b - y.b);
  const sets = new Sets(n), tree = [];
  let total = 0;
  for (const edge of edges) if (sets.join(edge.a, edge.b)) { tree.push(edge); total += edge.cost; }
  const near = [];
  for (let i = 0; i < n; i++) near.push([]);
  for (const edge of tree) { near[edge.a].push(edge); near[edge.b].push(edge); }
  const [one] = farthest(near, 0, n);
  const [, length] = farthest(near, one, n);
  const groups = new Sets(n);
  for (const edge of tree.slice(0, tree.length - 12)) groups.join(edge.a, edge.b);
  const sizes = new Map();
  for (let v = 0; v < n; v++) { const root = groups.find(v); sizes.set(root, (sizes.get(root) ?? 0) + 1); }
  console.log(sets.nSets, tree.length, total, length, sizes.size, [...sizes.values()].reduce((a, b) => Math.max(a, b), 0));
}
run(N);
