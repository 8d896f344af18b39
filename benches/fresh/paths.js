class Open {
    constructor(n) { this.items = []; this.place = new Array(n).fill(-1); this.score = new Array(n).fill(0) }
    isBefore(a, b) { return this.score[a] < this.score[b] || this.score[a] == this.score[b] && a < b }
    up(i) {
        const item = this.items[i]
        while (i > 0) {
            const above = (i - 1) >> 1
            if (!this.isBefore(item, this.items[above])) break
            this.items[i] = this.items[above]
            this.place[this.items[i]] = i
            i = above
        }
        this.items[i] = item
        this.place[item] = i
    }
    put(item, score) {
        this.score[item] = score
        if (this.place[item] < 0) { this.items.push(item); this.place[item] = this.items.length - 1 }
        this.up(this.place[item])
    }
    take() {
        const first = this.items[0], last = this.items.pop(), n = this.items.length
        this.place[first] = -1
        if (n > 0) {
            let i = 0
            for (;;) {
                let low = i * 2 + 1
                if (low >= n) break
                if (low + 1 < n && this.isBefore(this.items[low + 1], this.items[low])) low++
                if (!this.isBefore(this.items[low], last)) break
                this.items[i] = this.items[low]
                this.place[this.items[i]] = i
                i = low
            }
            this.items[i] = last
            this.place[last] = i
        }
        return first
    }
}
function search(map, from, to) {
    const n = map.width * map.height, far = new Array(n).fill(-1), before = new Array(n).fill(-1), open = new Open(n)
    far[from] = 0
    open.put(from, 0)
    let seen = 0
    const tx = to % map.width, ty = Math.trunc(to / map.width)
    while (open.items.length > 0) {
        const at = open.take()
        seen++
        if (at == to) break
        const x = at % map.width, y = Math.trunc(at / map.width)
        for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
            const nx = x + dx, ny = y + dy
            if (nx < 0 || ny < 0 || nx >= map.width || ny >= map.height) continue
            const next = ny * map.width + nx, length = far[at] + map.cost[next]
            if (far[next] < 0 || length < far[next]) {
                far[next] = length
                before[next] = at
                open.put(next, length + Math.abs(nx - tx) + Math.abs(ny - ty))
            }
        }
    }
    let steps = 0
    for (let at = to; at != from; at = before[at]) steps++
    return [far[to], steps, seen]
}
const shown = a => `[${a.join(", ")}]`
function run(width, height, seed) {
    const cost = []
    for (let i = 0; i < width * height; i++) {
        seed = (seed * 16807) % 2147483647
        cost.push(1 + seed % 9 * (Math.trunc(seed / 100) % 3))
    }
    const map = { width, height, cost }
    console.log(shown(search(map, 0, width * height - 1)), shown(search(map, width - 1, width * (height - 1))))
}
run(120, 110, 3)
run(200, 60, 4)
