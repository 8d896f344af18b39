const fs = require("fs");
const text = fs.readFileSync(process.argv[2] + "/text50.txt", "utf8");
const start = performance.now();
const n = (text.match(/[a-z]+ing [0-9]+|q[a-z]*z/g) || []).length;
console.error(((performance.now() - start) / 1000).toFixed(3));
console.log(n);
