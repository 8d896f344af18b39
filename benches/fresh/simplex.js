class Tableau {
    constructor(rows, n, m) { this.rows = rows; this.n = n; this.m = m }
    entering() {
        const last = this.rows[this.m]
        for (let j = 0; j < this.n + this.m; j++) if (last[j] < -0.000000001) return j
        return -1
    }
    leaving(j) {
        let best = -1, least = 0
        for (let i = 0; i < this.m; i++) {
            const a = this.rows[i][j]
            if (a > 0.000000001) {
                const ratio = this.rows[i][this.n + this.m] / a
                if (best < 0 || ratio < least) { best = i; least = ratio }
            }
        }
        return best
    }
    pivot(r, c) {
        const width = this.n + this.m + 1, row = this.rows[r], by = row[c]
        for (let j = 0; j < width; j++) row[j] = row[j] / by
        for (let i = 0; i <= this.m; i++) if (i != r) {
            const other = this.rows[i], factor = other[c]
            if (factor != 0) for (let j = 0; j < width; j++) other[j] -= factor * row[j]
        }
    }
    solve() {
        let pivots = 0
        for (;;) {
            const j = this.entering()
            if (j < 0) break
            const i = this.leaving(j)
            if (i < 0) return -1
            this.pivot(i, j)
            pivots++
        }
        return pivots
    }
}
function run(n, m, seed) {
    const rows = []
    for (let i = 0; i <= m; i++) rows.push(new Array(n + m + 1).fill(0.0))
    for (let i = 0; i < m; i++) {
        for (let j = 0; j < n; j++) { seed = (seed * 16807) % 2147483647; rows[i][j] = 1 + seed % 40 }
        rows[i][n + i] = 1
        seed = (seed * 16807) % 2147483647
        rows[i][n + m] = 500 + seed % 1000
    }
    for (let j = 0; j < n; j++) { seed = (seed * 16807) % 2147483647; rows[m][j] = -(10 + seed % 50) }
    const tableau = new Tableau(rows, n, m), pivots = tableau.solve()
    console.log(pivots, Math.trunc(tableau.rows[m][n + m] * 1000))
}
for (let i = 0; i < 6; i++) run(50 + i * 8, 40 + i * 6, 41 + i)
