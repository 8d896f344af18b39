"use strict";
class Token { constructor(kind, text) { this.kind = kind; this.text = text; } }
class Expr { constructor(op, left = null, right = null, value = null) { this.op = op; this.left = left; this.right = right; this.value = value; } }
const PRECEDENCE = new Map([["or", 1], ["and", 2], ["=", 3], ["<", 3], [">", 3], ["+", 4], ["-", 4], ["*", 5], ["%", 5]]);
const isAlpha = (c) => (c >= "a" && c <= "z") || (c >= "A" && c <= "Z");
function scan(text) {
  const out = [], n = text.length;
  let i = 0;
  while (i < n) {
    const c = text[i];
    if (c === " ") i++;
    else if (isAlpha(c)) { let j = i; while (j < n && (isAlpha(text[j]) || text[j] === "_")) j++; out.push(new Token("word", text.substring(i, j))); i = j; }
    else if (c >= "0" && c <= "9") { let j = i; while (j < n && text[j] >= "0" && text[j] <= "9") j++; out.push(new Token("number", text.substring(i, j))); i = j; }
    else if (c === "'") { let j = i + 1; while (text[j] !== "'") j++; out.push(new Token("string", text.substring(i + 1, j))); i = j + 1; }
    else { out.push(new Token("op", c)); i++; }
  }
  out.push(new Token("end", ""));
  return out;
}
class Reader {
  constructor(tokens) { this.tokens = tokens; this.at = 0; }
  next() { return this.tokens[this.at++]; }
  primary() {
    const token = this.next();
    switch (token.kind) {
      case "number": return new Expr("value", null, null, parseInt(token.text));
      case "string": return new Expr("value", null, null, token.text);
      case "word": return token.text === "not" ? new Expr("not", this.primary()) : new Expr("field", null, null, token.text);
      default: { const inner = this.expression(1); this.at++; return inner; }
    }
  }
  expression(least) {
    let left = this.primary();
    for (;;) {
      const op = this.tokens[this.at].text, rank = PRECEDENCE.get(op) ?? 0;
      if (this.tokens[this.at].kind === "string" || rank < least) return left;
      this.at++;
      const right = this.expression(rank + 1);
      left = new Expr(op, left, right);
    }
  }
}
function evaluate(expr, row) {
  switch (expr.op) {
    case "value": return expr.value;
    case "field": return row[expr.value];
    case "and": return evaluate(expr.left, row) && evaluate(expr.right, row);
    case "or": return evaluate(expr.left, row) || evaluate(expr.right, row);
    case "not": return !evaluate(expr.left, row);
    case "=": return evaluate(expr.left, row) === evaluate(expr.right, row);
    case "<": return evaluate(expr.left, row) < evaluate(expr.right, row);
    case ">": return evaluate(expr.left, row) > evaluate(expr.right, row);
    case "+": return evaluate(expr.left, row) + evaluate(expr.right, row);
    case "-": return evaluate(expr.left, row) - evaluate(expr.right, row);
    case "*": return evaluate(expr.left, row) * evaluate(expr.right, row);
    default: return evaluate(expr.left, row) % evaluate(expr.right, row);
  }
}
function table(n) {
  const rows = [], names = ["ann", "bob", "cid", "dot", "eve"];
  let seed = 23;
  for (let i = 0; i < n; i++) {
    seed = (seed * 16807) % 2147483647;
    rows.push({ id: i, name: names[seed % 5], age: 18 + seed % 60, pay: 1000 + seed % 4000, dept: seed % 7 });
  }
  return rows;
}
function run(n) {
  const rows = table(n);
  const queries = ["age > 30 and age < 50 and name = 'bob'", "pay * 2 + age > 8000 or dept = 3", "not (dept = 1 or dept = 2) and pay % 10 = 7", "(age - 18) * dept > 100 and not name = 'eve'", "id % 3 = 1 and (pay < 2000 or pay > 4500)"];
  const out = [];
  for (const query of queries) {
    const reader = new Reader(scan(query)), tree = reader.expression(1);
    const found = rows.filter((row) => evaluate(tree, row));
    let sum = 0;
    for (const row of found) sum += row.pay;
    out.push(`${found.length}:${sum}`);
  }
  console.log(out.join(" "));
}
run(30000);
