"use strict";
const STEPS = 120, SIZE = 26;
class Vec {
  constructor(x, y, z) { this.x = x; this.y = y; this.z = z; }
  add(o) { return new Vec(this.x + o.x, this.y + o.y, this.z + o.z); }
  sub(o) { return new Vec(this.x - o.x, this.y - o.y, this.z - o.z); }
  mul(k) { return new Vec(this.x * k, this.y * k, this.z * k); }
  length() { return Math.sqrt(this.x * this.x + this.y * this.y + this.z * this.z); }
}
class Mass { constructor(at, before, isFixed) { this.at = at; this.before = before; this.isFixed = isFixed; } }
class Spring { constructor(a, b, rest) { this.a = a; this.b = b; this.rest = rest; } }
class Cloth {
  constructor(masses, springs) { this.masses = masses; this.springs = springs; }
  step(wind) {
    const gravity = new Vec(0, -0.0098, 0);
    for (let i = 0; i < this.masses.length; i++) {
      const m = this.masses[i];
      if (m.isFixed) continue;
      const next = m.at.add(m.at.sub(m.before).mul(0.99)).add(gravity).add(wind);
      this.masses[i] = new Mass(next, m.at, false);
    }
    for (let round = 0; round < 4; round++) for (const spring of this.springs) this.relax(spring);
  }
  relax(spring) {
    const a = this.masses[spring.a], b = this.masses[spring.b];
    const between = b.at.sub(a.at), d = between.length(), shift = between.mul((d - spring.rest) / d * 0.5);
    if (!a.isFixed) a.at = a.at.add(shift);
    if (!b.isFixed) b.at = b.at.sub(shift);
  }
}
function makeCloth(n) {
  const masses = [], springs = [];
  for (let y = 0; y < n; y++) for (let x = 0; x < n; x++) {
    const at = new Vec(x * 0.1, 0, y * 0.1);
    masses.push(new Mass(at, at, y === 0 && x % 5 === 0));
    if (x > 0) springs.push(new Spring(y * n + x - 1, y * n + x, 0.1));
    if (y > 0) springs.push(new Spring((y - 1) * n + x, y * n + x, 0.1));
  }
  return new Cloth(masses, springs);
}
function run(steps) {
  const cloth = makeCloth(SIZE);
  for (let step = 0; step < steps; step++) cloth.step(new Vec(0.0002 * (step % 7), 0, 0.0003));
  let lowest = 0, sum = 0;
  for (const m of cloth.masses) { lowest = Math.min(lowest, m.at.y); sum += m.at.x + m.at.z; }
  console.log(Math.round(lowest * 1000), Math.round(sum));
}
run(STEPS);
