class Graph {
    constructor(n, next) { this.n = n; this.next = next }
    parts() {
        const index = new Array(this.n).fill(-1), low = new Array(this.n).fill(0), on = new Array(this.n).fill(false)
        const part = new Array(this.n).fill(-1), at = new Array(this.n).fill(0), stack = []
        let count = 0, nParts = 0
        for (let start = 0; start < this.n; start++) {
            if (index[start] >= 0) continue
            const way = [start]
            while (way.length > 0) {
                const v = way[way.length - 1]
                if (at[v] == 0 && index[v] < 0) { index[v] = low[v] = count++; stack.push(v); on[v] = true }
                let went = false
                while (at[v] < this.next[v].length) {
                    const w = this.next[v][at[v]++]
                    if (index[w] < 0) { way.push(w); went = true; break }
                    if (on[w]) low[v] = Math.min(low[v], index[w])
                }
                if (went) continue
                if (low[v] == index[v]) {
                    for (;;) { const w = stack.pop(); on[w] = false; part[w] = nParts; if (w == v) break }
                    nParts++
                }
                way.pop()
                if (way.length > 0) { const u = way[way.length - 1]; low[u] = Math.min(low[u], low[v]) }
            }
        }
        return [nParts, part]
    }
    longest(nParts, part) {
        const best = new Array(nParts).fill(1), members = []
        for (let p = 0; p < nParts; p++) members.push([])
        for (let v = 0; v < this.n; v++) members[part[v]].push(v)
        for (let p = 0; p < nParts; p++) for (const v of members[p]) for (const w of this.next[v])
            if (part[w] != p) best[p] = Math.max(best[p], best[part[w]] + 1)
        let most = 0
        for (const b of best) most = Math.max(most, b)
        return most
    }
}
function run(n, m, seed) {
    const next = []
    for (let v = 0; v < n; v++) next.push([])
    for (let e = 0; e < m; e++) {
        seed = (seed * 16807) % 2147483647
        const a = seed % n
        seed = (seed * 16807) % 2147483647
        next[a].push((a + seed % 1000) % n)
    }
    const graph = new Graph(n, next), [nParts, part] = graph.parts(), sizes = new Array(nParts).fill(0)
    for (const p of part) sizes[p]++
    let largest = 0
    for (const s of sizes) largest = Math.max(largest, s)
    console.log(nParts, largest, graph.longest(nParts, part))
}
for (let i = 0; i < 3; i++) run(40000, 50000 + i * 15000, 7 + i)
