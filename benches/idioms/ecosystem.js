"use strict";
const N = 400, SIZE = 96;
class Hare {
  constructor(x, y, food) { this.x = x; this.y = y; this.food = food; }
  moved(dx, dy) { return new Hare(wrap(this.x + dx), wrap(this.y + dy), this.food - 1); }
  wantsYoung() { return this.food >= 9; }
  split() { this.food = Math.floor(this.food / 2); return new Hare(this.x, this.y, this.food); }
}
class Fox {
  constructor(x, y, food, hunger = 0) { this.x = x; this.y = y; this.food = food; this.hunger = hunger; }
  moved(dx, dy) { return new Fox(wrap(this.x + 2 * dx), wrap(this.y + 2 * dy), this.food - 1, this.hunger + 1); }
  wantsYoung() { return this.food >= 24 && this.hunger < 3; }
  split() { this.food = Math.floor(this.food / 2); return new Fox(this.x, this.y, this.food); }
}
class Dice {
  constructor(seed) { this.seed = seed; }
  roll(n) { this.seed = (this.seed * 16807) % 2147483647; return this.seed % n; }
}
function wrap(v) { return (v + SIZE) % SIZE; }
function step(animals, dice) {
  const out = [];
  for (const animal of animals) {
    const next = animal.moved(dice.roll(3) - 1, dice.roll(3) - 1);
    if (next.food > 0) out.push(next);
  }
  return out;
}
function run(n) {
  const dice = new Dice(77);
  const grass = [];
  for (let i = 0; i < SIZE; i++) grass.push(new Array(SIZE).fill(3));
  let hares = [], foxes = [];
  for (let i = 0; i < 900; i++) { const x = dice.roll(SIZE), y = dice.roll(SIZE); hares.push(new Hare(x, y, 5)); }
  for (let i = 0; i < 60; i++) { const x = dice.roll(SIZE), y = dice.roll(SIZE); foxes.push(new Fox(x, y, 12)); }
  let checksum = 0, most = 0;
  for (let day = 0; day < n; day++) {
    for (let y = 0; y < SIZE; y++) for (let x = 0; x < SIZE; x++) if (grass[y][x] < 6 && (x + y + day) % 4 === 0) grass[y][x]++;
    hares = step(hares, dice);
    foxes = step(foxes, dice);
    const at = new Map(), young = [];
    for (const h of hares) {
      const bite = Math.min(grass[h.y][h.x], 2);
      grass[h.y][h.x] -= bite;
      h.food += bite;
      if (h.wantsYoung() && hares.length + young.length < 4000) young.push(h.split());
      const key = h.y * SIZE + h.x;
      at.set(key, (at.get(key) ?? 0) + 1);
    }
    const eaten = new Map();
    for (const fox of foxes) {
      const key = fox.y * SIZE + fox.x;
      const left = (at.get(key) ?? 0) - (eaten.get(key) ?? 0);
      if (left > 0) { eaten.set(key, (eaten.get(key) ?? 0) + 1); fox.food += 6; fox.hunger = 0; }
    }
    const kept = [];
    for (const h of hares) {
      const key = h.y * SIZE + h.x, due = eaten.get(key) ?? 0;
      if (due > 0) eaten.set(key, due - 1); else kept.push(h);
    }
    hares = kept.concat(young);
    const cubs = [];
    for (const fox of foxes) if (fox.wantsYoung()) cubs.push(fox.split());
    foxes = foxes.concat(cubs);
    if (foxes.length < 5) { const x = dice.roll(SIZE), y = dice.roll(SIZE); foxes.push(new Fox(x, y, 12)); }
    most = Math.max(most, hares.length);
    checksum = (checksum * 31 + hares.length * 1000 + foxes.length) % 1000003;
  }
  console.log(hares.length, foxes.length, most, checksum);
}
run(N);
