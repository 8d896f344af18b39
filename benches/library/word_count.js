const fs = require("fs");
const start = performance.now();
const counts = new Map();
for (const word of fs.readFileSync(process.argv[2] + "/text50.txt", "utf8").split(/\s+/)) {
  if (word !== "") counts.set(word, (counts.get(word) || 0) + 1);
}
console.error(((performance.now() - start) / 1000).toFixed(3));
let most = 0;
for (const n of counts.values()) most = Math.max(most, n);
console.log(counts.size, most);
