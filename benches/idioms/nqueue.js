class Event { constructor(time, kind, who) { this.time = time; this.kind = kind; this.who = who; } }
class Heap {
  constructor() { this.items = []; }
  push(e) { this.items.push(e); let i = this.items.length - 1;
    while (i > 0) { const up = (i - 1) >> 1; if (this.items[up].time <= this.items[i].time) break;
      const t = this.items[up]; this.items[up] = this.items[i]; this.items[i] = t; i = up; } }
  popMin() { const top = this.items[0]; const last = this.items.pop(); const n = this.items.length;
    if (n > 0) { this.items[0] = last; let i = 0;
      while (true) { const l = 2 * i + 1; if (l >= n) break; let m = l;
        if (l + 1 < n && this.items[l + 1].time < this.items[l].time) m = l + 1;
        if (this.items[i].time <= this.items[m].time) break;
        const t = this.items[m]; this.items[m] = this.items[i]; this.items[i] = t; i = m; } }
    return top; }
}
function run(n) {
  const h = new Heap(); let seed = 42;
  for (let i = 0; i < 200; i++) { seed = (seed * 16807) % 2147483647; h.push(new Event(seed % 1000, "arrive", i)); }
  let arrived = 0, left = 0, clock = 0;
  for (let s = 0; s < n; s++) { const e = h.popMin(); clock = e.time; seed = (seed * 16807) % 2147483647;
    if (e.kind === "arrive") { arrived++; h.push(new Event(clock + seed % 50 + 1, "leave", e.who)); }
    else { left++; h.push(new Event(clock + seed % 80 + 1, "arrive", e.who)); } }
  console.log(arrived, left, clock);
}
run(1000000);
