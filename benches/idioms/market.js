"use strict";
class Order { constructor(id, side, price, amount) { this.id = id; this.side = side; this.price = price; this.amount = amount; } }
class Level {
  constructor(price) { this.price = price; this.orders = []; this.head = 0; }
  isEmpty() { return this.head >= this.orders.length; }
}
class Book {
  constructor(buys, sells) { this.buys = buys; this.sells = sells; this.bestBuy = -1; this.bestSell = 1000; this.nTrades = 0; this.volume = 0; this.turnover = 0; }
  matchBuy(order) {
    while (order.amount > 0 && this.bestSell <= order.price) {
      const level = this.sells[this.bestSell];
      while (level.head < level.orders.length && order.amount > 0) {
        const other = level.orders[level.head], taken = Math.min(order.amount, other.amount);
        order.amount -= taken; other.amount -= taken;
        this.trade(taken, level.price);
        if (other.amount === 0) level.head++;
      }
      if (level.isEmpty()) {
        this.sells[level.price] = new Level(level.price);
        while (this.bestSell < 1000 && this.sells[this.bestSell].isEmpty()) this.bestSell++;
      }
    }
    if (order.amount > 0) { this.buys[order.price].orders.push(order); this.bestBuy = Math.max(this.bestBuy, order.price); }
  }
  matchSell(order) {
    while (order.amount > 0 && this.bestBuy >= order.price) {
      const level = this.buys[this.bestBuy];
      while (level.head < level.orders.length && order.amount > 0) {
        const other = level.orders[level.head], taken = Math.min(order.amount, other.amount);
        order.amount -= taken; other.amount -= taken;
        this.trade(taken, level.price);
        if (other.amount === 0) level.head++;
      }
      if (level.isEmpty()) {
        this.buys[level.price] = new Level(level.price);
        while (this.bestBuy >= 0 && this.buys[this.bestBuy].isEmpty()) this.bestBuy--;
      }
    }
    if (order.amount > 0) { this.sells[order.price].orders.push(order); this.bestSell = Math.min(this.bestSell, order.price); }
  }
  trade(amount, price) { this.nTrades++; this.volume += amount; this.turnover = (this.turnover + amount * price) % 1000000007; }
}
function run(n) {
  const buys = [], sells = [];
  for (let price = 0; price < 1001; price++) { buys.push(new Level(price)); sells.push(new Level(price)); }
  const book = new Book(buys, sells);
  let seed = 77, middle = 500;
  for (let id = 0; id < n; id++) {
    seed = (seed * 16807) % 2147483647;
    if (id % 1000 === 0) middle = 480 + seed % 40;
    const side = seed % 2;
    seed = (seed * 16807) % 2147483647;
    const price = middle + seed % 21 - 10;
    const order = new Order(id, side, price, 1 + seed % 50);
    if (side === 0) book.matchBuy(order); else book.matchSell(order);
  }
  let open = 0;
  for (const level of book.buys.concat(book.sells)) for (let i = level.head; i < level.orders.length; i++) open += level.orders[i].amount;
  console.log(book.nTrades, book.volume, book.turnover, open, book.bestBuy, book.bestSell);
}
run(200000);
