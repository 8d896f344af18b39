//! Instructions as the builder sees them: quickened forms folded into their base, operands that
//! are registers or constants alike, opcodes without a typed lowering as [`Insn::Other`].

use ruff_runtime::bytecode::operand::Use;

use crate::ir::Cond;

/// A value that an instruction reads.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Operand {
    Reg(Use),
    Const(u16),
}

/// Arithmetic of the language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arith {
    Add,
    Sub,
    Mul,
    Div,
    Rem,
}

/// The function that a call reaches.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Target {
    /// The register before the arguments holds it.
    Register,
    /// A module variable holds it.
    Module(u16),
}

/// An instruction with a typed lowering, or [`Insn::Other`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Insn {
    Mov {
        dst: u16,
        src: Use,
    },
    Const {
        dst: u16,
        index: u16,
    },
    Int {
        dst: u16,
        value: i32,
    },
    Null {
        dst: u16,
    },
    Bool {
        dst: u16,
        value: bool,
    },
    Arith {
        op: Arith,
        dst: u16,
        lhs: Operand,
        rhs: Operand,
    },
    Neg {
        dst: u16,
        src: Use,
    },
    Not {
        dst: u16,
        src: Use,
    },
    Truth {
        dst: u16,
        src: Use,
    },
    Compare {
        cond: Cond,
        dst: u16,
        lhs: Operand,
        rhs: Operand,
    },
    Jump {
        target: u32,
    },
    JumpTruth {
        cond: Use,
        target: u32,
        sense: bool,
    },
    JumpCompare {
        cond: Cond,
        lhs: Operand,
        rhs: Operand,
        target: u32,
        sense: bool,
    },
    JumpNull {
        src: u16,
        target: u32,
        sense: bool,
    },
    LoopHeader,
    RangeInit {
        base: u16,
        count: u8,
    },
    /// `at_end`: jumps back while values are left; else jumps away when none is left.
    RangeStep {
        dst: u16,
        base: u16,
        target: u32,
        at_end: bool,
    },
    Call {
        dst: u16,
        first: u16,
        count: u8,
        target: Target,
    },
    /// A method call with the receiver in `first`, where it stays if `keeps` is set.
    Method {
        dst: u16,
        first: u16,
        name: u16,
        count: u8,
        keeps: bool,
    },
    Native {
        dst: u16,
        native: u16,
        first: u16,
        count: u8,
    },
    NativeOne {
        dst: u16,
        native: u16,
        src: Use,
    },
    Ret {
        src: Use,
    },
    RetNull,
    Yield {
        dst: u16,
        src: Use,
    },
    GetModule {
        dst: u16,
        slot: u16,
    },
    GetIndex {
        dst: u16,
        object: Use,
        index: Use,
    },
    SetIndex {
        root: u16,
        index: Use,
        src: Use,
    },
    UpdateIndex {
        root: u16,
        index: Use,
        src: Use,
        op: Arith,
    },
    CheckAssigned {
        src: u16,
    },
    CheckOrder {
        src: u16,
    },
    CheckSummand {
        src: u16,
    },
    CheckFlat {
        src: u16,
    },
    GetCaptured {
        dst: u16,
        upvalue: u16,
    },
    GetUpvalue {
        dst: u16,
        upvalue: u16,
    },
    SetUpvalue {
        upvalue: u16,
        src: Use,
    },
    Closure {
        dst: u16,
        proto: u16,
    },
    NewCell {
        dst: u16,
    },
    GetCell {
        dst: u16,
        cell: u16,
    },
    SetCell {
        cell: u16,
        src: Use,
    },
    GetField {
        dst: u16,
        object: Use,
        name: u16,
    },
    SetField {
        root: u16,
        name: u16,
        src: Use,
    },
    UpdateField {
        root: u16,
        name: u16,
        src: Use,
        op: Arith,
    },
    JumpUnlessVariant {
        subject: u16,
        desc: u16,
        target: u32,
    },
    GetPayload {
        dst: u16,
        src: u16,
        index: u16,
    },
    NewTag {
        dst: u16,
        first: u16,
        count: u8,
        desc: u16,
    },
    /// An instance of the declaration in `first`, with the fields behind it.
    NewStruct {
        dst: u16,
        first: u16,
        desc: u16,
    },
    NewArray {
        dst: u16,
        first: u16,
        count: u16,
    },
    IterInit {
        base: u16,
    },
    /// As `RangeStep`, over any source.
    IterStep {
        dst: u16,
        base: u16,
        target: u32,
        at_end: bool,
    },
    StorePlace {
        root: u16,
        desc: u16,
        src: Use,
    },
    UpdatePlace {
        root: u16,
        desc: u16,
        src: Use,
        op: Arith,
    },
    LoadPlace {
        dst: u16,
        root: u16,
        desc: u16,
    },
    /// Jumps away unless the subject equals a constant.
    JumpLiteral {
        subject: u16,
        literal: u16,
        target: u32,
    },
    SelectMethod {
        reg: u16,
        name: u16,
    },
    JumpUnlessPending {
        src: u16,
        target: u32,
    },
    TakeReceiver {
        dst: u16,
        root: u16,
        desc: u16,
    },
    PutPlace {
        root: u16,
        desc: u16,
        src: Use,
    },
    /// Executed through the interpreter; the jump target if it has one.
    Other {
        target: Option<u32>,
    },
}
