class Node { constructor(k, l, r) { this.key = k; this.left = l; this.right = r; } }
function insert(t, k) { if (t === null) return new Node(k, null, null);
  if (k < t.key) return new Node(t.key, insert(t.left, k), t.right);
  if (k > t.key) return new Node(t.key, t.left, insert(t.right, k)); return t; }
function depth(t) { return t === null ? 0 : 1 + Math.max(depth(t.left), depth(t.right)); }
function total(t) { return t === null ? 0 : t.key + total(t.left) + total(t.right); }
let t = null, seed = 5; for (let i = 0; i < 150000; i++) { seed = (seed * 16807) % 2147483647; t = insert(t, seed % 100000); }
console.log(depth(t), total(t));
