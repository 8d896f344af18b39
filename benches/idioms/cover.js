"use strict";
class Links {
  constructor(n) {
    const all = Array.from({ length: n + 1 }, (_, i) => i);
    this.left = all.map((i) => (i + n) % (n + 1)); this.right = all.map((i) => (i + 1) % (n + 1));
    this.up = all.slice(); this.down = all.slice(); this.column = all.slice(); this.size = new Array(n + 1).fill(0);
    this.nFound = 0; this.nSteps = 0;
  }
  hide(c) {
    this.right[this.left[c]] = this.right[c];
    this.left[this.right[c]] = this.left[c];
    for (let i = this.down[c]; i !== c; i = this.down[i]) for (let j = this.right[i]; j !== i; j = this.right[j]) {
      this.down[this.up[j]] = this.down[j];
      this.up[this.down[j]] = this.up[j];
      this.size[this.column[j]]--;
    }
  }
  show(c) {
    for (let i = this.up[c]; i !== c; i = this.up[i]) for (let j = this.left[i]; j !== i; j = this.left[j]) {
      this.size[this.column[j]]++;
      this.down[this.up[j]] = j;
      this.up[this.down[j]] = j;
    }
    this.right[this.left[c]] = c;
    this.left[this.right[c]] = c;
  }
  search() {
    this.nSteps++;
    let c = this.right[0];
    if (c === 0) { this.nFound++; return; }
    let best = c;
    while (c !== 0) { if (this.size[c] < this.size[best]) best = c; c = this.right[c]; }
    if (this.size[best] === 0) return;
    this.hide(best);
    for (let r = this.down[best]; r !== best; r = this.down[r]) {
      for (let j = this.right[r]; j !== r; j = this.right[j]) this.hide(this.column[j]);
      this.search();
      for (let j = this.left[r]; j !== r; j = this.left[j]) this.show(this.column[j]);
    }
    this.show(best);
  }
  addRow(columns) {
    const first = this.left.length;
    for (let k = 0; k < columns.length; k++) {
      const c = columns[k] + 1, at = first + k;
      this.left.push(k === 0 ? first + columns.length - 1 : at - 1);
      this.right.push(k + 1 === columns.length ? first : at + 1);
      this.up.push(this.up[c]);
      this.down.push(c);
      this.column.push(c);
      this.down[this.up[c]] = at;
      this.up[c] = at;
      this.size[c]++;
    }
  }
}
const SHAPES = [[[0, 0], [0, 1]], [[0, 0], [1, 0]], [[0, 0], [0, 1], [1, 0]], [[0, 0], [0, 1], [1, 1]], [[0, 0], [1, 0], [1, 1]], [[0, 1], [1, 0], [1, 1]]];
function run(height, width) {
  const links = new Links(height * width);
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) for (const shape of SHAPES) {
    const cells = [];
    for (const [dy, dx] of shape) if (y + dy < height && x + dx < width) cells.push((y + dy) * width + x + dx);
    if (cells.length === shape.length) links.addRow(cells);
  }
  links.search();
  console.log(links.nFound, links.nSteps);
}
run(5, 6);
