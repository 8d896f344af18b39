class Bird { constructor(x, y, dx, dy) { this.x = x; this.y = y; this.dx = dx; this.dy = dy } }
const wrapped = (v, side) => v < 0 ? v + side : v >= side ? v - side : v
class Flock {
    constructor(birds) { this.birds = birds; this.cells = []; this.size = 20; this.width = 0 }
    sortIn(width) {
        this.width = width
        this.cells = []
        for (let i = 0; i < width * width; i++) this.cells.push([])
        this.birds.forEach((b, i) => this.cells[Math.trunc(b.y / this.size) * width + Math.trunc(b.x / this.size)].push(i))
    }
    steer(i, limit) {
        const me = this.birds[i], cx = Math.trunc(me.x / this.size), cy = Math.trunc(me.y / this.size)
        let n = 0, px = 0, py = 0, vx = 0, vy = 0, ax = 0, ay = 0
        for (let y = Math.max(cy - 1, 0); y < Math.min(cy + 2, this.width); y++)
            for (let x = Math.max(cx - 1, 0); x < Math.min(cx + 2, this.width); x++)
                for (const k of this.cells[y * this.width + x]) if (k != i) {
                    const other = this.birds[k], gx = other.x - me.x, gy = other.y - me.y, d = gx * gx + gy * gy
                    if (d < limit && d > 0) {
                        n++; px += gx; py += gy; vx += other.dx; vy += other.dy
                        ax -= gx / d; ay -= gy / d
                    }
                }
        if (n == 0) return [0, 0]
        return [px / n * 0.01 + (vx / n - me.dx) * 0.05 + ax * 0.3, py / n * 0.01 + (vy / n - me.dy) * 0.05 + ay * 0.3]
    }
    step(side) {
        this.sortIn(Math.trunc(side / this.size) + 1)
        const turns = []
        for (let i = 0; i < this.birds.length; i++) turns.push(this.steer(i, 400))
        this.birds.forEach((b, i) => {
            b.dx += turns[i][0]
            b.dy += turns[i][1]
            const speed = Math.sqrt(b.dx * b.dx + b.dy * b.dy)
            if (speed > 3) { b.dx *= 3 / speed; b.dy *= 3 / speed }
            b.x = wrapped(b.x + b.dx, side)
            b.y = wrapped(b.y + b.dy, side)
        })
    }
}
function run(n, steps) {
    const birds = []
    let seed = 11
    for (let i = 0; i < n; i++) {
        const p = []
        for (let k = 0; k < 4; k++) { seed = (seed * 16807) % 2147483647; p.push(seed % 1000 / 1000) }
        birds.push(new Bird(p[0] * 300, p[1] * 300, p[2] * 2 - 1, p[3] * 2 - 1))
    }
    const flock = new Flock(birds)
    for (let s = 0; s < steps; s++) flock.step(300)
    let turning = 0, sum = 0
    for (const b of flock.birds) { sum += b.dx * b.dx + b.dy * b.dy; turning += b.dx }
    console.log(Math.trunc(sum * 10), Math.trunc(turning * 10))
}
run(600, 8)
run(250, 15)
