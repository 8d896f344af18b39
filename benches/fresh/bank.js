class Heap {
    constructor() { this.items = [] }
    put(event) {
        let i = this.items.length
        this.items.push(event)
        while (i > 0) {
            const up = (i - 1) >> 1
            if (this.items[up].time <= event.time) break
            this.items[i] = this.items[up]
            i = up
        }
        this.items[i] = event
    }
    take() {
        const first = this.items[0], n = this.items.length - 1, last = this.items.pop()
        let i = 0
        while (i * 2 + 1 < n) {
            let low = i * 2 + 1
            if (low + 1 < n && this.items[low + 1].time < this.items[low].time) low++
            if (last.time <= this.items[low].time) break
            this.items[i] = this.items[low]
            i = low
        }
        if (n > 0) this.items[i] = last
        return first
    }
}
class Bank {
    constructor(n) {
        this.events = new Heap(); this.customers = []; this.lines = []; this.busy = []
        for (let k = 0; k < n; k++) { this.lines.push([]); this.busy.push(false) }
        this.seed = 5; this.served = 0; this.gone = 0; this.waited = 0
    }
    random(below) { this.seed = (this.seed * 16807) % 2147483647; return this.seed % below }
    arrive(now, last) {
        const who = this.customers.length, patience = 200 + this.random(600)
        let best = 0
        for (let k = 0; k < this.lines.length; k++) if (this.lines[k].length < this.lines[best].length) best = k
        this.customers.push({ arrived: now, patience, counter: best, served: false, gone: false })
        if (this.busy[best]) {
            this.lines[best].push(who)
            this.events.put({ time: now + patience, kind: "leave", who })
        } else this.serve(now, who)
        if (who < last) this.events.put({ time: now + 1 + this.random(30), kind: "arrive", who: 0 })
    }
    serve(now, who) {
        const c = this.customers[who]
        this.busy[c.counter] = true
        c.served = true
        this.waited += now - c.arrived
        this.events.put({ time: now + 20 + this.random(90), kind: "done", who })
    }
    done(now, who) {
        this.served++
        const counter = this.customers[who].counter
        this.busy[counter] = false
        let next = -1
        const waiting = []
        for (const other of this.lines[counter]) {
            if (this.customers[other].gone) continue
            if (next < 0) next = other; else waiting.push(other)
        }
        this.lines[counter] = waiting
        if (next >= 0) this.serve(now, next)
    }
    run(last) {
        this.events.put({ time: 0, kind: "arrive", who: 0 })
        let now = 0
        while (this.events.items.length > 0) {
            const event = this.events.take()
            now = event.time
            switch (event.kind) {
                case "arrive": this.arrive(now, last); break
                case "done": this.done(now, event.who); break
                default: {
                    const c = this.customers[event.who]
                    if (!c.served) { c.gone = true; this.gone++ }
                }
            }
        }
        return now
    }
}
function run(n, last) {
    const bank = new Bank(n), now = bank.run(last)
    console.log(now, bank.served, bank.gone, bank.waited)
}
run(4, 20000)
run(5, 30000)
