class Solver {
    constructor(n) {
        this.n = n; this.clauses = []; this.watches = []; this.value = new Array(n + 1).fill(0)
        for (let i = 0; i < 2 * n + 1; i++) this.watches.push([])
        this.trail = []; this.head = 0; this.steps = 0
    }
    index(lit) { return lit > 0 ? lit : this.n - lit }
    truth(lit) { return lit > 0 ? this.value[lit] : -this.value[-lit] }
    assign(lit) { if (lit > 0) this.value[lit] = 1; else this.value[-lit] = -1; this.trail.push(lit) }
    propagate() {
        while (this.head < this.trail.length) {
            const wrong = -this.trail[this.head++]
            this.steps++
            const list = this.watches[this.index(wrong)], kept = []
            let failed = false
            for (const c of list) {
                if (failed) { kept.push(c); continue }
                const clause = this.clauses[c]
                if (clause[0] == wrong) { clause[0] = clause[1]; clause[1] = wrong }
                const first = clause[0]
                if (this.truth(first) == 1) { kept.push(c); continue }
                let found = false
                for (let k = 2; k < clause.length; k++) {
                    const lit = clause[k]
                    if (this.truth(lit) != -1) {
                        clause[1] = lit; clause[k] = wrong
                        this.watches[this.index(lit)].push(c)
                        found = true
                        break
                    }
                }
                if (found) continue
                kept.push(c)
                if (this.truth(first) == -1) failed = true; else this.assign(first)
            }
            this.watches[this.index(wrong)] = kept
            if (failed) return false
        }
        return true
    }
    undo(size) {
        while (this.trail.length > size) this.value[Math.abs(this.trail.pop())] = 0
        this.head = size
    }
    search(from) {
        if (!this.propagate()) return false
        let v = from
        while (v <= this.n && this.value[v] != 0) v++
        if (v > this.n) return true
        const size = this.trail.length
        for (const lit of [v, -v]) {
            this.assign(lit)
            if (this.search(v + 1)) return true
            this.undo(size)
        }
        return false
    }
}
function run(n, m, seed) {
    const solver = new Solver(n)
    for (let c = 0; c < m; c++) {
        const clause = []
        while (clause.length < 3) {
            seed = (seed * 16807) % 2147483647
            const v = 1 + seed % n, lit = Math.trunc(seed / n) % 2 == 0 ? v : -v
            if (!clause.includes(lit) && !clause.includes(-lit)) clause.push(lit)
        }
        solver.clauses.push(clause)
        for (let k = 0; k < 2; k++) solver.watches[solver.index(clause[k])].push(c)
    }
    const answer = solver.search(1)
    let check = 0
    for (let v = 1; v <= n; v++) check = (check * 2 + solver.value[v] + 1) % 1000003
    console.log(String(answer), solver.steps, check)
}
for (let i = 0; i < 6; i++) run(60, 245 + i * 4, 100 + i)
