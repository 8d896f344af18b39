//! Register bytecode: the instruction word, prototypes and their side tables.
//!
//! An instruction is one 64-bit word: opcode in bits 0-7, flags in bits 8-15, three 16-bit lanes
//! above. Operands fill the lanes in the order of the opcode's row; `Target` and `Imm32` take two
//! lanes; `Count` sits in the flags. Flags otherwise hold: bit 0 and 1 the last-use marks of the
//! first and second `Use` operand, bit 2 `sense`, bits 3-5 the operator of an updating
//! instruction (0-4 for `+ - * / %`), bits 6-7 the kind of a `Root` operand.
//! Start reading at [`ops`], then [`FunctionProto`].

pub mod asm;
pub mod disasm;
pub mod docs;
pub mod fixed;
pub mod operand;
pub mod ops;
pub mod spans;
pub mod verify;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::objects::function::FunctionInfo;
use crate::objects::tagged::Variant;
use crate::profile::Profile;
use operand::Instr;
use spans::{SourceMap, SpanTable};

/// A compiled file.
pub struct CompiledModule {
    /// `main`, or the name by which the file is imported.
    pub name: Arc<str>,
    pub source: Arc<SourceMap>,
    /// The top level, a function without parameters.
    pub top: Arc<FunctionProto>,
    /// Names of the module's variables, by slot.
    pub slot_names: Vec<Arc<str>>,
    /// Exports and their slots, in text order.
    pub exports: Vec<(Arc<str>, u32)>,
    pub tests: Vec<TestItem>,
}

/// A test declaration, in text order; bodies are children of the top level.
pub enum TestItem {
    Test { name: Arc<str>, proto: u16, line: u32 },
    Setup { proto: u16 },
    Teardown { proto: u16 },
    Group { name: Arc<str>, items: Vec<TestItem> },
}

/// Compiled code of a function, shared by its closures and by all isolates.
pub struct FunctionProto {
    pub info: FunctionInfo,
    /// The instructions; the VM may quicken opcodes in place, so words are atomics.
    pub code: Box<[Instr]>,
    pub consts: Vec<Const>,
    /// Registers of a frame, including the argument area of its calls.
    pub n_registers: u16,
    /// For each child what it captures; in upvalue order.
    pub captures: Vec<Capture>,
    /// Names of the captured variables, for messages.
    pub upvalue_names: Vec<Arc<str>>,
    pub children: Vec<Arc<FunctionProto>>,
    /// Innermost first.
    pub handlers: Vec<Handler>,
    pub places: Vec<PlaceDesc>,
    pub name_lists: Vec<NameList>,
    pub structs: Vec<StructDesc>,
    pub enums: Vec<EnumDesc>,
    pub variants: Vec<VariantDesc>,
    /// Module paths of `import` instructions.
    pub paths: Vec<Vec<Arc<str>>>,
    pub spans: SpanTable,
    pub source: Arc<SourceMap>,
    /// Line of the declaration.
    pub line: u32,
    /// Feedback, hotness and compiled code.
    pub profile: Profile,
}

impl FunctionProto {
    /// A copy for another isolate, with what has been learned about arithmetic: all other
    /// feedback and compiled code belong to one isolate. Functions nest no deeper than blocks.
    pub fn fresh(&self) -> FunctionProto {
        let profile = Profile::new(self.code.len());
        let code: Box<[Instr]> = self.code.iter().cloned().collect();
        for (pc, instr) in code.iter().enumerate() {
            if instr.op().info().effects.has(ops::Effects::QUICK) {
                profile.set_site(pc, self.profile.site(pc));
            }
        }
        FunctionProto {
            info: self.info.clone(),
            code,
            consts: self.consts.clone(),
            n_registers: self.n_registers,
            captures: self.captures.clone(),
            upvalue_names: self.upvalue_names.clone(),
            children: self.children.iter().map(|child| Arc::new(child.fresh())).collect(),
            handlers: self.handlers.clone(),
            places: self.places.clone(),
            name_lists: self.name_lists.clone(),
            structs: self.structs.clone(),
            enums: self.enums.clone(),
            variants: self.variants.clone(),
            paths: self.paths.clone(),
            spans: self.spans.clone(),
            source: self.source.clone(),
            line: self.line,
            profile,
        }
    }
}

/// A constant as plain data; turned into a value when the code is loaded into an isolate.
#[derive(Clone, Debug, PartialEq)]
pub enum Const {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Str(Arc<str>),
    /// The Option `None`.
    None,
}

/// Where the enclosing function finds a captured variable when it creates the closure: the cell
/// (or value) in one of its registers, or one of its own upvalues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Capture {
    Register(u16),
    Upvalue(u16),
}

/// An exception handler for instructions `start .. end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handler {
    pub start: u32,
    pub end: u32,
    pub target: u32,
    /// Receives the error value (catch) or the error itself for `rethrow` (cleanup).
    pub reg: u16,
    pub kind: HandlerKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HandlerKind {
    /// `except`: does not see errors that cannot be caught.
    Catch,
    /// Puts taken values back, sees every error, and must end in `rethrow`.
    Cleanup,
}

/// The steps of a place behind its root.
#[derive(Clone, Debug, PartialEq)]
pub struct PlaceDesc {
    pub steps: Vec<PlaceStepDesc>,
    /// The root variable's name, for messages.
    pub root_name: Arc<str>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct PlaceStepDesc {
    pub kind: PlaceStepKind,
    /// Byte offset of the `[` or the field name: the position of an error in this step.
    pub offset: u32,
}

#[derive(Clone, Debug, PartialEq)]
pub enum PlaceStepKind {
    Field(Arc<str>),
    /// The register that holds the index value; borrowed.
    Index(u16),
}

/// Field names of a struct literal (titled with the struct's name) or of a dict pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameList {
    pub title: Arc<str>,
    pub names: Vec<Arc<str>>,
}

#[derive(Clone, Debug)]
pub struct StructDesc {
    pub name: Arc<str>,
    /// Unique per declaration in the program's text.
    pub decl_id: u64,
    pub fields: Vec<Arc<str>>,
    /// Method name and child index.
    pub methods: Vec<(Arc<str>, u16)>,
    /// Per field: no default, a constant, or a child function without parameters to call.
    pub defaults: Vec<DefaultDesc>,
}

#[derive(Clone, Debug)]
pub enum DefaultDesc {
    None,
    Const(Const),
    Child(u16),
}

#[derive(Clone, Debug)]
pub struct EnumDesc {
    pub name: Arc<str>,
    pub variants: Vec<(Arc<str>, Option<usize>)>,
}

/// A variant to build or to match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VariantDesc {
    /// `None` for a pattern that is a bare name.
    pub enum_name: Option<Arc<str>>,
    pub variant: Arc<str>,
    /// What values of the variant point to, unless the enum's name is missing.
    pub interned: Option<&'static Variant>,
    /// The pattern has a parenthesised list.
    pub has_parens: bool,
    /// Number of declared parameters, if the enum is known.
    pub arity: Option<usize>,
}
