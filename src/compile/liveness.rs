//! Last uses: which reads of a register move its value out, and where dead values are dropped.
//!
//! Backward data flow over the finished instructions of a function, handlers included. A read
//! is the last use if no path reads the register again before it is written. A value that dies
//! on the way into a block without being read there is cleared at the block's start, so that no
//! reference lingers that would make a later change in place copy.

use ruff_runtime::bytecode::HandlerKind;
use ruff_runtime::bytecode::ops::{Effects, Op};

use super::code::{Code, Ins};
use super::regs::Regs;
use super::scalars::heap_registers;

/// Larger functions (blocks times words of a register set) get marks within blocks only.
const BUDGET: usize = 4 << 20;
/// Registers cleared at the start of one block.
const MAX_CLEARS: usize = 16;

/// A handler with its range as instruction indexes.
pub(super) struct Range {
    pub start: usize,
    pub end: usize,
    pub target: usize,
    pub kind: HandlerKind,
}

/// What is known about the function besides its code.
pub(super) struct Frame {
    pub n_registers: usize,
    /// Registers that hold arguments at entry.
    pub n_args: usize,
    /// R0 belongs to the caller, who looks at it when the function has ended.
    pub pinned: bool,
}

struct Block {
    start: usize,
    end: usize,
    succs: Vec<usize>,
    /// Blocks of the handlers around it.
    handlers: Vec<usize>,
    /// One of them is a cleanup, so that no error leaves the function from here.
    has_cleanup: bool,
}

/// Sets of registers, one after the other.
struct Sets {
    words: usize,
    bits: Vec<u64>,
}

impl Sets {
    fn new(n: usize, words: usize) -> Sets {
        Sets { words, bits: vec![0; n * words] }
    }

    fn get(&self, i: usize) -> &[u64] {
        &self.bits[i * self.words..(i + 1) * self.words]
    }

    fn get_mut(&mut self, i: usize) -> &mut [u64] {
        &mut self.bits[i * self.words..(i + 1) * self.words]
    }
}

fn has(set: &[u64], reg: u16) -> bool {
    set[reg as usize / 64] >> (reg % 64) & 1 != 0
}

fn add(set: &mut [u64], reg: u16) {
    set[reg as usize / 64] |= 1 << (reg % 64);
}

fn remove(set: &mut [u64], reg: u16) {
    set[reg as usize / 64] &= !(1 << (reg % 64));
}

fn union(into: &mut [u64], from: &[u64]) {
    into.iter_mut().zip(from).for_each(|(a, b)| *a |= b);
}

fn throws(ins: &Ins) -> bool {
    let effects = ins.word.op().info().effects;
    effects.has(Effects::THROWS) || effects.has(Effects::CALLS)
}

/// What the blocks of a function do, as sets by block.
struct Summary {
    /// Read before they are written.
    read: Sets,
    written: Sets,
    /// Written before anything can be raised.
    early: Sets,
    may_throw: Vec<bool>,
}

/// The analysis of one function.
struct Flow<'c> {
    ins: &'c mut [Ins],
    code: &'c Code,
    frame: Frame,
    blocks: Vec<Block>,
    live_in: Sets,
    /// Per block that is a handler: what may still sit in registers when it is entered.
    held: Vec<Option<Vec<u64>>>,
    regs: Regs,
}

/// Sets the last-use marks of `ins`; gives the registers to clear, by instruction index.
pub(super) fn mark_last_uses(
    ins: &mut [Ins],
    code: &Code,
    labels: &[usize],
    ranges: &[Range],
    frame: Frame,
) -> Vec<(usize, Vec<u16>)> {
    let blocks = split(ins, labels, ranges);
    let words = frame.n_registers / 64 + 1;
    let regs = Regs::default();
    if blocks.len() * words > BUDGET {
        let n = blocks.len();
        let live_in = Sets::new(0, 0);
        let mut flow = Flow { ins, code, frame, blocks, live_in, held: vec![None; n], regs };
        for block in 0..n {
            let mut live = vec![u64::MAX; words];
            flow.mark_block(block, &mut live);
        }
        return Vec::new();
    }
    let live_in = Sets::new(blocks.len(), words);
    let held = vec![None; blocks.len()];
    let mut flow = Flow { ins, code, frame, blocks, live_in, held, regs };
    flow.solve();
    for block in &flow.blocks {
        for &handler in &block.handlers {
            flow.held[handler].get_or_insert_with(|| vec![0; words]);
        }
    }
    for block in 0..flow.blocks.len() {
        let mut live = flow.live_out(block);
        flow.mark_block(block, &mut live);
    }
    flow.clears()
}

/// The handlers found around a block so far, from the inside.
#[derive(Clone, Default)]
struct Seen {
    catch: bool,
    cleanup: bool,
}

impl Seen {
    /// Whether an error of the block can reach the next handler directly: a cleanup takes every
    /// error, a catch those that other catches would take.
    fn reaches(&mut self, kind: HandlerKind) -> bool {
        match kind {
            HandlerKind::Catch => !self.cleanup && !std::mem::replace(&mut self.catch, true),
            HandlerKind::Cleanup => !std::mem::replace(&mut self.cleanup, true),
        }
    }
}

/// Cuts the code into blocks.
fn split(ins: &[Ins], labels: &[usize], ranges: &[Range]) -> Vec<Block> {
    let mut leads = vec![false; ins.len() + 1];
    leads[0] = true;
    for (i, at) in ins.iter().enumerate() {
        let ends = at.word.op().info().effects.has(Effects::ENDS_BLOCK);
        if let Some(label) = at.label {
            leads[labels[label.0 as usize]] = true;
        }
        if at.label.is_some() || ends {
            leads[i + 1] = true;
        }
    }
    for range in ranges {
        leads[range.start] = true;
        leads[range.end] = true;
        leads[range.target] = true;
    }
    leads.truncate(ins.len());
    let starts: Vec<usize> = (0..ins.len()).filter(|&i| leads[i]).collect();
    let block_of = |pc: usize| starts.partition_point(|&start| start <= pc) - 1;
    let mut blocks: Vec<Block> = Vec::with_capacity(starts.len());
    for (i, &start) in starts.iter().enumerate() {
        let end = starts.get(i + 1).copied().unwrap_or(ins.len());
        let last = &ins[end - 1];
        let mut succs = Vec::with_capacity(2);
        if !last.word.op().info().effects.has(Effects::ENDS_BLOCK) && end < ins.len() {
            succs.push(i + 1);
        }
        if let Some(label) = last.label {
            succs.push(block_of(labels[label.0 as usize]));
        }
        blocks.push(Block { start, end, succs, handlers: Vec::new(), has_cleanup: false });
    }
    let mut seen = vec![Seen::default(); blocks.len()];
    for range in ranges {
        let target = block_of(range.target);
        let first = block_of(range.start);
        let covered = blocks.iter_mut().zip(&mut seen).skip(first);
        for (block, seen) in covered.take_while(|(block, _)| block.start < range.end) {
            if seen.reaches(range.kind) {
                block.handlers.push(target);
                block.has_cleanup |= range.kind == HandlerKind::Cleanup;
            }
        }
    }
    blocks
}

impl Flow<'_> {
    /// Finds what is live at the start of every block.
    fn solve(&mut self) {
        let summary = self.summarise();
        let n = self.blocks.len();
        let mut preds: Vec<Vec<usize>> = vec![Vec::new(); n];
        for (b, block) in self.blocks.iter().enumerate() {
            let handlers = block.handlers.iter().filter(|_| summary.may_throw[b]);
            block.succs.iter().chain(handlers).for_each(|&next| preds[next].push(b));
        }
        let mut waiting = vec![true; n];
        let mut work: Vec<usize> = (0..n).collect();
        while let Some(b) = work.pop() {
            waiting[b] = false;
            let mut live = self.live_out(b);
            let (read, written) = (summary.read.get(b), summary.written.get(b));
            for (word, (read, written)) in live.iter_mut().zip(read.iter().zip(written)) {
                *word = *word & !written | read;
            }
            if summary.may_throw[b] {
                let early = summary.early.get(b);
                for &handler in &self.blocks[b].handlers {
                    let caught = self.live_in.get(handler).iter().zip(early);
                    live.iter_mut().zip(caught).for_each(|(a, (b, early))| *a |= b & !early);
                }
            }
            if live != self.live_in.get(b) {
                self.live_in.get_mut(b).copy_from_slice(&live);
                work.extend(preds[b].iter().filter(|&&pred| !waiting[pred]));
                preds[b].iter().for_each(|&pred| waiting[pred] = true);
            }
        }
    }

    /// Collects the registers of the instruction `i` of a block. Where the function may end, its
    /// caller reads the receiver.
    fn collect(&mut self, block: usize, i: usize) {
        let ins = &self.ins[i];
        self.regs.collect(ins, self.code);
        let may_leave = throws(ins) && !self.blocks[block].has_cleanup;
        if self.frame.pinned && (may_leave || ends_function(ins.word.op())) {
            self.regs.uses.push((0, None));
        }
    }

    /// What every block reads and writes.
    fn summarise(&mut self) -> Summary {
        let (n, words) = (self.blocks.len(), self.live_in.words);
        let sets = || Sets::new(n, words);
        let (mut read, mut written, mut early) = (sets(), sets(), sets());
        let mut may_throw = vec![false; n];
        for (b, may_throw) in may_throw.iter_mut().enumerate() {
            for i in self.blocks[b].start..self.blocks[b].end {
                self.collect(b, i);
                *may_throw |= throws(&self.ins[i]);
                let is_new = |reg: u16| !has(written.get(b), reg);
                let uses = self.regs.uses.iter().map(|&(reg, _)| reg);
                uses.filter(|&reg| is_new(reg)).for_each(|reg| add(read.get_mut(b), reg));
                self.regs.defs.iter().for_each(|&reg| add(written.get_mut(b), reg));
                if !*may_throw {
                    self.regs.defs.iter().for_each(|&reg| add(early.get_mut(b), reg));
                }
            }
        }
        Summary { read, written, early, may_throw }
    }

    fn live_out(&self, block: usize) -> Vec<u64> {
        let mut live = vec![0; self.live_in.words];
        for &succ in &self.blocks[block].succs {
            union(&mut live, self.live_in.get(succ));
        }
        live
    }

    /// What the handlers around `block` read.
    fn caught(&self, block: usize, words: usize) -> Vec<u64> {
        let mut caught = vec![0; words];
        if self.live_in.words == 0 {
            // No data flow: everything.
            let any = !self.blocks[block].handlers.is_empty();
            caught.fill(if any { u64::MAX } else { 0 });
        } else {
            for &handler in &self.blocks[block].handlers {
                union(&mut caught, self.live_in.get(handler));
            }
        }
        caught
    }

    /// Marks the last uses in a block; `live` is what is live at its end.
    fn mark_block(&mut self, block: usize, live: &mut [u64]) {
        let (start, end) = (self.blocks[block].start, self.blocks[block].end);
        let caught = self.caught(block, live.len());
        for i in (start..end).rev() {
            self.collect(block, i);
            let throws = throws(&self.ins[i]);
            for &reg in &self.regs.defs {
                remove(live, reg);
            }
            for use_index in 0..self.regs.uses.len() {
                let (reg, Some(nth)) = self.regs.uses[use_index] else { continue };
                let is_needed =
                    has(live, reg) || (throws && has(&caught, reg)) || self.regs.is_read_twice(reg);
                if !is_needed {
                    self.ins[i].word = self.ins[i].word.with_last_use(nth, true);
                }
            }
            if throws {
                self.hold(block, live);
                union(live, &caught);
            }
            for &(reg, _) in &self.regs.uses {
                add(live, reg);
            }
        }
    }

    fn hold(&mut self, block: usize, live: &[u64]) {
        for &handler in &self.blocks[block].handlers {
            if let Some(held) = &mut self.held[handler] {
                union(held, live);
            }
        }
    }

    /// The registers to clear at block starts.
    fn clears(&mut self) -> Vec<(usize, Vec<u16>)> {
        let heap = heap_registers(self.ins, self.code, self.frame.n_registers, self.frame.n_args);
        let n = self.blocks.len();
        let mut entering: Vec<Option<Vec<u64>>> = std::mem::take(&mut self.held);
        for b in 0..n {
            // Nothing dies between a block and its only successor.
            // A parameter that was not passed holds nothing.
            let last = self.ins[self.blocks[b].end - 1].word.op();
            if self.blocks[b].succs.len() < 2 || last == Op::JumpIfAssigned {
                continue;
            }
            let live = self.live_out(b);
            for &succ in &self.blocks[b].succs {
                let set = entering[succ].get_or_insert_with(|| vec![0; live.len()]);
                union(set, &live);
            }
        }
        let mut clears = Vec::new();
        for (b, entering) in entering.iter().enumerate() {
            let Some(entering) = entering else { continue };
            if self.leaves_at_once(b) {
                continue;
            }
            // What the block itself overwrites need not be cleared first.
            let mut written = vec![0; entering.len()];
            for ins in &self.ins[self.blocks[b].start..self.blocks[b].end] {
                self.regs.collect(ins, self.code);
                self.regs.defs.iter().for_each(|&reg| add(&mut written, reg));
            }
            let live = self.live_in.get(b);
            let dying = entering.iter().zip(live).map(|(entering, live)| entering & !live);
            let regs: Vec<u16> = members(dying)
                .filter(|&reg| heap[reg as usize] && !has(&written, reg))
                .filter(|&reg| !(self.frame.pinned && reg == 0))
                .take(MAX_CLEARS)
                .collect();
            if !regs.is_empty() {
                clears.push((self.blocks[b].start, regs));
            }
        }
        clears
    }

    /// The block returns or raises without running other code before.
    fn leaves_at_once(&self, block: usize) -> bool {
        let block = &self.blocks[block];
        let ins = &self.ins[block.start..block.end];
        let leaves =
            ins.last().is_some_and(|last| last.label.is_none() && ends_function(last.word.op()));
        leaves && !ins.iter().any(|ins| ins.word.op().info().effects.has(Effects::CALLS))
    }
}

fn ends_function(op: Op) -> bool {
    matches!(op, Op::Ret | Op::RetNull)
}

fn members(words: impl Iterator<Item = u64>) -> impl Iterator<Item = u16> {
    words.enumerate().flat_map(|(i, word)| {
        (0..64u16).filter(move |bit| word >> bit & 1 != 0).map(move |bit| i as u16 * 64 + bit)
    })
}
