class Plan {
    constructor(lessons) { this.lessons = lessons; this.colours = 0 }
    next() {
        let best = -1
        for (let i = 0; i < this.lessons.length; i++) {
            const lesson = this.lessons[i]
            if (lesson.colour >= 0) continue
            if (best < 0 || lesson.nTaken > this.lessons[best].nTaken) best = i
            else if (lesson.nTaken == this.lessons[best].nTaken && lesson.against.length > this.lessons[best].against.length) best = i
        }
        return best
    }
    colour(i) {
        const lesson = this.lessons[i]
        let c = 0
        while (c < lesson.taken.length && lesson.taken[c]) c++
        lesson.colour = c
        this.colours = Math.max(this.colours, c + 1)
        for (const k of lesson.against) {
            const other = this.lessons[k]
            while (other.taken.length <= c) other.taken.push(false)
            if (!other.taken[c]) { other.taken[c] = true; other.nTaken++ }
        }
    }
    conflicts() {
        let n = 0
        for (const lesson of this.lessons) for (const k of lesson.against) if (this.lessons[k].colour == lesson.colour) n++
        return n
    }
}
function run(n, per, seed) {
    const lessons = []
    for (let i = 0; i < n; i++) lessons.push({ against: [], taken: [], nTaken: 0, colour: -1 })
    for (let pupil = 0; pupil < n * 3; pupil++) {
        const chosen = []
        while (chosen.length < per) {
            seed = (seed * 16807) % 2147483647
            const i = (Math.trunc(pupil / 3) + seed % 60) % n
            if (!chosen.includes(i)) chosen.push(i)
        }
        for (const a of chosen) for (const b of chosen)
            if (a != b && !lessons[a].against.includes(b)) lessons[a].against.push(b)
    }
    const plan = new Plan(lessons)
    for (let round = 0; round < n; round++) plan.colour(plan.next())
    let sum = 0
    for (let i = 0; i < n; i++) sum = (sum * 31 + plan.lessons[i].colour) % 1000003
    console.log(plan.colours, plan.conflicts(), sum)
}
run(400, 4, 9)
run(600, 3, 10)
