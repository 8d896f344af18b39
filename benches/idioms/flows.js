"use strict";
class Edge { constructor(to, room, back) { this.to = to; this.room = room; this.back = back; } }
class Network {
  constructor(n) { this.n = n; this.edges = Array.from({ length: n }, () => []); this.level = []; this.at = []; }
  connect(a, b, room) {
    this.edges[a].push(new Edge(b, room, this.edges[b].length));
    this.edges[b].push(new Edge(a, 0, this.edges[a].length - 1));
  }
  layers(source, sink) {
    const level = new Array(this.n).fill(-1);
    level[source] = 0;
    const queue = [source];
    let head = 0;
    while (head < queue.length) {
      const v = queue[head++];
      for (const edge of this.edges[v]) if (edge.room > 0 && level[edge.to] < 0) { level[edge.to] = level[v] + 1; queue.push(edge.to); }
    }
    this.level = level;
    return level[sink] >= 0;
  }
  pushFlow(v, sink, most) {
    if (v === sink) return most;
    while (this.at[v] < this.edges[v].length) {
      const edge = this.edges[v][this.at[v]];
      if (edge.room > 0 && this.level[edge.to] === this.level[v] + 1) {
        const sent = this.pushFlow(edge.to, sink, Math.min(most, edge.room));
        if (sent > 0) { edge.room -= sent; this.edges[edge.to][edge.back].room += sent; return sent; }
      }
      this.at[v]++;
    }
    return 0;
  }
  maxFlow(source, sink) {
    let total = 0, rounds = 0;
    while (this.layers(source, sink)) {
      rounds++;
      this.at = new Array(this.n).fill(0);
      for (;;) { const sent = this.pushFlow(source, sink, 1000000000); if (sent === 0) break; total += sent; }
    }
    return [total, rounds];
  }
}
function run(nLayers, width) {
  const n = nLayers * width + 2, net = new Network(n);
  let seed = 3;
  for (let k = 0; k < width; k++) net.connect(0, 1 + k, 60 + k % 7);
  for (let layer = 0; layer < nLayers - 1; layer++) for (let k = 0; k < width; k++) for (let far = 0; far < 4; far++) {
    seed = (seed * 16807) % 2147483647;
    net.connect(1 + layer * width + k, 1 + (layer + 1) * width + (k + seed % 9) % width, 5 + seed % 23);
  }
  for (let k = 0; k < width; k++) net.connect(1 + (nLayers - 1) * width + k, n - 1, 55 + k % 11);
  const [flow, rounds] = net.maxFlow(0, n - 1);
  let cut = 0;
  for (let v = 0; v < n; v++) if (net.level[v] >= 0) for (const edge of net.edges[v]) if (net.level[edge.to] < 0) cut++;
  console.log(flow, rounds, cut);
}
run(24, 60);
run(60, 40);
