//! Which registers an instruction reads and writes, from the roles of its operands.

use ruff_runtime::bytecode::operand::{AnyOperand, RootKind};
use ruff_runtime::bytecode::ops::{self, Op};
use ruff_runtime::bytecode::{Capture, DefaultDesc, PlaceStepKind};

use super::code::{Code, Ins};

/// The registers of one instruction; reused between instructions.
#[derive(Default)]
pub(super) struct Regs {
    /// Registers that are read, with the number of the `Use` operand that can move them.
    pub uses: Vec<(u16, Option<u32>)>,
    pub defs: Vec<u16>,
}

impl Regs {
    /// Collects the registers of `ins`.
    pub(super) fn collect(&mut self, ins: &Ins, code: &Code) {
        self.uses.clear();
        self.defs.clear();
        let mut nth = 0;
        for (_, operand) in ins.word.operands() {
            match operand {
                AnyOperand::Def(reg) => self.defs.push(reg.0),
                AnyOperand::Use(reg) => {
                    self.uses.push((reg.reg, Some(nth)));
                    nth += 1;
                }
                AnyOperand::Read(reg) => self.uses.push((reg.0, None)),
                AnyOperand::Update(reg) => self.uses.push((reg.0, None)),
                AnyOperand::Group(first) => self.group(ins, first.0, code),
                AnyOperand::Root(root) => match root.kind {
                    RootKind::Register | RootKind::Cell => self.uses.push((root.index, None)),
                    RootKind::Upvalue | RootKind::Module => {}
                },
                AnyOperand::Proto(child) => self.captures(child.0, code),
                AnyOperand::Desc(desc) => self.desc(ins.word.op(), desc.0, code),
                AnyOperand::Count(_)
                | AnyOperand::Const(_)
                | AnyOperand::Name(_)
                | AnyOperand::Imm(_)
                | AnyOperand::Imm32(_)
                | AnyOperand::Near(_)
                | AnyOperand::Target(_)
                | AnyOperand::Upvalue(_)
                | AnyOperand::Slot(_)
                | AnyOperand::Native(_) => {}
            }
        }
    }

    fn group(&mut self, ins: &Ins, first: u16, code: &Code) {
        let word = ins.word;
        let (skip, reads, writes) = match word.op() {
            Op::RangeInit => (0, ops::RangeInit::decode(word).count.n(), 3),
            Op::RangeTest | Op::RangeLoop => (0, 3, 1),
            Op::IterInit => (0, 1, 2),
            Op::IterTest | Op::IterLoop => (0, 2, 0),
            Op::Call => (0, 1 + ops::Call::decode(word).count.n(), 0),
            Op::CallModule => (1, 1 + ops::CallModule::decode(word).count.n(), 0),
            Op::CallSpread | Op::CallMethodSpread => (0, 2, 0),
            Op::CallNative => (0, ops::CallNative::decode(word).count.n(), 0),
            Op::RangeItems => (0, ops::RangeItems::decode(word).count.n(), 0),
            Op::CallMethod => (0, 1 + ops::CallMethod::decode(word).count.n(), 0),
            Op::CallMethodPlace => (0, 1 + ops::CallMethodPlace::decode(word).count.n(), 1),
            Op::CallMethodPlaceSpread => (0, 2, 1),
            Op::NewArray => (0, ops::NewArray::decode(word).n.idx(), 0),
            Op::NewDict => (0, 2 * ops::NewDict::decode(word).n.idx(), 0),
            Op::Concat => (0, ops::Concat::decode(word).n.idx(), 0),
            Op::NewStruct => {
                let list = &code.name_lists[ops::NewStruct::decode(word).desc.idx()];
                (0, 1 + list.names.len(), 0)
            }
            Op::NewTag => (0, ops::NewTag::decode(word).count.n(), 0),
            _ => (0, 0, 0),
        };
        self.uses.extend((skip..reads).map(|i| (first + i as u16, None)));
        self.defs.extend((0..writes).map(|i| first + i));
    }

    fn desc(&mut self, op: Op, index: u16, code: &Code) {
        match op {
            Op::TakeReceiver | Op::LoadPlace | Op::StorePlace | Op::UpdatePlace | Op::PutPlace => {
                for step in &code.places[index as usize].steps {
                    if let PlaceStepKind::Index(reg) = step.kind {
                        self.uses.push((reg, None));
                    }
                }
            }
            Op::StructDef => {
                let desc = &code.structs[index as usize];
                for &(_, child) in &desc.methods {
                    self.captures(child, code);
                }
                for default in &desc.defaults {
                    if let DefaultDesc::Child(child) = default {
                        self.captures(*child, code);
                    }
                }
            }
            _ => {}
        }
    }

    fn captures(&mut self, child: u16, code: &Code) {
        for capture in &code.children[child as usize].captures {
            if let Capture::Register(reg) = capture {
                self.uses.push((*reg, None));
            }
        }
    }

    /// Whether `reg` is read by more than one operand.
    pub(super) fn is_read_twice(&self, reg: u16) -> bool {
        self.uses.iter().filter(|&&(used, _)| used == reg).count() > 1
    }
}
