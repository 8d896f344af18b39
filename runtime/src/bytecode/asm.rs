//! Assembles the code of one function: typed emit methods, labels, constants, side tables.
//!
//! There is one emit method per opcode, named and typed by its row; each returns the pc of the
//! new instruction, through which flags can still be changed. What does not fit (a pool with
//! more than 65,536 entries, a near jump that is too long) is remembered and reported by
//! [`Assembler::finish`], so emitting itself never fails.

use std::collections::HashMap;
use std::sync::Arc;

use super::operand::{AnyOperand, Instr, Label, LaneWriter, Near, Operand, Target, Use, Word};
use super::operand::{
    Const as ConstIdx, Count, Def, Desc, Group, Imm, Imm32, Name, Native, Proto, Read, Root, Slot,
    Update, Upvalue,
};
use super::ops::{Effects, Op};
use super::spans::{SourceMap, SpanTable};
use super::{
    Capture, Const, EnumDesc, FunctionProto, Handler, HandlerKind, NameList, PlaceDesc, StructDesc,
    VariantDesc,
};
use crate::for_each_op;
use crate::objects::function::FunctionInfo;
use crate::profile::Profile;

/// What does not fit the instruction word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AsmError {
    /// The jump recorded at this source offset is longer than 32,767 instructions.
    JumpTooFar { offset: u32 },
    /// A side table of the function has more than 65,536 entries.
    TableFull { table: &'static str },
    /// A label was used and never bound: a mistake of the compiler.
    UnboundLabel,
}

impl std::fmt::Display for AsmError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            AsmError::JumpTooFar { .. } => f.write_str("function too large: jump too far"),
            AsmError::TableFull { table } => write!(f, "function too large: too many {table}"),
            AsmError::UnboundLabel => f.write_str("jump to an unbound label"),
        }
    }
}

impl std::error::Error for AsmError {}

/// What a function is besides its code.
pub struct ProtoHeader {
    pub info: FunctionInfo,
    pub n_registers: u16,
    pub captures: Vec<Capture>,
    pub upvalue_names: Vec<Arc<str>>,
    pub source: Arc<SourceMap>,
    /// Line of the declaration.
    pub line: u32,
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

/// A handler whose range and target are labels.
struct PendingHandler {
    start: Label,
    end: Label,
    target: Label,
    reg: u16,
    kind: HandlerKind,
}

/// The side tables of the function; `Desc` and `Proto` operands index them.
#[derive(Default)]
struct Tables {
    children: Vec<Arc<FunctionProto>>,
    places: Vec<PlaceDesc>,
    name_lists: Vec<NameList>,
    structs: Vec<StructDesc>,
    enums: Vec<EnumDesc>,
    variants: Vec<VariantDesc>,
    paths: Vec<Vec<Arc<str>>>,
}

/// Code under construction.
#[derive(Default)]
pub struct Assembler {
    code: Vec<Word>,
    /// Pc of each label, by its number.
    labels: Vec<Option<u32>>,
    /// The pc that a label was bound to last.
    last_bound: Option<usize>,
    /// Jumps whose distance is filled in at the end.
    fixups: Vec<(usize, Label)>,
    consts: Vec<Const>,
    const_index: HashMap<ConstKey, u16>,
    handlers: Vec<PendingHandler>,
    tables: Tables,
    spans: SpanTable,
    offset: u32,
    error: Option<AsmError>,
}

/// What an emit method takes for an operand of role `R`.
pub trait Arg<R> {
    fn into_operand(self, asm: &mut Assembler) -> R;
}

macro_rules! plain_args {
    ($($Role:ident from $ty:ty),*) => {$(
        impl Arg<$Role> for $ty {
            fn into_operand(self, _asm: &mut Assembler) -> $Role {
                $Role(self)
            }
        }
    )*};
}

plain_args!(
    Def from u16, Read from u16, Update from u16, Group from u16, Count from u8,
    ConstIdx from u16, Name from u16, Imm from u16, Imm32 from i32, Upvalue from u16,
    Slot from u16, Proto from u16, Native from u16, Desc from u16
);

impl Arg<Imm> for bool {
    fn into_operand(self, _asm: &mut Assembler) -> Imm {
        Imm(self.into())
    }
}

impl Arg<Use> for Use {
    fn into_operand(self, _asm: &mut Assembler) -> Use {
        self
    }
}

impl Arg<Use> for u16 {
    fn into_operand(self, _asm: &mut Assembler) -> Use {
        self.into()
    }
}

impl Arg<Root> for Root {
    fn into_operand(self, _asm: &mut Assembler) -> Root {
        self
    }
}

impl Arg<Near> for Label {
    fn into_operand(self, asm: &mut Assembler) -> Near {
        asm.fixups.push((asm.code.len(), self));
        Near(0)
    }
}

impl Arg<Target> for Label {
    fn into_operand(self, asm: &mut Assembler) -> Target {
        asm.fixups.push((asm.code.len(), self));
        Target(0)
    }
}

/// Emit methods, one per row.
mod emit {
    use super::{
        Arg, Assembler, ConstIdx as Const, Count, Def, Desc, Group, Imm, Imm32, LaneWriter, Name,
        Native, Near, Op, Operand, Proto, Read, Root, Slot, Target, Update, Upvalue, Use,
        for_each_op,
    };

    macro_rules! define_emit {
        ($(
            $(#[doc = $doc:literal])*
            $method:ident = $Op:ident { $($field:ident: $Role:ident),* } [$($effect:ident)|*];
        )*) => {
            impl Assembler {
                $(
                    $(#[doc = $doc])*
                    #[allow(clippy::too_many_arguments, reason = "the row decides")]
                    pub fn $method(
                        &mut self,
                        $($field: impl Arg<$Role>,)*
                    ) -> usize {
                        #[allow(unused_mut, reason = "rows without operands")]
                        let mut lanes = LaneWriter::new(Op::$Op);
                        $($field.into_operand(self).write(&mut lanes);)*
                        self.emit(lanes.finish())
                    }
                )*
            }
        };
    }

    for_each_op!(define_emit);
}

impl Assembler {
    pub fn new() -> Assembler {
        Assembler::default()
    }

    /// Sets the source offset recorded for the instructions that follow.
    pub fn at(&mut self, offset: u32) {
        self.offset = offset;
    }

    /// The pc of the next instruction.
    pub fn pc(&self) -> usize {
        self.code.len()
    }

    fn emit(&mut self, word: Word) -> usize {
        let pc = self.code.len();
        let effects = word.op().info().effects;
        if effects.has(Effects::THROWS) || effects.has(Effects::CALLS) {
            self.spans.push(pc as u32, self.offset);
        }
        self.code.push(word);
        pc
    }

    /// The instruction at `pc` as it is now.
    pub fn word(&self, pc: usize) -> Word {
        self.code[pc]
    }

    /// The opcode of the last instruction, if no label is bound behind it.
    pub fn last_op(&self) -> Option<Op> {
        let is_target = self.last_bound == Some(self.code.len());
        self.code.last().filter(|_| !is_target).map(|word| word.op())
    }

    // ---- flags

    /// Marks (or unmarks) the first (0) or second (1) `Use` operand as the last use.
    pub fn set_last_use(&mut self, pc: usize, nth_use: u32, is_last: bool) {
        self.code[pc] = self.code[pc].with_last_use(nth_use, is_last);
    }

    /// For comparing jumps: jump if the comparison is `sense`.
    pub fn set_sense(&mut self, pc: usize, sense: bool) {
        self.code[pc] = self.code[pc].with_sense(sense);
    }

    /// For updating instructions: 0-4 for `+ - * / %`.
    pub fn set_operator(&mut self, pc: usize, operator: u8) {
        self.code[pc] = self.code[pc].with_operator(operator);
    }

    // ---- labels and handlers

    pub fn new_label(&mut self) -> Label {
        self.labels.push(None);
        Label(self.labels.len() as u32 - 1)
    }

    /// The label means the next instruction from now on.
    pub fn bind(&mut self, label: Label) {
        self.labels[label.0 as usize] = Some(self.code.len() as u32);
        self.last_bound = Some(self.code.len());
    }

    /// A new label for the next instruction.
    pub fn here(&mut self) -> Label {
        let label = self.new_label();
        self.bind(label);
        label
    }

    /// Adds a handler for the instructions from `start` up to `end`. Inner handlers must be
    /// added before the ones around them.
    pub fn handler(
        &mut self,
        (start, end): (Label, Label),
        target: Label,
        reg: u16,
        kind: HandlerKind,
    ) {
        self.handlers.push(PendingHandler { start, end, target, reg, kind });
    }

    // ---- constants

    /// The pool index of a constant; equal constants share one.
    pub fn constant(&mut self, value: Const) -> u16 {
        let key = match &value {
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
        let index = add(&mut self.consts, value, "constants", &mut self.error);
        self.const_index.insert(key, index);
        index
    }

    pub fn int(&mut self, value: i64) -> u16 {
        self.constant(Const::Int(value))
    }

    pub fn float(&mut self, value: f64) -> u16 {
        self.constant(Const::Float(value))
    }

    pub fn string(&mut self, text: &str) -> u16 {
        self.constant(Const::Str(text.into()))
    }

    // ---- side tables

    pub fn child(&mut self, proto: Arc<FunctionProto>) -> u16 {
        add(&mut self.tables.children, proto, "functions", &mut self.error)
    }

    pub fn place(&mut self, place: PlaceDesc) -> u16 {
        intern(&mut self.tables.places, place, "places", &mut self.error)
    }

    pub fn name_list(&mut self, list: NameList) -> u16 {
        intern(&mut self.tables.name_lists, list, "name lists", &mut self.error)
    }

    pub fn struct_desc(&mut self, desc: StructDesc) -> u16 {
        add(&mut self.tables.structs, desc, "structs", &mut self.error)
    }

    pub fn enum_desc(&mut self, desc: EnumDesc) -> u16 {
        add(&mut self.tables.enums, desc, "enums", &mut self.error)
    }

    pub fn variant(&mut self, desc: VariantDesc) -> u16 {
        intern(&mut self.tables.variants, desc, "variants", &mut self.error)
    }

    pub fn path(&mut self, path: Vec<Arc<str>>) -> u16 {
        intern(&mut self.tables.paths, path, "imports", &mut self.error)
    }

    /// The finished function.
    ///
    /// # Errors
    /// The first thing that did not fit.
    pub fn finish(mut self, header: ProtoHeader) -> Result<FunctionProto, AsmError> {
        let fixups = std::mem::take(&mut self.fixups);
        for (pc, label) in fixups {
            self.patch(pc, label)?;
        }
        if let Some(error) = self.error {
            return Err(error);
        }
        let pc_of = |label: Label| self.labels[label.0 as usize].ok_or(AsmError::UnboundLabel);
        let resolve = |h: &PendingHandler| {
            let (start, end, target) = (pc_of(h.start)?, pc_of(h.end)?, pc_of(h.target)?);
            Ok(Handler { start, end, target, reg: h.reg, kind: h.kind })
        };
        let handlers = self.handlers.iter().map(resolve).collect::<Result<Vec<_>, AsmError>>()?;
        let tables = self.tables;
        Ok(FunctionProto {
            info: header.info,
            profile: Profile::new(self.code.len()),
            code: self.code.into_iter().map(Instr::new).collect(),
            consts: self.consts,
            n_registers: header.n_registers,
            captures: header.captures,
            upvalue_names: header.upvalue_names,
            children: tables.children,
            handlers: handlers.into_iter().filter(|h| h.start < h.end).collect(),
            places: tables.places,
            name_lists: tables.name_lists,
            structs: tables.structs,
            enums: tables.enums,
            variants: tables.variants,
            paths: tables.paths,
            spans: self.spans,
            source: header.source,
            line: header.line,
        })
    }

    fn patch(&mut self, pc: usize, label: Label) -> Result<(), AsmError> {
        let target = self.labels[label.0 as usize].ok_or(AsmError::UnboundLabel)?;
        let distance = i64::from(target) - (pc as i64 + 1);
        let word = self.code[pc];
        let mut shift = 16;
        for (_, operand) in word.operands() {
            let width = match operand {
                AnyOperand::Count(_) => 0,
                AnyOperand::Near(_) => {
                    let offset = self.spans.offset(pc as u32);
                    let near =
                        i16::try_from(distance).map_err(|_| AsmError::JumpTooFar { offset })?;
                    self.code[pc] = Word(word.0 | u64::from(near as u16) << shift);
                    return Ok(());
                }
                AnyOperand::Target(_) => {
                    let far = i32::try_from(distance)
                        .map_err(|_| AsmError::JumpTooFar { offset: self.offset })?;
                    self.code[pc] = Word(word.0 | u64::from(far as u32) << shift);
                    return Ok(());
                }
                AnyOperand::Imm32(_) => 32,
                _ => 16,
            };
            shift += width;
        }
        Ok(())
    }
}

fn add<T>(table: &mut Vec<T>, item: T, name: &'static str, error: &mut Option<AsmError>) -> u16 {
    let Ok(index) = u16::try_from(table.len()) else {
        error.get_or_insert(AsmError::TableFull { table: name });
        return 0;
    };
    table.push(item);
    index
}

fn intern<T: PartialEq>(
    table: &mut Vec<T>,
    item: T,
    name: &'static str,
    error: &mut Option<AsmError>,
) -> u16 {
    // Looking back a little finds the repeats of one statement without quadratic time.
    let recent = table.len().saturating_sub(16);
    match table[recent..].iter().position(|known| *known == item) {
        Some(at) => (recent + at) as u16,
        None => add(table, item, name, error),
    }
}
