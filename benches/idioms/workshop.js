"use strict";
const N = 3000;
class Operation { constructor(job, machine, length) { this.job = job; this.machine = machine; this.length = length; this.rank = 0; this.nOpen = 0; this.begin = -1; } }
class Machine { constructor(name) { this.name = name; this.busyUntil = 0; this.worked = 0; this.ready = []; } }
function makeJobs(n) {
  const operations = [], follow = [];
  let seed = 5;
  for (let job = 0; job < n; job++) {
    const nSteps = 3 + job % 6;
    for (let step = 0; step < nSteps; step++) {
      seed = (seed * 16807) % 2147483647;
      operations.push(new Operation(job, seed % 12, 1 + seed % 23));
      follow.push([]);
      const id = operations.length - 1;
      if (step > 0) { follow[id - 1].push(id); operations[id].nOpen++; }
      if (seed % 5 === 0 && id > 40) { const other = id - 10 - seed % 30; follow[other].push(id); operations[id].nOpen++; }
    }
  }
  return [operations, follow];
}
function rankAll(operations, follow) {
  for (let id = operations.length - 1; id >= 0; id--) {
    let longest = 0;
    for (const next of follow[id]) longest = Math.max(longest, operations[next].rank);
    operations[id].rank = longest + operations[id].length;
  }
  return operations;
}
function pick(machine, operations) {
  let best = 0;
  for (let i = 1; i < machine.ready.length; i++) {
    const a = operations[machine.ready[i]], b = operations[machine.ready[best]];
    if (a.rank > b.rank || (a.rank === b.rank && a.job < b.job)) best = i;
  }
  return best;
}
function run(n) {
  let [operations, follow] = makeJobs(n);
  operations = rankAll(operations, follow);
  const machines = [];
  for (let i = 0; i < 12; i++) machines.push(new Machine("M" + i));
  let running = [];
  for (let id = 0; id < operations.length; id++) if (operations[id].nOpen === 0) machines[operations[id].machine].ready.push(id);
  let now = 0, nDone = 0;
  while (nDone < operations.length) {
    for (const m of machines) {
      if (m.busyUntil <= now && m.ready.length > 0) {
        const at = pick(m, operations), id = m.ready[at], last = m.ready.pop();
        if (at < m.ready.length) m.ready[at] = last;
        operations[id].begin = now;
        m.busyUntil = now + operations[id].length;
        m.worked += operations[id].length;
        running.push(id);
      }
    }
    let soonest = 1000000000;
    for (const m of machines) if (m.busyUntil > now) soonest = Math.min(soonest, m.busyUntil);
    now = soonest;
    const still = [];
    for (const id of running) {
      if (operations[id].begin + operations[id].length > now) { still.push(id); continue; }
      nDone++;
      for (const next of follow[id]) {
        operations[next].nOpen--;
        if (operations[next].nOpen === 0) machines[operations[next].machine].ready.push(next);
      }
    }
    running = still;
  }
  let begun = 0;
  for (const operation of operations) begun = (begun * 7 + operation.begin) % 1000003;
  console.log(now, begun);
  console.log(machines.map((m) => m.name + "=" + m.worked).join(" "));
}
run(N);
