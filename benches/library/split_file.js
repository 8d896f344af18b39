const fs = require("fs");
const start = performance.now();
const all = fs.readFileSync(process.argv[2] + "/text200.txt", "utf8").split("\n");
if (all[all.length - 1] === "") all.pop();
let fields = 0;
for (const line of all) fields += line.split(" ").length;
console.error(((performance.now() - start) / 1000).toFixed(3));
console.log(fields);
