//! Checks a prototype before it first runs; engines do not check operands again.
//!
//! Nothing here knows an opcode except [`group_len`] and [`desc_table`], which say what a row's
//! roles leave open: how many registers a group has and which side table a `Desc` indexes.

use super::operand::{AnyOperand, RootKind, Word};
use super::ops::{self, Effects, Op};
use super::{Capture, CompiledModule, Const, DefaultDesc, FunctionProto, PlaceStepKind, TestItem};
use crate::objects::function::Receiver;

/// Code that must not run: a mistake of the compiler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifyError {
    /// The function's name.
    pub function: String,
    /// The instruction, if it is about one.
    pub pc: Option<usize>,
    pub what: String,
}

impl std::fmt::Display for VerifyError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.pc {
            Some(pc) => write!(f, "{} at {pc:04}: {}", self.function, self.what),
            None => write!(f, "{}: {}", self.function, self.what),
        }
    }
}

impl std::error::Error for VerifyError {}

/// A side table of a prototype.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DescTable {
    Places,
    NameLists,
    Structs,
    Enums,
    Variants,
    Paths,
}

/// The table that the `Desc` operand of `op` indexes; `None` if it has none.
pub fn desc_table(op: Op) -> Option<DescTable> {
    Some(match op {
        Op::TakeReceiver | Op::LoadPlace | Op::StorePlace | Op::UpdatePlace | Op::PutPlace => {
            DescTable::Places
        }
        Op::DictRest | Op::CheckStruct | Op::NewStruct => DescTable::NameLists,
        Op::StructDef => DescTable::Structs,
        Op::EnumDef => DescTable::Enums,
        Op::NewTag | Op::NewTagSpread | Op::JumpUnlessVariant => DescTable::Variants,
        Op::Import => DescTable::Paths,
        _ => return None,
    })
}

/// How many registers the `Group` operand of the instruction covers.
pub fn group_len(word: Word, proto: &FunctionProto) -> usize {
    match word.op() {
        Op::RangeInit => ops::RangeInit::decode(word).count.n().max(3),
        Op::RangeTest | Op::RangeLoop => 3,
        Op::IterInit | Op::IterTest | Op::IterLoop => 2,
        Op::Call => 1 + ops::Call::decode(word).count.n(),
        Op::CallModule => 1 + ops::CallModule::decode(word).count.n(),
        Op::CallSpread | Op::CallMethodSpread | Op::CallMethodPlaceSpread => 2,
        Op::CallNative => ops::CallNative::decode(word).count.n(),
        Op::RangeItems => ops::RangeItems::decode(word).count.n(),
        Op::CallMethod => 1 + ops::CallMethod::decode(word).count.n(),
        Op::CallMethodPlace => 1 + ops::CallMethodPlace::decode(word).count.n(),
        Op::NewArray => ops::NewArray::decode(word).n.idx(),
        Op::NewDict => 2 * ops::NewDict::decode(word).n.idx(),
        Op::Concat => ops::Concat::decode(word).n.idx(),
        Op::NewStruct => {
            let list = proto.name_lists.get(ops::NewStruct::decode(word).desc.idx());
            1 + list.map_or(0, |list| list.names.len())
        }
        Op::NewTag => ops::NewTag::decode(word).count.n(),
        _ => 0,
    }
}

/// Checks a module's code, that of all its functions and its tests.
///
/// # Errors
/// The first thing found wrong.
pub fn module(module: &CompiledModule) -> Result<(), VerifyError> {
    let n_slots = module.slot_names.len();
    verify_tree(&module.top, n_slots)?;
    let wrong = |what: &str| VerifyError {
        function: module.name.as_ref().into(),
        pc: None,
        what: what.into(),
    };
    if module.exports.iter().any(|&(_, slot)| slot as usize >= n_slots) {
        return Err(wrong("an export without slot"));
    }
    if !tests_in_range(&module.tests, module.top.children.len()) {
        return Err(wrong("a test without function"));
    }
    Ok(())
}

fn tests_in_range(items: &[TestItem], n_children: usize) -> bool {
    items.iter().all(|item| match item {
        TestItem::Test { proto, .. } | TestItem::Setup { proto } | TestItem::Teardown { proto } => {
            usize::from(*proto) < n_children
        }
        TestItem::Group { items, .. } => tests_in_range(items, n_children),
    })
}

/// Checks a function and, with a work list, the functions nested in it.
fn verify_tree(top: &FunctionProto, n_slots: usize) -> Result<(), VerifyError> {
    let mut waiting = vec![top];
    while let Some(proto) = waiting.pop() {
        function(proto, n_slots)?;
        waiting.extend(proto.children.iter().map(|child| &**child));
    }
    Ok(())
}

/// Checks one function of a module with `n_slots` variables; not the functions nested in it.
///
/// # Errors
/// The first thing found wrong.
pub fn function(proto: &FunctionProto, n_slots: usize) -> Result<(), VerifyError> {
    let verifier = Verifier { proto, n_slots };
    verifier.frame()?;
    for (pc, instr) in proto.code.iter().enumerate() {
        let word = instr.word();
        for (name, operand) in word.operands() {
            if !verifier.is_valid(pc, word, operand) {
                return Err(verifier.wrong(Some(pc), format!("operand `{name}`: {operand:?}")));
            }
        }
    }
    verifier.handlers()?;
    verifier.side_tables()
}

struct Verifier<'a> {
    proto: &'a FunctionProto,
    n_slots: usize,
}

impl Verifier<'_> {
    fn wrong(&self, pc: Option<usize>, what: impl Into<String>) -> VerifyError {
        VerifyError { function: self.proto.info.display_name().into(), pc, what: what.into() }
    }

    fn frame(&self) -> Result<(), VerifyError> {
        let info = &self.proto.info;
        let receiver = usize::from(info.receiver != Receiver::None);
        let n_params = receiver + info.n_params as usize + usize::from(info.has_rest);
        if n_params > usize::from(self.proto.n_registers) {
            return Err(self.wrong(None, "parameters do not fit the registers"));
        }
        if self.proto.upvalue_names.len() != self.proto.captures.len() {
            return Err(self.wrong(None, "captures without names"));
        }
        match self.proto.code.last() {
            Some(last) if last.op().info().effects.has(Effects::ENDS_BLOCK) => Ok(()),
            _ => Err(self.wrong(None, "control runs off the end")),
        }
    }

    fn is_register(&self, reg: usize) -> bool {
        reg < usize::from(self.proto.n_registers)
    }

    fn is_valid(&self, pc: usize, word: Word, operand: AnyOperand) -> bool {
        let proto = self.proto;
        match operand {
            AnyOperand::Def(reg) => self.is_register(reg.idx()),
            AnyOperand::Use(reg) => self.is_register(reg.idx()),
            AnyOperand::Read(reg) => self.is_register(reg.idx()),
            AnyOperand::Update(reg) => self.is_register(reg.idx()),
            AnyOperand::Group(first) => {
                first.idx() + group_len(word, proto) <= usize::from(proto.n_registers)
            }
            AnyOperand::Const(index) => index.idx() < proto.consts.len(),
            AnyOperand::Name(index) => matches!(proto.consts.get(index.idx()), Some(Const::Str(_))),
            AnyOperand::Near(_) | AnyOperand::Target(_) => {
                let target = word.jump_target(pc).unwrap_or(-1);
                (0..proto.code.len() as i64).contains(&target)
            }
            AnyOperand::Upvalue(index) => index.idx() < proto.captures.len(),
            AnyOperand::Slot(index) => index.idx() < self.n_slots,
            AnyOperand::Proto(index) => index.idx() < proto.children.len(),
            AnyOperand::Native(index) => index.idx() < crate::natives::all().len(),
            AnyOperand::Desc(index) => self.is_desc(word.op(), index.idx()),
            AnyOperand::Root(root) => match root.kind {
                RootKind::Register | RootKind::Cell => self.is_register(root.idx()),
                RootKind::Upvalue => root.idx() < proto.captures.len(),
                RootKind::Module => root.idx() < self.n_slots,
            },
            AnyOperand::Count(_) | AnyOperand::Imm(_) | AnyOperand::Imm32(_) => true,
        }
    }

    fn is_desc(&self, op: Op, index: usize) -> bool {
        let proto = self.proto;
        let len = match desc_table(op) {
            Some(DescTable::Places) => proto.places.len(),
            Some(DescTable::NameLists) => proto.name_lists.len(),
            Some(DescTable::Structs) => proto.structs.len(),
            Some(DescTable::Enums) => proto.enums.len(),
            Some(DescTable::Variants) => proto.variants.len(),
            Some(DescTable::Paths) => proto.paths.len(),
            None => 0,
        };
        index < len
    }

    fn handlers(&self) -> Result<(), VerifyError> {
        let n = self.proto.code.len() as u32;
        let is_bad = |h: &super::Handler| {
            h.start >= h.end || h.end > n || h.target >= n || !self.is_register(h.reg.into())
        };
        match self.proto.handlers.iter().find(|h| is_bad(h)) {
            Some(handler) => Err(self.wrong(None, format!("{handler:?}"))),
            None => Ok(()),
        }
    }

    fn side_tables(&self) -> Result<(), VerifyError> {
        let proto = self.proto;
        let steps = proto.places.iter().flat_map(|place| &place.steps);
        for step in steps {
            if let PlaceStepKind::Index(reg) = step.kind
                && !self.is_register(reg.into())
            {
                return Err(self.wrong(None, "a place with a register out of range"));
            }
        }
        let n_children = proto.children.len();
        for desc in &proto.structs {
            let in_range = |child: u16| usize::from(child) < n_children;
            let methods = desc.methods.iter().all(|&(_, child)| in_range(child));
            let defaults = desc.defaults.iter().all(|default| match default {
                DefaultDesc::Child(child) => in_range(*child),
                DefaultDesc::None | DefaultDesc::Const(_) => true,
            });
            if !methods || !defaults || desc.defaults.len() > desc.fields.len() {
                return Err(self.wrong(None, format!("struct {}", desc.name)));
            }
        }
        for child in &proto.children {
            let is_bad = |capture: &Capture| match *capture {
                Capture::Register(reg) => !self.is_register(reg.into()),
                Capture::Upvalue(index) => usize::from(index) >= proto.captures.len(),
            };
            if child.captures.iter().any(is_bad) {
                return Err(self.wrong(None, "a capture out of range"));
            }
        }
        Ok(())
    }
}
