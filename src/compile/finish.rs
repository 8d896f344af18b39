//! From the stream of instructions to a prototype: late insertions, last-use marks, long jumps.

use std::sync::Arc;

use ruff_runtime::bytecode::operand::{AnyOperand, Def, Instr, Near, Operand, Target, Word};
use ruff_runtime::bytecode::ops::{self, Effects, Op};
use ruff_runtime::bytecode::spans::{SourceMap, SpanTable};
use ruff_runtime::bytecode::{Capture, FunctionProto, Handler};
use ruff_runtime::objects::function::FunctionInfo;
use ruff_runtime::profile::Profile;

use super::code::{Code, Ins, Item};
use super::liveness::{Frame, Range, mark_last_uses};

/// What a prototype has besides code and side tables.
pub(super) struct Header {
    pub info: FunctionInfo,
    pub n_registers: u16,
    pub n_args: usize,
    /// R0 is the receiver, which belongs to the caller.
    pub pinned: bool,
    pub captures: Vec<Capture>,
    pub upvalue_names: Vec<Arc<str>>,
    pub source: Arc<SourceMap>,
    pub line: u32,
}

/// Instructions in order, and the index each label means.
struct Layout {
    ins: Vec<Ins>,
    labels: Vec<usize>,
}

/// The finished prototype.
pub(super) fn finish(mut code: Code, header: Header) -> FunctionProto {
    let mut layout = flatten(&mut code);
    let ranges: Vec<Range> = code
        .handlers
        .iter()
        .map(|h| Range {
            start: layout.labels[h.start.0 as usize],
            end: layout.labels[h.end.0 as usize],
            target: layout.labels[h.target.0 as usize],
            kind: h.kind,
        })
        .filter(|range| range.start < range.end)
        .collect();
    let frame = Frame {
        n_registers: header.n_registers as usize,
        n_args: header.n_args,
        pinned: header.pinned,
    };
    let clears = mark_last_uses(&mut layout.ins, &code, &layout.labels, &ranges, frame);
    insert_clears(&mut layout, clears);
    let widened = widen(&mut layout, &mut code);
    encode(&layout, &widened, code, header)
}

/// Puts late instructions in their places and gives labels their indexes.
fn flatten(code: &mut Code) -> Layout {
    let mut ins = Vec::with_capacity(code.items.len());
    let mut labels = vec![0; code.n_labels as usize];
    for item in std::mem::take(&mut code.items) {
        match item {
            Item::Ins(one) => ins.push(one),
            Item::Label(label) => labels[label.0 as usize] = ins.len(),
            Item::Late(slot) => ins.append(&mut code.late[slot as usize]),
        }
    }
    Layout { ins, labels }
}

/// Inserts `clear` instructions at block starts, but behind a loop header.
fn insert_clears(layout: &mut Layout, clears: Vec<(usize, Vec<u16>)>) {
    if clears.is_empty() {
        return;
    }
    let old = std::mem::take(&mut layout.ins);
    let mut starts = Vec::with_capacity(old.len() + 1);
    let mut clears = clears.into_iter().peekable();
    for (i, ins) in old.into_iter().enumerate() {
        starts.push(layout.ins.len());
        let is_header = ins.word.op() == Op::LoopHeader;
        if is_header {
            layout.ins.push(ins);
        }
        while let Some((_, regs)) = clears.next_if(|&(at, _)| at == i) {
            layout.ins.extend(regs.into_iter().map(|reg| {
                let word = ops::Clear { reg: Def(reg) }.encode();
                Ins { word, label: None, offset: ins.offset }
            }));
        }
        if !is_header {
            layout.ins.push(ins);
        }
    }
    starts.push(layout.ins.len());
    for label in &mut layout.labels {
        *label = starts[*label];
    }
}

fn has_near(word: Word) -> bool {
    word.op().info().operands.iter().any(|&(_, role)| role == Near::ROLE)
}

/// Decides which near jumps are too long; each becomes three instructions (see [`encode`]).
fn widen(layout: &mut Layout, code: &mut Code) -> Vec<bool> {
    let n = layout.ins.len();
    let mut widened = vec![false; n];
    if n < i16::MAX as usize {
        return widened;
    }
    loop {
        let positions = positions(&widened);
        let mut changed = false;
        for (i, ins) in layout.ins.iter().enumerate() {
            let Some(label) = ins.label else { continue };
            if widened[i] || !has_near(ins.word) {
                continue;
            }
            let target = positions[layout.labels[label.0 as usize]] as i64;
            let distance = target - (positions[i] as i64 + 1);
            if i16::try_from(distance).is_err() {
                widened[i] = true;
                changed = true;
            }
        }
        if !changed {
            break;
        }
    }
    code.overflow |= n > i32::MAX as usize / 4;
    widened
}

/// The final index of every instruction, and that of the end.
fn positions(widened: &[bool]) -> Vec<usize> {
    let mut at = 0;
    let mut positions = Vec::with_capacity(widened.len() + 1);
    for &wide in widened {
        positions.push(at);
        at += if wide { 3 } else { 1 };
    }
    positions.push(at);
    positions
}

/// Sets the distance of the jump operand.
fn with_distance(word: Word, distance: i64) -> Word {
    let mut shift = 16;
    for (_, operand) in word.operands() {
        match operand {
            AnyOperand::Near(_) => {
                return Word(word.0 | u64::from(distance as i16 as u16) << shift);
            }
            AnyOperand::Target(_) => {
                return Word(word.0 | u64::from(distance as i32 as u32) << shift);
            }
            AnyOperand::Count(_) => {}
            AnyOperand::Imm32(_) => shift += 32,
            _ => shift += 16,
        }
    }
    word
}

fn jump(distance: i64) -> Word {
    ops::Jump { target: Target(distance as i32) }.encode()
}

/// Writes words, spans and handlers. A widened jump leads to a long `jump` behind it:
/// `0: jump_x -> 2; 1: jump -> 3; 2: jump -> far; 3:`.
fn encode(layout: &Layout, widened: &[bool], code: Code, header: Header) -> FunctionProto {
    let positions = positions(widened);
    let pc_of = |label: super::code::Label| positions[layout.labels[label.0 as usize]];
    let mut words = Vec::with_capacity(positions[widened.len()]);
    let mut spans = SpanTable::default();
    for (i, ins) in layout.ins.iter().enumerate() {
        let pc = words.len();
        let effects = ins.word.op().info().effects;
        if effects.has(Effects::THROWS) || effects.has(Effects::CALLS) {
            spans.push(pc as u32, ins.offset);
        }
        let Some(label) = ins.label else {
            words.push(ins.word);
            continue;
        };
        let target = pc_of(label) as i64;
        if widened[i] {
            words.push(with_distance(ins.word, 1));
            words.push(jump(1));
            words.push(jump(target - (pc as i64 + 3)));
        } else {
            words.push(with_distance(ins.word, target - (pc as i64 + 1)));
        }
    }
    let handlers = code
        .handlers
        .iter()
        .map(|h| Handler {
            start: pc_of(h.start) as u32,
            end: pc_of(h.end) as u32,
            target: pc_of(h.target) as u32,
            reg: h.reg,
            kind: h.kind,
        })
        .filter(|handler| handler.start < handler.end)
        .collect();
    FunctionProto {
        info: header.info,
        profile: Profile::new(words.len()),
        code: words.into_iter().map(Instr::new).collect(),
        consts: code.consts,
        n_registers: header.n_registers,
        captures: header.captures,
        upvalue_names: header.upvalue_names,
        children: code.children,
        handlers,
        places: code.places,
        name_lists: code.name_lists,
        structs: code.structs,
        enums: code.enums,
        variants: code.variants,
        paths: code.paths,
        spans,
        source: header.source,
        line: header.line,
    }
}
