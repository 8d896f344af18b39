function run(w, rounds) { const grid = []; let seed = 99;
  for (let y = 0; y < w; y++) { const row = []; for (let x = 0; x < w; x++) { seed = (seed * 16807) % 2147483647; row.push(seed % 9 + 1); } grid.push(row); }
  let total = 0;
  for (let r = 0; r < rounds; r++) { const dist = []; for (let y = 0; y < w; y++) dist.push(new Array(w).fill(1000000000));
    const buckets = []; for (let i = 0; i < 10; i++) buckets.push([]); dist[0][0] = 0; buckets[0].push([0, 0]); let d = 0, empty = 0;
    while (empty < 10) { const cur = buckets[d % 10];
      if (cur.length === 0) empty++; else { empty = 0; buckets[d % 10] = [];
        for (const p of cur) { const x = p[0], y = p[1]; if (dist[y][x] === d) for (const dir of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
          const nx = x + dir[0], ny = y + dir[1]; if (nx >= 0 && ny >= 0 && nx < w && ny < w) { const nd = d + grid[ny][nx]; if (nd < dist[ny][nx]) { dist[ny][nx] = nd; buckets[nd % 10].push([nx, ny]); } } } } }
      d++; }
    total += dist[w - 1][w - 1]; grid[r % w][(r * 7) % w] = 1; }
  console.log(total); }
run(200, 20);
