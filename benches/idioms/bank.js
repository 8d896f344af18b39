"use strict";
const N = 150000;
class Event { constructor(at, kind, who) { this.at = at; this.kind = kind; this.who = who; } }
class Customer { constructor(id, came, patience) { this.id = id; this.came = came; this.patience = patience; this.served = false; this.left = false; } }
class Agenda {
  constructor() { this.heap = []; }
  isBefore(i, j) {
    const a = this.heap[i], b = this.heap[j];
    if (a.at !== b.at) return a.at < b.at;
    return a.who < b.who;
  }
  add(event) {
    this.heap.push(event);
    let i = this.heap.length - 1;
    while (i > 0) {
      const up = (i - 1) >> 1;
      if (!this.isBefore(i, up)) break;
      const held = this.heap[i]; this.heap[i] = this.heap[up]; this.heap[up] = held;
      i = up;
    }
  }
  next() {
    const top = this.heap[0], last = this.heap.pop(), n = this.heap.length;
    if (n > 0) {
      this.heap[0] = last;
      let i = 0;
      for (;;) {
        let small = i;
        for (const child of [2 * i + 1, 2 * i + 2]) if (child < n && this.isBefore(child, small)) small = child;
        if (small === i) break;
        const held = this.heap[i]; this.heap[i] = this.heap[small]; this.heap[small] = held;
        i = small;
      }
    }
    return top;
  }
}
class Bank {
  constructor(free) { this.free = free; this.line = []; this.head = 0; this.nServed = 0; this.nGone = 0; this.waited = 0; }
  admit(who) { this.line.push(who); }
  firstWaiting(customers) {
    while (this.head < this.line.length) {
      const who = this.line[this.head++];
      if (!customers[who].left) return who;
    }
    return -1;
  }
}
function simulate(n) {
  const customers = [], agenda = new Agenda(), bank = new Bank(3);
  let seed = 2024, at = 0;
  for (let id = 0; id < n; id++) {
    seed = (seed * 16807) % 2147483647;
    at += seed % 9;
    customers.push(new Customer(id, at, 30 + seed % 60));
    agenda.add(new Event(at, "come", id));
  }
  while (agenda.heap.length > 0) {
    const event = agenda.next(), now = event.at;
    if (event.kind === "come") {
      bank.admit(event.who);
      agenda.add(new Event(now + customers[event.who].patience, "give up", event.who));
    } else if (event.kind === "done") {
      bank.free++;
    } else if (!customers[event.who].served && !customers[event.who].left) {
      customers[event.who].left = true;
      bank.nGone++;
    }
    while (bank.free > 0) {
      const who = bank.firstWaiting(customers);
      if (who < 0) break;
      customers[who].served = true;
      bank.free--; bank.nServed++;
      bank.waited += now - customers[who].came;
      seed = (seed * 16807) % 2147483647;
      agenda.add(new Event(now + 5 + seed % 17, "done", who));
    }
  }
  console.log(bank.nServed, bank.nGone, bank.waited);
}
simulate(N);
