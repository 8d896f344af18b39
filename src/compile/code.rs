//! The instructions of one function while it is being compiled.
//!
//! Emit methods are named and typed by the rows of the opcode table. Jump targets are labels
//! until `finish`, because instructions are still inserted and long jumps widened then. What
//! does not fit a 16-bit operand sets [`Code::overflow`], so that emitting itself never fails.

use std::collections::HashMap;
use std::sync::Arc;

use ruff_runtime::bytecode::operand::{
    Const as ConstIndex, Count, Def, Desc, Group, Imm, Imm32, Name, Native, Near, Operand, Proto,
    Read, Root, Slot, Target, Update, Upvalue, Use, Word,
};
use ruff_runtime::bytecode::{
    Const, EnumDesc, FunctionProto, HandlerKind, NameList, PlaceDesc, StructDesc, VariantDesc, ops,
};
use ruff_runtime::for_each_op;

/// A place in the code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Label(pub u32);

/// An instruction whose jump distance is still a label.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ins {
    pub word: Word,
    pub label: Option<Label>,
    /// Source offset of an error in it.
    pub offset: u32,
}

impl Ins {
    /// Sets the `sense` flag of a comparing jump.
    pub(super) fn sense(&mut self, sense: bool) {
        self.word = self.word.with_sense(sense);
    }

    /// Sets the operator of an updating instruction.
    pub(super) fn operator(&mut self, operator: u8) {
        self.word = self.word.with_operator(operator);
    }

    /// Marks the first `Use` operand as moved, whatever liveness says.
    pub(super) fn moved(&mut self) {
        self.word = self.word.with_last_use(0, true);
    }
}

/// An element of the stream.
#[derive(Clone, Copy)]
pub(super) enum Item {
    Ins(Ins),
    Label(Label),
    /// Instructions that become known later: index into [`Code::late`].
    Late(u32),
}

/// A handler whose range is still given by labels.
#[derive(Clone, Copy)]
pub(super) struct PendingHandler {
    pub start: Label,
    pub end: Label,
    pub target: Label,
    pub reg: u16,
    pub kind: HandlerKind,
}

#[derive(PartialEq, Eq, Hash)]
enum ConstKey {
    Null,
    None,
    Bool(bool),
    Int(i64),
    Float(u64),
    Str(Arc<str>),
}

/// Code and side tables of a function under construction.
#[derive(Default)]
pub(super) struct Code {
    pub items: Vec<Item>,
    pub late: Vec<Vec<Ins>>,
    pub n_labels: u32,
    pub handlers: Vec<PendingHandler>,
    pub consts: Vec<Const>,
    const_index: HashMap<ConstKey, u16>,
    pub children: Vec<Arc<FunctionProto>>,
    pub places: Vec<PlaceDesc>,
    pub name_lists: Vec<NameList>,
    pub structs: Vec<StructDesc>,
    pub enums: Vec<EnumDesc>,
    pub variants: Vec<VariantDesc>,
    pub paths: Vec<Vec<Arc<str>>>,
    /// Something did not fit its operand.
    pub overflow: bool,
    offset: u32,
}

/// What an emit method takes for an operand.
pub(super) trait Arg: Operand {
    type From;

    fn arg(from: Self::From, label: &mut Option<Label>) -> Self;
}

macro_rules! plain_args {
    ($($Role:ident($ty:ty)),*) => {$(
        impl Arg for $Role {
            type From = $ty;

            fn arg(from: $ty, _: &mut Option<Label>) -> Self {
                $Role(from)
            }
        }
    )*};
}

plain_args!(
    Def(u16),
    Read(u16),
    Update(u16),
    Group(u16),
    ConstIndex(u16),
    Name(u16),
    Imm(u16),
    Upvalue(u16),
    Slot(u16),
    Proto(u16),
    Native(u16),
    Desc(u16),
    Count(u8),
    Imm32(i32)
);

impl Arg for Use {
    type From = u16;

    fn arg(from: u16, _: &mut Option<Label>) -> Self {
        Use::from(from)
    }
}

impl Arg for Root {
    type From = Root;

    fn arg(from: Root, _: &mut Option<Label>) -> Self {
        from
    }
}

impl Arg for Near {
    type From = Label;

    fn arg(from: Label, label: &mut Option<Label>) -> Self {
        *label = Some(from);
        Near(0)
    }
}

impl Arg for Target {
    type From = Label;

    fn arg(from: Label, label: &mut Option<Label>) -> Self {
        *label = Some(from);
        Target(0)
    }
}

/// Emit methods, one per row.
mod emit {
    use super::{
        Arg, Code, ConstIndex as Const, Count, Def, Desc, Group, Imm, Imm32, Ins, Name, Native,
        Near, Proto, Read, Root, Slot, Target, Update, Upvalue, Use, for_each_op, ops,
    };

    macro_rules! define_emit {
        ($(
            $(#[doc = $doc:literal])*
            $method:ident = $Op:ident { $($field:ident: $Role:ident),* } [$($effect:ident)|*];
        )*) => {
            #[allow(dead_code, reason = "quickened forms are rows too, but only the VM makes them")]
            impl Code {
                $(
                    $(#[doc = $doc])*
                    pub(in crate::compile) fn $method(
                        &mut self,
                        $($field: <$Role as Arg>::From,)*
                    ) -> &mut Ins {
                        #[allow(unused_mut, reason = "rows without a jump")]
                        let mut label = None;
                        let op = ops::$Op { $($field: <$Role as Arg>::arg($field, &mut label),)* };
                        self.emit(op.encode(), label)
                    }
                )*
            }
        };
    }

    for_each_op!(define_emit);
}

impl Code {
    /// Sets the source offset for the instructions that follow.
    pub(super) fn at(&mut self, offset: u32) {
        self.offset = offset;
    }

    fn emit(&mut self, word: Word, label: Option<Label>) -> &mut Ins {
        self.items.push(Item::Ins(Ins { word, label, offset: self.offset }));
        match self.items.last_mut() {
            Some(Item::Ins(ins)) => ins,
            _ => unreachable!("an instruction was just pushed"),
        }
    }

    pub(super) fn new_label(&mut self) -> Label {
        self.n_labels += 1;
        Label(self.n_labels - 1)
    }

    /// The label means the next instruction.
    pub(super) fn bind(&mut self, label: Label) {
        self.items.push(Item::Label(label));
    }

    /// A new label for the next instruction.
    pub(super) fn here(&mut self) -> Label {
        let label = self.new_label();
        self.bind(label);
        label
    }

    /// Leaves room for instructions that [`Code::fill`] adds.
    pub(super) fn later(&mut self) -> u32 {
        self.late.push(Vec::new());
        let slot = self.late.len() as u32 - 1;
        self.items.push(Item::Late(slot));
        slot
    }

    /// Marks the registers as unassigned variables at the place `slot`.
    pub(super) fn fill(&mut self, slot: u32, regs: impl Iterator<Item = u16>) {
        let inits = regs.map(|reg| {
            let word = ops::LoadUnassigned { dst: Def(reg) }.encode();
            Ins { word, label: None, offset: 0 }
        });
        self.late[slot as usize].extend(inits);
    }

    /// Covers the instructions from `start` to here by a handler; inner ones come first.
    pub(super) fn handler(&mut self, start: Label, target: Label, reg: u16, kind: HandlerKind) {
        let end = self.here();
        self.handlers.push(PendingHandler { start, end, target, reg, kind });
    }

    /// The pool index of a constant; equal constants share one.
    pub(super) fn constant(&mut self, value: &Const) -> u16 {
        let key = match value {
            Const::Null => ConstKey::Null,
            Const::None => ConstKey::None,
            Const::Bool(v) => ConstKey::Bool(*v),
            Const::Int(v) => ConstKey::Int(*v),
            Const::Float(v) => ConstKey::Float(v.to_bits()),
            Const::Str(text) => ConstKey::Str(text.clone()),
        };
        if let Some(&index) = self.const_index.get(&key) {
            return index;
        }
        let index = push(&mut self.consts, value.clone(), &mut self.overflow);
        self.const_index.insert(key, index);
        index
    }

    /// The pool index of a name.
    pub(super) fn name(&mut self, name: &Arc<str>) -> u16 {
        self.constant(&Const::Str(name.clone()))
    }

    pub(super) fn child(&mut self, proto: FunctionProto) -> u16 {
        push(&mut self.children, Arc::new(proto), &mut self.overflow)
    }

    pub(super) fn place(&mut self, place: PlaceDesc) -> u16 {
        intern(&mut self.places, place, &mut self.overflow)
    }

    pub(super) fn name_list(&mut self, list: NameList) -> u16 {
        intern(&mut self.name_lists, list, &mut self.overflow)
    }

    pub(super) fn struct_desc(&mut self, desc: StructDesc) -> u16 {
        push(&mut self.structs, desc, &mut self.overflow)
    }

    pub(super) fn enum_desc(&mut self, desc: EnumDesc) -> u16 {
        push(&mut self.enums, desc, &mut self.overflow)
    }

    pub(super) fn variant(&mut self, desc: VariantDesc) -> u16 {
        intern(&mut self.variants, desc, &mut self.overflow)
    }

    pub(super) fn path(&mut self, path: Vec<Arc<str>>) -> u16 {
        intern(&mut self.paths, path, &mut self.overflow)
    }
}

fn push<T>(table: &mut Vec<T>, item: T, overflow: &mut bool) -> u16 {
    let Ok(index) = u16::try_from(table.len()) else {
        *overflow = true;
        return 0;
    };
    table.push(item);
    index
}

/// Shares an entry with an equal one among the last few.
fn intern<T: PartialEq>(table: &mut Vec<T>, item: T, overflow: &mut bool) -> u16 {
    let recent = table.len().saturating_sub(16);
    match table[recent..].iter().position(|known| *known == item) {
        Some(at) => (recent + at) as u16,
        None => push(table, item, overflow),
    }
}
