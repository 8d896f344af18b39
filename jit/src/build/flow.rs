//! Control flow and liveness of a function's bytecode.
//!
//! Loops are ranges of instructions: the compiler emits bottom-tested loops whose body starts
//! with `loop_header`, so the loop of a header reaches to the last jump back to it.

use ruff_runtime::bytecode::FunctionProto;
use ruff_runtime::bytecode::operand::{AnyOperand, Role, RootKind, Word};
use ruff_runtime::bytecode::ops::{Effects, Op};
use ruff_runtime::objects::function::Receiver;

use super::decode::decode;
use super::insn::Insn;
use super::regs::{Registers, registers};

/// A loop: its header and the last instruction that jumps back to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loop {
    pub header: u32,
    pub last: u32,
}

impl Loop {
    pub fn contains(&self, pc: u32) -> bool {
        self.header <= pc && pc <= self.last
    }
}

/// What the builder knows about the bytecode before it starts.
pub struct Flow {
    pub words: Vec<Word>,
    pub insns: Vec<Insn>,
    pub regs: Vec<Registers>,
    /// Instructions that start a block.
    pub leaders: Vec<bool>,
    /// Outermost first.
    pub loops: Vec<Loop>,
    /// Registers that are live before each instruction.
    live: Vec<RegSet>,
    /// Where the registers start; those of an inlined call lie behind its caller's.
    pub window: u16,
}

/// A set of registers.
#[derive(Clone, PartialEq, Eq, Default)]
pub(super) struct RegSet(Vec<u64>);

impl RegSet {
    pub(super) fn new(n: usize) -> RegSet {
        RegSet(vec![0; n.div_ceil(64)])
    }

    pub(super) fn has(&self, r: u16) -> bool {
        self.0.get(r as usize / 64).is_some_and(|w| w >> (r % 64) & 1 != 0)
    }

    pub(super) fn add(&mut self, r: u16) {
        if let Some(word) = self.0.get_mut(r as usize / 64) {
            *word |= 1 << (r % 64);
        }
    }

    pub(super) fn remove(&mut self, r: u16) {
        if let Some(word) = self.0.get_mut(r as usize / 64) {
            *word &= !(1 << (r % 64));
        }
    }

    /// Adds all of another set; true if that changed something.
    pub(super) fn add_all(&mut self, other: &RegSet) -> bool {
        let mut changed = false;
        for (to, from) in self.0.iter_mut().zip(&other.0) {
            changed |= *from & !*to != 0;
            *to |= from;
        }
        changed
    }
}

impl Flow {
    /// Analyses a prototype whose registers start at `window`.
    pub fn new(proto: &FunctionProto, window: u16) -> Flow {
        let words: Vec<Word> =
            proto.code.iter().map(|instr| shifted(instr.word(), window)).collect();
        let insns: Vec<Insn> =
            words.iter().enumerate().map(|(pc, &word)| decode(word, pc as u32)).collect();
        let regs: Vec<Registers> =
            words.iter().map(|&word| registers(word, proto, window)).collect();
        let mut flow =
            Flow { words, insns, regs, leaders: vec![], loops: vec![], live: vec![], window };
        flow.find_leaders();
        flow.find_loops();
        flow.find_live(proto);
        flow
    }

    /// Where the instruction can jump.
    pub fn target(&self, pc: u32) -> Option<u32> {
        self.words[pc as usize].jump_target(pc as usize).map(|t| t as u32)
    }

    /// Whether control can go on to the next instruction.
    pub fn falls_through(&self, pc: u32) -> bool {
        !self.words[pc as usize].op().info().effects.has(Effects::ENDS_BLOCK)
    }

    /// Whether the register is live before the instruction.
    pub fn is_live(&self, pc: u32, reg: u16) -> bool {
        self.live.get(pc as usize).is_some_and(|set| set.has(reg))
    }

    /// The loops around an instruction, outermost first.
    pub fn loops_around(&self, pc: u32) -> Vec<Loop> {
        self.loops.iter().copied().filter(|l| l.contains(pc)).collect()
    }

    /// The loop of a header.
    pub fn loop_of(&self, header: u32) -> Option<Loop> {
        self.loops.iter().copied().find(|l| l.header == header)
    }

    fn find_leaders(&mut self) {
        let n = self.words.len();
        let mut leaders = vec![false; n];
        if n > 0 {
            leaders[0] = true;
        }
        for pc in 0..n as u32 {
            let target = self.target(pc);
            if let Some(target) = target {
                leaders[target as usize] = true;
            }
            let is_yield = self.words[pc as usize].op() == Op::Yield;
            let ends = target.is_some() || is_yield || !self.falls_through(pc);
            if ends && (pc as usize) + 1 < n {
                leaders[pc as usize + 1] = true;
            }
            if self.words[pc as usize].op() == Op::LoopHeader {
                leaders[pc as usize] = true;
            }
        }
        self.leaders = leaders;
    }

    fn find_loops(&mut self) {
        let mut loops: Vec<Loop> = Vec::new();
        for pc in 0..self.words.len() as u32 {
            let Some(header) = self.target(pc).filter(|&t| t <= pc) else { continue };
            match loops.iter_mut().find(|l| l.header == header) {
                Some(known) => known.last = pc,
                None => loops.push(Loop { header, last: pc }),
            }
        }
        loops.sort_by_key(|l| (l.header, std::cmp::Reverse(l.last)));
        self.loops = loops;
    }

    fn find_live(&mut self, proto: &FunctionProto) {
        let n_registers = (self.window + proto.n_registers) as usize;
        let n = self.words.len();
        let mut live = vec![RegSet::new(n_registers); n];
        if proto.info.receiver != Receiver::None {
            // The caller reads it after the method has returned or raised.
            live.iter_mut().for_each(|set| set.add(self.window));
        }
        let mut changed = true;
        while changed {
            changed = false;
            for pc in (0..n as u32).rev() {
                let mut set = RegSet::new(n_registers);
                if let Some(target) = self.target(pc) {
                    set.add_all(&live[target as usize]);
                }
                if self.falls_through(pc) && (pc as usize) + 1 < n {
                    set.add_all(&live[pc as usize + 1]);
                }
                let regs = &self.regs[pc as usize];
                regs.writes.iter().for_each(|&r| set.remove(r));
                for handler in proto.handlers.iter().filter(|h| h.start <= pc && pc < h.end) {
                    let mut at_handler = live[handler.target as usize].clone();
                    at_handler.remove(handler.reg);
                    set.add_all(&at_handler);
                }
                regs.reads.iter().for_each(|&r| set.add(r));
                changed |= live[pc as usize].add_all(&set);
            }
        }
        self.live = live;
    }
}

/// The instruction with its registers moved up.
fn shifted(word: Word, by: u16) -> Word {
    let mut bits = word.0;
    let mut lane = 16;
    for &(_, role) in word.op().info().operands {
        let is_register = match role {
            Role::Def | Role::Use | Role::Read | Role::Update | Role::Group => true,
            Role::Root => is_register_root(word),
            _ => false,
        };
        if is_register {
            bits += u64::from(by) << lane;
        }
        lane += role.lane_bits();
    }
    Word(bits)
}

fn is_register_root(word: Word) -> bool {
    word.operands().any(|(_, operand)| match operand {
        AnyOperand::Root(root) => root.kind == RootKind::Register,
        _ => false,
    })
}
