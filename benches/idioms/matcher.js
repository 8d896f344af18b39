"use strict";
class PatternText {
  constructor(text) { this.text = text; this.at = 0; }
  peek() { return this.at < this.text.length ? this.text[this.at] : ""; }
  alternatives() {
    const left = this.sequence();
    if (this.peek() === "|") { this.at++; return { kind: "Alt", a: left, b: this.alternatives() }; }
    return left;
  }
  sequence() {
    if (this.peek() === "" || this.peek() === ")" || this.peek() === "|") return { kind: "Empty" };
    const first = this.repeated();
    return { kind: "Seq", a: first, b: this.sequence() };
  }
  repeated() {
    let node = this.atom();
    for (;;) {
      switch (this.peek()) {
        case "*": node = { kind: "Star", a: node }; break;
        case "+": node = { kind: "Plus", a: node }; break;
        case "?": node = { kind: "Maybe", a: node }; break;
        default: return node;
      }
      this.at++;
    }
  }
  atom() {
    const c = this.peek();
    this.at++;
    if (c === "(") { const inner = this.alternatives(); this.at++; return inner; }
    if (c === ".") return { kind: "Any" };
    return { kind: "Char", c };
  }
}
class Automaton {
  constructor() { this.on = []; this.to = []; this.also = []; }
  state(on, to, also) { this.on.push(on); this.to.push(to); this.also.push(also); return this.on.length - 1; }
  build(node, next) {
    switch (node.kind) {
      case "Char": return this.state(node.c, next, -1);
      case "Any": return this.state("any", next, -1);
      case "Empty": return next;
      case "Seq": { const behind = this.build(node.b, next); return this.build(node.a, behind); }
      case "Alt": { const left = this.build(node.a, next), right = this.build(node.b, next); return this.state("", left, right); }
      case "Maybe": { const inner = this.build(node.a, next); return this.state("", inner, next); }
      case "Star": { const fork = this.state("", -1, next); this.to[fork] = this.build(node.a, fork); return fork; }
      case "Plus": { const fork = this.state("", -1, next), begin = this.build(node.a, fork); this.to[fork] = begin; return begin; }
    }
  }
}
function follow(machine, state, stamp, marks, list) {
  const stack = [state];
  while (stack.length > 0) {
    const s = stack.pop();
    if (marks[s] === stamp) continue;
    marks[s] = stamp;
    if (machine.on[s] === "") {
      if (machine.also[s] >= 0) stack.push(machine.also[s]);
      stack.push(machine.to[s]);
    } else list.push(s);
  }
}
function matches(machine, start, word) {
  const marks = new Array(machine.on.length).fill(0);
  let stamp = 1, now = [];
  follow(machine, start, stamp, marks, now);
  for (const c of word) {
    stamp++;
    const next = [];
    for (const s of now) if (machine.on[s] === c || machine.on[s] === "any") follow(machine, machine.to[s], stamp, marks, next);
    now = next;
  }
  for (const s of now) if (machine.on[s] === "end") return true;
  return false;
}
function run(n) {
  const patterns = ["a*b", "(ab|ba)+c?", "a.*d", "(a|b|c)*dd", "x?y?(ab*c)+", "((a|b)(c|d))*", "a(b(c(d)?)*)*"];
  const letters = ["a", "b", "c", "d"], counts = [];
  let seed = 13;
  for (const pattern of patterns) {
    const tree = new PatternText(pattern).alternatives(), machine = new Automaton();
    const end = machine.state("end", -1, -1), start = machine.build(tree, end);
    let found = 0;
    for (let i = 0; i < n; i++) {
      let word = "";
      seed = (seed * 16807) % 2147483647;
      let bits = seed;
      for (let k = 0; k < 3 + seed % 10; k++) { word += letters[bits % 4]; bits = Math.floor(bits / 4); }
      if (matches(machine, start, word)) found++;
    }
    counts.push(found);
  }
  console.log("[" + counts.join(", ") + "]");
}
run(20000);
