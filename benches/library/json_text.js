const fs = require("fs");
const text = fs.readFileSync(process.argv[2] + "/data.json", "utf8");
const start = performance.now();
const value = JSON.parse(text);
const out = JSON.stringify(value);
console.error(((performance.now() - start) / 1000).toFixed(3));
console.log(value.length, out.length > 0);
