"use strict";
const N = 60;
class Reader {
  constructor(text) { this.text = text; this.at = 0; }
  skip() {
    while (this.at < this.text.length) {
      const c = this.text[this.at];
      if (c !== " " && c !== "\n") break;
      this.at++;
    }
  }
  value() {
    this.skip();
    const c = this.text[this.at];
    switch (c) {
      case "{": return this.object();
      case "[": return this.list();
      case "\"": return this.string();
      case "t": this.at += 4; return true;
      case "f": this.at += 5; return false;
      case "n": this.at += 4; return null;
      default: return this.number();
    }
  }
  object() {
    const out = new Map();
    this.at++;
    this.skip();
    while (this.text[this.at] !== "}") {
      this.skip();
      const key = this.string();
      this.skip();
      this.at++;
      out.set(key, this.value());
      this.skip();
      if (this.text[this.at] === ",") this.at++;
    }
    this.at++;
    return out;
  }
  list() {
    const out = [];
    this.at++;
    this.skip();
    while (this.text[this.at] !== "]") {
      out.push(this.value());
      this.skip();
      if (this.text[this.at] === ",") this.at++;
    }
    this.at++;
    return out;
  }
  string() {
    this.at++;
    let out = "";
    while (this.text[this.at] !== "\"") {
      if (this.text[this.at] === "\\") {
        this.at++;
        const c = this.text[this.at];
        if (c === "n") out += "\n"; else out += c;
      } else out += this.text[this.at];
      this.at++;
    }
    this.at++;
    return out;
  }
  number() {
    const begin = this.at;
    let isFloat = false;
    while (this.at < this.text.length) {
      const c = this.text[this.at];
      if (c === ".") isFloat = true; else if ((c < "0" || c > "9") && c !== "-") break;
      this.at++;
    }
    const digits = this.text.substring(begin, this.at);
    return isFloat ? parseFloat(digits) : parseInt(digits);
  }
}
function quoted(text) {
  let out = "\"";
  for (const c of text) {
    switch (c) {
      case "\"": out += "\\\""; break;
      case "\\": out += "\\\\"; break;
      case "\n": out += "\\n"; break;
      default: out += c;
    }
  }
  return out + "\"";
}
function written(value) {
  if (value instanceof Map) {
    const parts = [];
    for (const [key, content] of value) parts.push(quoted(key) + ":" + written(content));
    return "{" + parts.join(",") + "}";
  }
  if (Array.isArray(value)) return "[" + value.map(written).join(",") + "]";
  if (typeof value === "string") return quoted(value);
  if (value === null) return "null";
  return String(value);
}
function sample(n) {
  const rows = [];
  let seed = 3;
  for (let i = 0; i < n; i++) {
    seed = (seed * 16807) % 2147483647;
    rows.push(new Map([
      ["id", i], ["name", `item "${seed % 97}"`], ["tags", [`a${seed % 7}`, `b\n${seed % 5}`]],
      ["price", seed % 10000 / 4], ["stock", new Map([["here", seed % 50], ["there", null], ["open", seed % 2 === 0]])],
    ]));
  }
  return rows;
}
function run(n) {
  let text = written(new Map([["rows", sample(300)], ["ok", true]]));
  let size = 0, here = 0, open = 0;
  const tags = new Map();
  for (let round = 0; round < n; round++) {
    const reader = new Reader(text);
    const root = reader.value();
    for (const row of root.get("rows")) {
      here += row.get("stock").get("here");
      if (row.get("stock").get("open")) open++;
      for (const tag of row.get("tags")) tags.set(tag, (tags.get(tag) ?? 0) + 1);
    }
    text = written(root);
    size += text.length;
  }
  console.log(size, here, open, tags.size, tags.get("a3"));
}
run(N);
