function run(n) { const cap = 1000; const index = new Map(); const keys = new Array(cap + 2).fill(""), vals = new Array(cap + 2).fill(0), next = new Array(cap + 2).fill(0), prev = new Array(cap + 2).fill(0);
  next[0] = 1; prev[1] = 0; let used = 2, hits = 0, seed = 7;
  for (let i = 0; i < n; i++) { seed = (seed * 16807) % 2147483647; const k = `key${seed % 1500}`;
    if (index.has(k)) { hits++; const e = index.get(k); next[prev[e]] = next[e]; prev[next[e]] = prev[e]; const f = next[0]; next[0] = e; prev[e] = 0; next[e] = f; prev[f] = e; vals[e]++; }
    else { let e; if (used < cap + 2) e = used++; else { e = prev[1]; next[prev[e]] = 1; prev[1] = prev[e]; index.delete(keys[e]); }
      keys[e] = k; vals[e] = 1; index.set(k, e); const f = next[0]; next[0] = e; prev[e] = 0; next[e] = f; prev[f] = e; } }
  console.log(hits, index.size); }
run(1000000);
