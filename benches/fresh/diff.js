function script(a, b) {
    const n = a.length, m = b.length, most = n + m, history = []
    let furthest = new Array(2 * most + 2).fill(0)
    outer: for (let d = 0; d <= most; d++) {
        history.push(furthest.slice())
        for (let k = -d; k <= d; k += 2) {
            let x = k == -d || k != d && furthest[most + k - 1] < furthest[most + k + 1] ? furthest[most + k + 1] : furthest[most + k - 1] + 1
            let y = x - k
            while (x < n && y < m && a[x] == b[y]) { x++; y++ }
            furthest[most + k] = x
            if (x >= n && y >= m) break outer
        }
    }
    const edits = []
    let x = n, y = m
    for (let d = history.length - 1; d >= 0; d--) {
        const before = history[d], k = x - y
        const prev = k == -d || k != d && before[most + k - 1] < before[most + k + 1] ? k + 1 : k - 1
        const px = before[most + prev], py = px - prev
        while (x > px && y > py) { x--; y--; edits.push({ kind: "same", line: a[x] }) }
        if (d > 0) edits.push(x == px ? { kind: "add", line: b[py] } : { kind: "drop", line: a[px] })
        x = px; y = py
    }
    return edits.reverse()
}
const applied = edits => edits.filter(e => e.kind != "drop").map(e => e.line)
function run(n, changes, seed) {
    const words = ["let", "x", "be", "if", "then", "else", "y", "return", "call", "end"], a = []
    for (let i = 0; i < n; i++) {
        seed = (seed * 16807) % 2147483647
        a.push(words[seed % 10] + " " + words[Math.trunc(seed / 10) % 10])
    }
    const b = a.slice()
    for (let c = 0; c < changes; c++) {
        seed = (seed * 16807) % 2147483647
        const at = seed % b.length, word = words[Math.trunc(seed / 3) % 10]
        if (seed % 3 == 0) b.splice(at, 0, word)
        else if (seed % 3 == 1) b.splice(at, 1)
        else b[at] = word + "!"
    }
    const edits = script(a, b), out = applied(edits)
    let added = 0, dropped = 0
    for (const e of edits) { if (e.kind == "add") added++; else if (e.kind == "drop") dropped++ }
    console.log(edits.length, added, dropped, String(out.length == b.length && out.every((line, i) => line == b[i])))
}
run(700, 60, 5)
run(900, 140, 6)
