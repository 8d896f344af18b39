class Ins { constructor(op, arg) { this.op = op; this.arg = arg; } }
function run(limit) { const I = (o, a = 0) => new Ins(o, a);
  const prog = [I("push"), I("store"), I("push"), I("store", 1), I("load"), I("push", limit), I("lt"), I("jz", 20), I("load", 1), I("load"), I("mul3"), I("add"), I("push", 1000003), I("mod"), I("store", 1), I("load"), I("push", 1), I("add"), I("store"), I("jmp", 4), I("halt")];
  const stack = [], mem = [0, 0]; let pc = 0, steps = 0, a, b;
  loop: while (true) { const ins = prog[pc]; pc++; steps++;
    switch (ins.op) { case "push": stack.push(ins.arg); break; case "load": stack.push(mem[ins.arg]); break; case "store": mem[ins.arg] = stack.pop(); break;
      case "add": b = stack.pop(); a = stack.pop(); stack.push(a + b); break; case "mul3": a = stack.pop(); stack.push(a * 3); break; case "mod": b = stack.pop(); a = stack.pop(); stack.push(a % b); break;
      case "lt": b = stack.pop(); a = stack.pop(); stack.push(a < b); break; case "jz": if (!stack.pop()) pc = ins.arg; break; case "jmp": pc = ins.arg; break; default: break loop; } }
  console.log(mem[1], steps); }
run(300000);
