function splitFields(line) {
    const fields = []
    let field = "", quoted = false
    for (const c of line) {
        if (c == '"') quoted = !quoted
        else if (c == "," && !quoted) { fields.push(field); field = "" }
        else field += c
    }
    fields.push(field)
    return fields
}
function cents(text) {
    let sum = 0, digits = -1, sign = 1
    for (const c of text) {
        if (c == "-") sign = -1
        else if (c == ".") digits = 0
        else if (c >= "0" && c <= "9") { sum = sum * 10 + c.charCodeAt(0) - 48; if (digits >= 0) digits++ }
        else return null
    }
    return digits != 2 ? null : sign * sum
}
const two = n => n < 10 ? `0${n}` : `${n}`
class Ledger {
    constructor() { this.accounts = new Map(); this.bad = 0 }
    book(line) {
        const fields = splitFields(line)
        if (fields.length != 4) { this.bad++; return }
        const amount = cents(fields[2])
        if (amount == null) { this.bad++; return }
        if (!this.accounts.has(fields[1])) this.accounts.set(fields[1], { sums: new Array(12).fill(0), n: 0, most: 0, open: 0 })
        const account = this.accounts.get(fields[1])
        account.sums[(fields[0].charCodeAt(5) - 48) * 10 + fields[0].charCodeAt(6) - 49] += amount
        account.n++
        account.most = Math.max(account.most, amount)
        if (fields[3] == "open") account.open++
    }
}
function run(n) {
    const names = ["rent", '"food, drink"', "wages", "travel", "books", '"gifts"', "repairs", "energy"], lines = []
    let seed = 17
    for (let i = 0; i < n; i++) {
        seed = (seed * 16807) % 2147483647
        let line = `2026-${two(1 + seed % 12)}-${two(1 + seed % 28)},`
        line += names[Math.trunc(seed / 7) % 8]
        const amount = seed % 90000
        line += seed % 13 == 0 ? ",-" : ","
        line += `${Math.trunc(amount / 100)}.${two(amount % 100)},`
        line += seed % 5 == 0 ? "open" : "paid"
        if (seed % 41 == 0) line += ",x"
        lines.push(line)
    }
    const ledger = new Ledger()
    for (const line of lines) ledger.book(line)
    const report = []
    for (const name of [...ledger.accounts.keys()].sort()) {
        const a = ledger.accounts.get(name)
        let best = 0
        for (let m = 0; m < 12; m++) if (a.sums[m] > a.sums[best]) best = m
        report.push(`${name}: ${a.n} ${a.open} ${a.most} ${best + 1} ${a.sums[best]}`)
    }
    console.log(report.join("\n"))
    console.log(ledger.bad)
}
run(30000)
