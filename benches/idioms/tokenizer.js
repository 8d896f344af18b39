function tokens(s) { const out = []; let i = 0; const n = s.length;
  while (i < n) { const c = s[i];
    if (c === " ") i++;
    else if (c >= "0" && c <= "9") { let v = 0; while (i < n && s[i] >= "0" && s[i] <= "9") { v = v * 10 + parseInt(s[i]); i++; } out.push({ k: "num", value: v }); }
    else if (c === "(") { out.push({ k: "open" }); i++; }
    else if (c === ")") { out.push({ k: "close" }); i++; }
    else { out.push({ k: "op", text: c }); i++; } }
  out.push({ k: "end" }); return out; }
class Parser { constructor(t) { this.toks = t; this.pos = 0; }
  expr() { let v = this.term(); while (true) { const t = this.toks[this.pos];
    if (t.k === "op" && t.text === "+") { this.pos++; v = v + this.term(); }
    else if (t.k === "op" && t.text === "-") { this.pos++; v = v - this.term(); } else return v; } }
  term() { let v = this.factor(); while (true) { const t = this.toks[this.pos];
    if (t.k === "op" && t.text === "*") { this.pos++; v = v * this.factor() % 1000003; } else return v; } }
  factor() { const t = this.toks[this.pos]; this.pos++;
    if (t.k === "num") return t.value; if (t.k === "open") { const v = this.expr(); this.pos++; return v; } return 0; } }
let sum = 0; const text = "(1 + 23) * (45 - 6 * (7 + 8)) + 9 * 10 - (11 + (12 * 13)) * 14";
for (let i = 0; i < 20000; i++) { const p = new Parser(tokens(text)); sum = (sum + p.expr() + i) % 1000003; }
console.log(sum);
