"use strict";
class City { constructor(x, y) { this.x = x; this.y = y; } }
class Tour {
  constructor(cities, order, far) { this.cities = cities; this.order = order; this.far = far; }
  distance(i, j) { const n = this.order.length; return this.far[this.order[i % n]][this.order[j % n]]; }
  length() { let total = 0; for (let i = 0; i < this.order.length; i++) total += this.distance(i, i + 1); return total; }
  turn(i, j) { while (i < j) { const held = this.order[i]; this.order[i] = this.order[j]; this.order[j] = held; i++; j--; } }
  twoOpt() {
    const n = this.order.length;
    let gained = 0;
    for (let i = 0; i < n - 2; i++) for (let j = i + 2; j < n; j++) {
      const now = this.distance(i, i + 1) + this.distance(j, j + 1);
      const then = this.far[this.order[i]][this.order[j]] + this.far[this.order[i + 1]][this.order[(j + 1) % n]];
      if (then < now - 0.000001) { this.turn(i + 1, j); gained++; }
    }
    return gained;
  }
}
function nearest(cities, far) {
  const n = cities.length, used = new Array(n).fill(false), order = [0];
  used[0] = true;
  while (order.length < n) {
    const last = order[order.length - 1];
    let best = -1;
    for (let k = 0; k < n; k++) if (!used[k] && (best < 0 || far[last][k] < far[last][best])) best = k;
    order.push(best);
    used[best] = true;
  }
  return order;
}
function run(n) {
  const cities = [];
  let seed = 15;
  for (let i = 0; i < n; i++) {
    seed = (seed * 16807) % 2147483647;
    const x = seed % 10000 / 10;
    seed = (seed * 16807) % 2147483647;
    cities.push(new City(x, seed % 10000 / 10));
  }
  const far = cities.map((a) => cities.map((b) => Math.sqrt((a.x - b.x) * (a.x - b.x) + (a.y - b.y) * (a.y - b.y))));
  const tour = new Tour(cities, nearest(cities, far), far);
  const first = tour.length();
  let rounds = 0;
  while (tour.twoOpt() > 0) rounds++;
  const second = tour.length();
  let heat = 40, length = second;
  for (let step = 0; step < 200000; step++) {
    seed = (seed * 16807) % 2147483647;
    const i = 1 + seed % (n - 2);
    seed = (seed * 16807) % 2147483647;
    const j = i + 1 + seed % Math.min(30, n - i - 1);
    if (j < n) {
      const change = tour.distance(i - 1, j) + tour.distance(i, j + 1) - tour.distance(i - 1, i) - tour.distance(j, j + 1);
      seed = (seed * 16807) % 2147483647;
      if (change < 0 || change < heat * (seed % 1000) / 4000) { tour.turn(i, j); length += change; }
    }
    heat *= 0.99995;
  }
  console.log(Math.round(first), rounds, Math.round(second), Math.round(length));
}
run(420);
