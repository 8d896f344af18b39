"use strict";
const STEPS = 900;
class Car { constructor(at, speed, wish, lane) { this.at = at; this.speed = speed; this.wish = wish; this.lane = lane; this.waited = 0; } }
class Road {
  constructor(length, cars) { this.length = length; this.cars = cars; }
  gap(i, lane) {
    const me = this.cars[i];
    let best = this.length;
    for (let k = 1; k < 9; k++) {
      const other = this.cars[(i + k) % this.cars.length];
      if (other.lane === lane) {
        let d = other.at - me.at;
        if (d < 0) d += this.length;
        if (d < best) best = d;
        break;
      }
    }
    return best;
  }
  drive(dt) {
    let moved = 0;
    for (let i = 0; i < this.cars.length; i++) {
      const car = this.cars[i];
      let gap = this.gap(i, car.lane);
      if (gap < car.speed * 1.2 && car.waited > 5) {
        const other = this.gap(i, 1 - car.lane);
        if (other > gap * 1.5) { car.lane = 1 - car.lane; car.waited = 0; gap = other; }
      }
      const safe = gap - 5;
      if (safe < car.speed) { car.speed = Math.max(0, car.speed - 3 * dt); car.waited++; }
      else if (car.speed < car.wish) car.speed = Math.min(car.wish, car.speed + 1.5 * dt);
      car.at += car.speed * dt;
      if (car.at >= this.length) car.at -= this.length;
      moved += car.speed * dt;
    }
    return moved;
  }
  reorder() { this.cars.sort((a, b) => a.at - b.at); }
}
function run(steps) {
  const roads = [];
  let seed = 41;
  for (let r = 0; r < 3; r++) {
    const cars = [];
    for (let i = 0; i < 120; i++) {
      seed = (seed * 16807) % 2147483647;
      cars.push(new Car(i * 12, 10, 14 + seed % 100 / 10, i % 2));
    }
    roads.push(new Road(1500 + r * 200, cars));
  }
  let total = 0;
  for (let step = 0; step < steps; step++) {
    for (const road of roads) { total += road.drive(0.5); if (step % 10 === 0) road.reorder(); }
  }
  let slow = 0;
  for (const road of roads) for (const car of road.cars) if (car.speed < 5) slow++;
  console.log(Math.trunc(total), slow);
}
run(STEPS);
