"use strict";
class Sym { constructor(name) { this.name = name; } }
class Lambda { constructor(params, body, scope) { this.params = params; this.body = body; this.scope = scope; } }
class Scopes {
  constructor() { this.tables = [new Map()]; this.outers = [-1]; }
  add(outer) { this.tables.push(new Map()); this.outers.push(outer); return this.tables.length - 1; }
  find(scope, name) {
    for (let at = scope; at >= 0; at = this.outers[at]) if (this.tables[at].has(name)) return this.tables[at].get(name);
    throw new Error("unbound: " + name);
  }
}
function tokens(text) { return text.replaceAll("(", " ( ").replaceAll(")", " ) ").split(" ").filter((t) => t.length > 0); }
class Source {
  constructor(list) { this.tokens = list; this.at = 0; }
  form() {
    const token = this.tokens[this.at++];
    if (token === "(") {
      const list = [];
      while (this.tokens[this.at] !== ")") list.push(this.form());
      this.at++;
      return list;
    }
    const c = token[0];
    if (c >= "0" && c <= "9") return parseInt(token);
    return new Sym(token);
  }
}
const scopes = new Scopes();
function applyBuiltin(name, args) {
  switch (name) {
    case "+": return args[0] + args[1];
    case "-": return args[0] - args[1];
    case "*": return args[0] * args[1];
    case "mod": return args[0] % args[1];
    case "<": return args[0] < args[1];
    case "=": return args[0] === args[1];
    case "cons": return [args[0], args[1]];
    case "car": return args[0][0];
    case "cdr": return args[0][1];
    case "nil": return null;
    case "null?": return args[0] === null;
    default: throw new Error("not a function: " + name);
  }
}
function evaluate(form, scope) {
  if (typeof form === "number") return form;
  if (Array.isArray(form)) {
    const head = form[0];
    if (head instanceof Sym) {
      switch (head.name) {
        case "if": return evaluate(form[1], scope) ? evaluate(form[2], scope) : evaluate(form[3], scope);
        case "define": scopes.tables[scope].set(form[1].name, evaluate(form[2], scope)); return null;
        case "lambda": return new Lambda(form[1], form[2], scope);
        case "begin": { let last = null; for (let i = 1; i < form.length; i++) last = evaluate(form[i], scope); return last; }
      }
      if (BUILTINS.has(head.name)) {
        const args = [];
        for (let i = 1; i < form.length; i++) args.push(evaluate(form[i], scope));
        return applyBuiltin(head.name, args);
      }
    }
    const callee = evaluate(head, scope), inner = scopes.add(callee.scope);
    for (let i = 0; i < callee.params.length; i++) scopes.tables[inner].set(callee.params[i].name, evaluate(form[i + 1], scope));
    return evaluate(callee.body, inner);
  }
  return scopes.find(scope, form.name);
}
const BUILTINS = new Set(["+", "-", "*", "mod", "<", "=", "cons", "car", "cdr", "nil", "null?"]);
const PROGRAM = `(begin
  (define fib (lambda (n) (if (< n 2) n (+ (fib (- n 1)) (fib (- n 2))))))
  (define upto (lambda (n acc) (if (= n 0) acc (upto (- n 1) (cons n acc)))))
  (define fold (lambda (f list acc) (if (null? list) acc (fold f (cdr list) (f acc (car list))))))
  (define collatz (lambda (n steps) (if (= n 1) steps (collatz (if (= (mod n 2) 0) (half n 0) (+ (* 3 n) 1)) (+ steps 1)))))
  (define half (lambda (n k) (if (< n 2) k (half (- n 2) (+ k 1)))))
  (cons (fib 20) (cons (fold (lambda (a b) (mod (+ (* a 31) b) 10007)) (upto 400 (nil)) 7) (collatz 18 0))))`;
function run() {
  const source = new Source(tokens(PROGRAM.replaceAll("\n", " ")));
  const result = evaluate(source.form(), 0);
  console.log(result[0], result[1][0], result[1][1], scopes.tables.length);
}
run();
