"use strict";
function web(n) {
  const pages = new Map();
  let seed = 19;
  for (let i = 0; i < n; i++) {
    const out = [];
    for (let k = 0; k < 3 + i % 6; k++) {
      seed = (seed * 16807) % 2147483647;
      out.push(`page${(i * 7 + seed % (20 + i)) % n}`);
    }
    pages.set(`page${i}`, out);
  }
  return pages;
}
function ranks(pages, rounds) {
  const n = pages.size;
  let rank = new Map();
  for (const name of pages.keys()) rank.set(name, 1 / n);
  for (let round = 0; round < rounds; round++) {
    const next = new Map();
    for (const name of pages.keys()) next.set(name, 0.15 / n);
    for (const [name, out] of pages) {
      const share = rank.get(name) * 0.85 / out.length;
      for (const target of out) next.set(target, next.get(target) + share);
    }
    rank = next;
  }
  return rank;
}
function chains(pages, start) {
  const far = new Map([[start, 0]]), queue = [start];
  let head = 0;
  while (head < queue.length) {
    const name = queue[head++];
    for (const target of pages.get(name)) if (!far.has(target)) { far.set(target, far.get(name) + 1); queue.push(target); }
  }
  return far;
}
function mutual(pages) {
  const seen = new Set();
  let count = 0;
  for (const [name, out] of pages) for (const target of out) seen.add(name + ">" + target);
  for (const [name, out] of pages) for (const target of out) if (name < target && seen.has(target + ">" + name)) count++;
  return count;
}
function run(n) {
  const pages = web(n), rank = ranks(pages, 12);
  const best = [...rank.keys()].sort((a, b) => rank.get(a) > rank.get(b) ? -1 : rank.get(a) < rank.get(b) ? 1 : a < b ? -1 : 1);
  let total = 0, reached = 0;
  for (const name of best.slice(0, 6)) {
    const far = chains(pages, name);
    reached += far.size;
    for (const d of far.values()) total += d;
  }
  console.log(best.slice(0, 4).join(" "), total, reached, mutual(pages));
}
run(6000);
