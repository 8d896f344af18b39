"use strict";
class Process { constructor(id, bursts) { this.id = id; this.bursts = bursts; this.next = 0; this.left = 0; this.level = 0; this.readyAt = 0; this.waited = 0; this.doneAt = -1; } }
class Queue {
  constructor() { this.items = []; this.head = 0; }
  add(x) { this.items.push(x); }
  size() { return this.items.length - this.head; }
  take() {
    const x = this.items[this.head++];
    if (this.head > 64 && this.head * 2 > this.items.length) { this.items = this.items.slice(this.head); this.head = 0; }
    return x;
  }
}
class Kernel {
  constructor(processes) { this.processes = processes; this.levels = [new Queue(), new Queue(), new Queue(), new Queue()]; this.devices = []; this.clock = 0; this.switches = 0; }
  admit(id) { this.processes[id].readyAt = this.clock; this.levels[this.processes[id].level].add(id); }
  wake() {
    const still = [];
    for (const entry of this.devices) if (entry[0] <= this.clock) this.admit(entry[1]); else still.push(entry);
    this.devices = still;
  }
  pick() {
    for (const level of this.levels) if (level.size() > 0) return level.take();
    return -1;
  }
  runOne(id) {
    const p = this.processes[id];
    p.waited += this.clock - p.readyAt;
    if (p.left === 0) p.left = p.bursts[p.next];
    const quantum = 2 + 3 * p.level, spent = Math.min(quantum, p.left);
    this.clock += spent;
    this.switches++;
    p.left -= spent;
    if (p.left > 0) { if (p.level < 3) p.level++; this.admit(id); return false; }
    p.next++;
    if (p.next === p.bursts.length) { p.doneAt = this.clock; return true; }
    if (p.level > 0) p.level--;
    this.devices.push([this.clock + 3 + (id * 7 + p.next) % 11, id]);
    return false;
  }
}
function run(n, nBursts) {
  const processes = [];
  let seed = 9;
  for (let id = 0; id < n; id++) {
    const bursts = [];
    for (let k = 0; k < nBursts + id % 5; k++) { seed = (seed * 16807) % 2147483647; bursts.push(1 + seed % 13); }
    processes.push(new Process(id, bursts));
  }
  const kernel = new Kernel(processes);
  for (let id = 0; id < n; id++) kernel.admit(id);
  let nDone = 0, idle = 0;
  while (nDone < n) {
    kernel.wake();
    const id = kernel.pick();
    if (id < 0) { kernel.clock++; idle++; } else if (kernel.runOne(id)) nDone++;
  }
  let waited = 0;
  for (const p of kernel.processes) waited += p.waited;
  console.log(kernel.clock, kernel.switches, idle, waited);
}
run(40, 900);
run(200, 120);
