function caesar(s, k) { let out = ""; for (const c of s) { const o = c.charCodeAt(0); if (o >= 97 && o <= 122) out += String.fromCharCode((o - 97 + k) % 26 + 97); else out += c; } return out; }
function rle(s) { const out = []; let i = 0; const n = s.length; while (i < n) { let j = i; while (j < n && s[j] === s[i]) j++; out.push(`${s[i]}${j - i}`); i = j; } return out.join(""); }
function run(n) { const base = "the quick brown fox jumps over the lazy dog while aaa bbb cccc count words"; const freq = new Map(); let total = 0;
  for (let i = 0; i < n; i++) { const t = caesar(base, i % 26); for (const w of t.split(" ")) freq.set(w, (freq.get(w) ?? 0) + 1); total += rle(t).length; }
  let best = ""; for (const k of freq.keys()) if (best === "" || freq.get(k) > freq.get(best)) best = k; console.log(total, freq.size, best); }
run(20000);
