//! Which registers an instruction reads and writes, from the roles of its row and, for groups,
//! from its opcode. Used for liveness, and to know what a step through the interpreter changed.

use ruff_runtime::bytecode::operand::{AnyOperand, RootKind, Word};
use ruff_runtime::bytecode::ops::Op;
use ruff_runtime::bytecode::{Capture, DefaultDesc, FunctionProto, PlaceStepKind};

/// Registers that an instruction touches.
#[derive(Default, Debug)]
pub struct Registers {
    /// Read (also when moved out).
    pub reads: Vec<u16>,
    /// Written, changed or emptied.
    pub writes: Vec<u16>,
    /// Of those written, the ones that hold null afterwards.
    pub emptied: Vec<u16>,
    /// All registers from here on are emptied: the window of a call.
    pub window: Option<u16>,
}

/// The registers of `word`.
pub(super) fn registers(word: Word, proto: &FunctionProto, window: u16) -> Registers {
    let mut regs = Registers::default();
    let (mut group, mut count) = (None, None);
    let (mut imm, mut desc) = (0, None);
    for (_, operand) in word.operands() {
        match operand {
            AnyOperand::Def(r) => regs.writes.push(r.0),
            AnyOperand::Use(r) => {
                regs.reads.push(r.reg);
                if r.is_last {
                    regs.writes.push(r.reg);
                    regs.emptied.push(r.reg);
                }
            }
            AnyOperand::Read(r) => regs.reads.push(r.0),
            AnyOperand::Update(r) => {
                regs.reads.push(r.0);
                regs.writes.push(r.0);
            }
            AnyOperand::Root(root) => match root.kind {
                RootKind::Register => {
                    regs.reads.push(root.index);
                    regs.writes.push(root.index);
                }
                RootKind::Cell => regs.reads.push(root.index),
                RootKind::Upvalue | RootKind::Module => {}
            },
            AnyOperand::Group(r) => group = Some(r.0),
            AnyOperand::Count(n) => count = Some(u16::from(n.0)),
            AnyOperand::Imm(n) => imm = n.0,
            AnyOperand::Desc(d) => desc = Some(d.0 as usize),
            AnyOperand::Proto(p) => captures(&mut regs, (proto, window), p.0 as usize),
            AnyOperand::Const(_) | AnyOperand::Name(_) | AnyOperand::Imm32(_) => {}
            AnyOperand::Near(_) | AnyOperand::Target(_) | AnyOperand::Upvalue(_) => {}
            AnyOperand::Slot(_) | AnyOperand::Native(_) => {}
        }
    }
    if let Some(first) = group {
        let n_fields = || desc.map_or(0, |d| proto.name_lists[d].names.len() as u16);
        add_group(&mut regs, word.op(), first, (count, imm), n_fields);
    }
    if let Some(desc) = desc {
        add_desc(&mut regs, word.op(), (proto, window), desc);
    }
    regs
}

fn captures(regs: &mut Registers, (proto, window): (&FunctionProto, u16), child: usize) {
    for capture in &proto.children[child].captures {
        if let Capture::Register(r) = capture {
            regs.reads.push(window + *r);
        }
    }
}

fn add_group(
    regs: &mut Registers,
    op: Op,
    first: u16,
    (count, imm): (Option<u16>, u16),
    n_fields: impl Fn() -> u16,
) {
    let count = count.unwrap_or(0);
    let (n_reads, n_writes) = match op {
        Op::RangeInit => (count, 3.max(count)),
        Op::RangeTest | Op::RangeLoop => (3, 1),
        Op::IterInit => (1, 2),
        Op::IterTest | Op::IterLoop => (2, 2),
        Op::Call | Op::CallModule | Op::CallMethod | Op::CallMethodPlace => (count + 1, count + 1),
        Op::CallSpread | Op::CallMethodSpread | Op::CallMethodPlaceSpread => (2, 2),
        Op::CallNative | Op::NewTag | Op::RangeItems => (count, count),
        Op::NewArray | Op::Concat => (imm, imm),
        Op::NewDict => (2 * imm, 2 * imm),
        Op::NewStruct => (n_fields() + 1, n_fields() + 1),
        _ => (count + 1, count + 1),
    };
    // `call_module` does not use the first one.
    let skip = u16::from(op == Op::CallModule);
    regs.reads.extend(first + skip..first + n_reads);
    // The source of an iteration stays as it is.
    let is_iteration = matches!(op, Op::IterTest | Op::IterLoop);
    regs.writes.extend(first + u16::from(is_iteration)..first + n_writes);
    let is_call = matches!(
        op,
        Op::Call
            | Op::CallModule
            | Op::CallMethod
            | Op::CallMethodPlace
            | Op::CallSpread
            | Op::CallMethodSpread
            | Op::CallMethodPlaceSpread
    );
    if is_call {
        // What `call_module` does not use keeps its value, as does the receiver of a place.
        let kept = skip + u16::from(op == Op::CallMethodPlace);
        regs.emptied.extend(first + kept..first + n_writes);
        regs.window = Some(first + n_reads);
    }
    if op == Op::CallNative {
        regs.emptied.extend(first..first + n_writes);
    }
}

fn add_desc(regs: &mut Registers, op: Op, (proto, window): (&FunctionProto, u16), desc: usize) {
    match op {
        Op::TakeReceiver | Op::LoadPlace | Op::StorePlace | Op::UpdatePlace | Op::PutPlace => {
            for step in &proto.places[desc].steps {
                if let PlaceStepKind::Index(r) = step.kind {
                    regs.reads.push(window + r);
                }
            }
        }
        Op::StructDef => {
            let desc = &proto.structs[desc];
            for &(_, child) in &desc.methods {
                captures(regs, (proto, window), child as usize);
            }
            for default in &desc.defaults {
                if let DefaultDesc::Child(child) = default {
                    captures(regs, (proto, window), *child as usize);
                }
            }
        }
        _ => {}
    }
}
