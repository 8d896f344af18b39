function tokens(text) {
    const out = [], n = text.length
    let i = 0
    while (i < n) {
        const c = text[i], start = i
        if (c == " ") { i++; continue }
        if (c >= "0" && c <= "9") {
            while (i < n && text[i] >= "0" && text[i] <= "9") i++
            out.push({ kind: "number", text: text.substring(start, i) })
        } else if (c >= "a" && c <= "z") {
            while (i < n && text[i] >= "a" && text[i] <= "z") i++
            out.push({ kind: "name", text: text.substring(start, i) })
        } else { i++; out.push({ kind: "sign", text: c }) }
    }
    out.push({ kind: "end", text: "" })
    return out
}
const POWER = new Map([["<", 1], ["+", 2], ["-", 2], ["*", 3], ["%", 3]])
class Parser {
    constructor(tokens) { this.tokens = tokens; this.at = 0 }
    choice() {
        const test = this.binary(1)
        if (this.tokens[this.at].text != "?") return test
        this.at++
        const yes = this.choice()
        this.at++
        return { kind: "choice", test, yes, no: this.choice() }
    }
    binary(least) {
        let left = this.primary()
        for (;;) {
            const op = this.tokens[this.at].text, power = POWER.get(op) ?? 0
            if (power < least) return left
            this.at++
            left = folded(op, left, this.binary(power + 1))
        }
    }
    primary() {
        const token = this.tokens[this.at++]
        switch (token.kind) {
            case "number": return { kind: "num", value: parseInt(token.text) }
            case "name": return { kind: "var", name: token.text }
            default: { const inner = this.choice(); this.at++; return inner }
        }
    }
}
function calculate(op, a, b) {
    switch (op) {
        case "+": return a + b
        case "-": return a - b
        case "*": return a * b % 1000003
        case "%": return a % b
        default: return a < b ? 1 : 0
    }
}
function folded(op, left, right) {
    if (left.kind == "num" && right.kind == "num") return { kind: "num", value: calculate(op, left.value, right.value) }
    return { kind: "binary", op, left, right }
}
class Code {
    constructor() { this.ops = []; this.args = []; this.slots = new Map() }
    emit(op, arg) { this.ops.push(op); this.args.push(arg); return this.ops.length - 1 }
    compile(node) {
        switch (node.kind) {
            case "num": this.emit("push", node.value); break
            case "var":
                if (!this.slots.has(node.name)) this.slots.set(node.name, this.slots.size)
                this.emit("load", this.slots.get(node.name))
                break
            case "binary": this.compile(node.left); this.compile(node.right); this.emit(node.op, 0); break
            default: {
                this.compile(node.test)
                const other = this.emit("unless", 0)
                this.compile(node.yes)
                const end = this.emit("jump", 0)
                this.args[other] = this.ops.length
                this.compile(node.no)
                this.args[end] = this.ops.length
            }
        }
    }
    run(values) {
        const stack = new Array(32).fill(0)
        let top = 0, pc = 0
        while (pc < this.ops.length) {
            const op = this.ops[pc], arg = this.args[pc]
            pc++
            switch (op) {
                case "push": stack[top++] = arg; break
                case "load": stack[top++] = values[arg]; break
                case "unless": top--; if (stack[top] == 0) pc = arg; break
                case "jump": pc = arg; break
                default: top--; stack[top - 1] = calculate(op, stack[top - 1], stack[top])
            }
        }
        return stack[0]
    }
}
const texts = ["a * 3 + b % 7 - (2 + 5) * c", "a < b ? a * b + 17 * 4 : b - a + c * c", "(a + b) * (b + c) * (c + a) % 9973",
    "a % 5 < 3 ? (b < c ? 1 : 2) + a : (c < a ? 30 * 2 : 40) - b", "((a + 1) * (a + 2) + (b + 3) * (b + 4)) % 911 + 3 * 3 * 3"]
let nOps = 0
for (let round = 0; round < 400; round++) for (const text of texts) {
    const code = new Code()
    code.compile(new Parser(tokens(text)).choice())
    nOps += code.ops.length
}
let sum = 0
for (const text of texts) {
    const code = new Code()
    code.compile(new Parser(tokens(text)).choice())
    for (let i = 0; i < 6000; i++) sum = (sum * 31 + code.run([i % 101, i % 37, i % 53])) % 1000003
}
console.log(nOps, sum)
