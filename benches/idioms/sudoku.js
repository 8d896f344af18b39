"use strict";
const ROUNDS = 8;
class Grid {
  constructor() { this.cells = new Array(81).fill(0); this.rows = new Array(9).fill(0); this.columns = new Array(9).fill(0); this.boxes = new Array(9).fill(0); this.nTried = 0; }
  place(at, digit) {
    const bit = 1 << digit, row = Math.floor(at / 9), column = at % 9;
    this.cells[at] = digit;
    this.rows[row] |= bit; this.columns[column] |= bit;
    this.boxes[Math.floor(row / 3) * 3 + Math.floor(column / 3)] |= bit;
  }
  clear(at) {
    const bit = 1 << this.cells[at], row = Math.floor(at / 9), column = at % 9;
    this.cells[at] = 0;
    this.rows[row] ^= bit; this.columns[column] ^= bit;
    this.boxes[Math.floor(row / 3) * 3 + Math.floor(column / 3)] ^= bit;
  }
  free(at) {
    const row = Math.floor(at / 9), column = at % 9;
    const used = this.rows[row] | this.columns[column] | this.boxes[Math.floor(row / 3) * 3 + Math.floor(column / 3)];
    return 1022 & (1023 ^ used);
  }
  solve() {
    let best = -1, fewest = 10, choice = 0;
    for (let at = 0; at < 81; at++) {
      if (this.cells[at] === 0) {
        const free = this.free(at), n = bits(free);
        if (n < fewest) { best = at; fewest = n; choice = free; if (n <= 1) break; }
      }
    }
    if (best < 0) return true;
    for (let digit = 1; digit < 10; digit++) {
      if ((choice & (1 << digit)) !== 0) {
        this.nTried++;
        this.place(best, digit);
        if (this.solve()) return true;
        this.clear(best);
      }
    }
    return false;
  }
}
function bits(word) { let n = 0; while (word !== 0) { word &= word - 1; n++; } return n; }
function read(text) {
  const grid = new Grid();
  let at = 0;
  for (const c of text) { if (c !== ".") grid.place(at, parseInt(c)); at++; }
  return grid;
}
const PUZZLES = [
  "4.....8.5.3..........7......2.....6.....8.4......1.......6.3.7.5..2.....1.4......",
  "52...6.........7.13...........4..8..6......5...........418.........3..2...87.....",
  "6.....8.3.4.7.................5.4.7.3..2.....1.6.......2.....5.....8.6......1....",
  "48.3............71.2.......7.5....6....2..8.............1.76...3.....4......5....",
  "..............3.85..1.2.......5.7.....4...1...9.......5......73..2.1........4...9",
];
let total = 0, tried = 0;
for (let round = 0; round < ROUNDS; round++) {
  for (let i = 0; i < PUZZLES.length - 1; i++) {
    const grid = read(PUZZLES[i]);
    if (!grid.solve()) console.log("no solution");
    tried += grid.nTried;
    for (let at = 0; at < 81; at++) total = (total * 31 + grid.cells[at]) % 1000003;
  }
}
console.log(total, tried);
