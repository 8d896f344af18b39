//! Values of enums: making them, telling their variants, reading what they carry.

use ruff_runtime::bytecode::VariantDesc;
use ruff_runtime::bytecode::operand::Use;
use ruff_runtime::objects::tagged::Tagged;
use ruff_runtime::value::Tag;

use super::builder::Builder;
use super::insn::Insn;
use super::state::{Know, Reg};
use crate::abi;
use crate::exit_reason::ExitReason;
use crate::ir::{Cond, Op, Ty};

/// What a pattern wants of its subject.
enum Wanted {
    /// A value of an enum of the program, of the variant at this address.
    Variant(u64),
    /// An `Ok`, `Err`, `Some` or `None`.
    Builtin(Tag),
}

fn wanted(desc: &VariantDesc) -> Option<Wanted> {
    let names = (desc.enum_name.as_deref(), &*desc.variant);
    let builtin = match names {
        // Without a list the bare name is also that of a string.
        (None, _) if !desc.has_parens => return None,
        (None | Some("Result"), "Ok") => Tag::Ok,
        (None | Some("Result"), "Err") => Tag::Err,
        (None | Some("Option"), "Some") => Tag::Some,
        (None | Some("Option"), "None") => Tag::None,
        _ => return desc.interned.map(|v| Wanted::Variant(std::ptr::from_ref(v) as u64)),
    };
    Some(Wanted::Builtin(builtin))
}

impl Builder<'_> {
    /// Jumps unless the subject is of a variant.
    pub(super) fn jump_unless_variant(&mut self, subject: u16, desc: u16, target: u32) {
        let Some(wanted) = wanted(&self.proto.variants[usize::from(desc)]) else {
            return self.step();
        };
        if self.state.get(subject).node().is_some() {
            return self.step();
        }
        self.materialise(subject);
        let is_it = match wanted {
            Wanted::Builtin(tag) => {
                let found = self.add(Op::LoadTag(subject), Ty::Word);
                let tag = self.word(tag as u64);
                self.add(Op::ICmp(Cond::Eq, found, tag), Ty::Bool)
            }
            Wanted::Variant(address) => {
                self.guard_tag(subject, Tag::Tagged, ExitReason::WrongType);
                let object = self.add(Op::LoadSlot(subject), Ty::Word);
                let found = self.add(Op::Load(object, abi::TAGGED_VARIANT), Ty::Word);
                let address = self.word(address);
                self.add(Op::ICmp(Cond::Eq, found, address), Ty::Bool)
            }
        };
        self.jump_on(is_it, target, false);
    }

    /// R[dst] = payload value `index` of a subject whose variant was tested right before.
    pub(super) fn get_payload(&mut self, dst: u16, src: u16, index: u16) {
        let wanted = self.tested_variant(src);
        let (Some(wanted), None) = (wanted, self.state.get(src).node()) else {
            return self.step();
        };
        self.materialise(src);
        let object = self.add(Op::LoadSlot(src), Ty::Word);
        let at = match wanted {
            Wanted::Builtin(tag) if index == 0 && tag != Tag::None => {
                self.guard_tag(src, tag, ExitReason::WrongType);
                abi::WRAPPED
            }
            Wanted::Builtin(_) => return self.step(),
            Wanted::Variant(_) => {
                self.guard_tag(src, Tag::Tagged, ExitReason::WrongType);
                let n = self.add(Op::Load(object, abi::TAGGED_N), Ty::Word);
                let index_word = self.word(index.into());
                let is_there = self.add(Op::Below(index_word, n), Ty::Bool);
                self.guard(is_there, ExitReason::OutOfBounds);
                abi::TAGGED_PAYLOAD + i32::from(index) * abi::VALUE_SIZE
            }
        };
        let tag = self.add(Op::Load(object, at + abi::TAG_OFFSET), Ty::Word);
        let payload = self.add(Op::Load(object, at + abi::PAYLOAD_OFFSET), Ty::Word);
        self.add(Op::RetainPair(tag, payload), Ty::None);
        self.release(dst);
        self.add(Op::StorePair(dst, tag, payload), Ty::None);
        self.state.set(dst, Reg::slot(Know::Any));
    }

    /// What the test before a row of payload reads wanted of the subject.
    fn tested_variant(&self, subject: u16) -> Option<Wanted> {
        let mut pc = self.pc;
        loop {
            pc = pc.checked_sub(1)?;
            match self.flow.insns[pc as usize] {
                Insn::GetPayload { src, dst, .. } if src == subject && dst != subject => {}
                Insn::JumpUnlessVariant { subject: tested, desc, .. } if tested == subject => {
                    return wanted(&self.proto.variants[usize::from(desc)]);
                }
                _ => return None,
            }
        }
    }

    /// R[dst] = a value of a variant with a group of registers as its payload.
    pub(super) fn new_tag(&mut self, dst: u16, first: u16, count: u8, desc: u16) {
        let variant = self.proto.variants[usize::from(desc)].interned;
        let (Some(variant), Some((size, header))) = (variant, Tagged::layout(count.into())) else {
            return self.step();
        };
        self.materialise_all();
        let group = first..first + u16::from(count);
        let values: Vec<_> = group.clone().map(|r| self.take_value(Use::last(r))).collect();
        group.for_each(|r| self.state.set(r, Reg::EMPTY));
        let object = self.add(Op::Alloc(size as u32), Ty::Word);
        let header = self.word(header);
        self.add(Op::Store(object, 0, header), Ty::None);
        let variant = self.word(std::ptr::from_ref(variant) as u64);
        self.add(Op::Store(object, abi::TAGGED_VARIANT, variant), Ty::None);
        let n = self.word(count.into());
        self.add(Op::Store(object, abi::TAGGED_N, n), Ty::None);
        for (i, (tag, payload)) in (0..).zip(values) {
            let at = abi::TAGGED_PAYLOAD + i * abi::VALUE_SIZE;
            self.add(Op::Store(object, at + abi::TAG_OFFSET, tag), Ty::None);
            self.add(Op::Store(object, at + abi::PAYLOAD_OFFSET, payload), Ty::None);
        }
        self.last_exit = None;
        self.release(dst);
        let tag = self.word(Tag::Tagged as u64);
        self.add(Op::StorePair(dst, tag, object), Ty::None);
        self.state.set(dst, Reg::slot(Know::Any));
    }
}
