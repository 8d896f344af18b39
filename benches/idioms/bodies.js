class Vec { constructor(x, y, z) { this.x = x; this.y = y; this.z = z; }
  add(o) { return new Vec(this.x + o.x, this.y + o.y, this.z + o.z); }
  sub(o) { return new Vec(this.x - o.x, this.y - o.y, this.z - o.z); }
  scale(k) { return new Vec(this.x * k, this.y * k, this.z * k); }
  dot(o) { return this.x * o.x + this.y * o.y + this.z * o.z; } }
class Body { constructor(p, v, m) { this.pos = p; this.vel = v; this.mass = m; } }
function run(n) { const bs = [];
  for (let i = 0; i < 5; i++) bs.push(new Body(new Vec(i, i * 0.5 + 1, 1 - i), new Vec(0, 0.1 * i, 0), 1 + i));
  for (let s = 0; s < n; s++) {
    for (let i = 0; i < 5; i++) { let acc = new Vec(0, 0, 0);
      for (let j = 0; j < 5; j++) if (i !== j) { const d = bs[j].pos.sub(bs[i].pos); const r2 = d.dot(d) + 0.01; acc = acc.add(d.scale(bs[j].mass / (r2 * Math.sqrt(r2)))); }
      bs[i].vel = bs[i].vel.add(acc.scale(0.001)); }
    for (let i = 0; i < 5; i++) bs[i].pos = bs[i].pos.add(bs[i].vel.scale(0.001)); }
  let e = 0; for (const b of bs) e += b.vel.dot(b.vel) * b.mass; console.log(Math.trunc(e * 1000000)); }
run(100000);
