"use strict";
class Writer {
  constructor() { this.lines = []; this.inList = false; this.inCode = false; this.paragraph = []; this.headings = []; }
  endBlocks() {
    if (this.paragraph.length > 0) { this.lines.push("<p>" + this.paragraph.join(" ") + "</p>"); this.paragraph = []; }
    if (this.inList) { this.lines.push("</ul>"); this.inList = false; }
  }
  add(line) {
    if (line.startsWith("```")) {
      this.endBlocks();
      if (this.inCode) this.lines.push("</pre>"); else this.lines.push("<pre>");
      this.inCode = !this.inCode;
      return;
    }
    if (this.inCode) { this.lines.push(escaped(line)); return; }
    const text = line.trim();
    if (text === "") this.endBlocks();
    else if (text.startsWith("#")) {
      this.endBlocks();
      let level = 0;
      while (text[level] === "#") level++;
      const title = text.substring(level).trim();
      this.headings.push(`${level}:${title}`);
      this.lines.push(`<h${level}>` + spans(title) + `</h${level}>`);
    } else if (text.startsWith("- ")) {
      if (!this.inList) { this.endBlocks(); this.lines.push("<ul>"); this.inList = true; }
      this.lines.push("<li>" + spans(text.substring(2)) + "</li>");
    } else this.paragraph.push(spans(text));
  }
}
function escaped(text) {
  let out = "";
  for (const c of text) {
    switch (c) {
      case "<": out += "&lt;"; break;
      case ">": out += "&gt;"; break;
      case "&": out += "&amp;"; break;
      default: out += c;
    }
  }
  return out;
}
function spans(text) {
  let out = "", bold = false, slant = false, i = 0;
  const n = text.length;
  while (i < n) {
    const c = text[i];
    if (c === "*" && i + 1 < n && text[i + 1] === "*") { out += bold ? "</b>" : "<b>"; bold = !bold; i++; }
    else if (c === "*") { out += slant ? "</i>" : "<i>"; slant = !slant; }
    else if (c === "[") {
      const close = text.indexOf("](");
      if (close > i) {
        const rest = text.substring(close + 2), end = rest.indexOf(")");
        out += "<a href='" + rest.substring(0, end) + "'>" + text.substring(i + 1, close) + "</a>";
        i = close + 2 + end;
      } else out += c;
    } else if (c === "<") out += "&lt;"; else out += c;
    i++;
  }
  return out;
}
function source(n) {
  const lines = [];
  for (let i = 0; i < n; i++) {
    lines.push(`## Part ${i} of *many*`, "", `Some **bold words** and *slanted ones*, a < b, and [a link](http://x/${i % 17}) in line ${i}.`,
      "The paragraph goes on with plain text for a while, as paragraphs do, until it ends.", "");
    for (let k = 0; k < i % 4; k++) lines.push(`- point ${k} with **weight**`);
    if (i % 5 === 0) lines.push("```", "if a < b && b > c { print(a & b) }", "```");
  }
  return lines;
}
function run(n) {
  const lines = source(n);
  let size = 0, sum = 0;
  for (let round = 0; round < 3; round++) {
    const writer = new Writer();
    for (const line of lines) writer.add(line);
    writer.endBlocks();
    const html = writer.lines.join("\n");
    size += html.length;
    sum += writer.headings.length;
    for (const word of html.split(" ")) if (word.startsWith("<")) sum++;
  }
  console.log(size, sum);
}
run(1500);
