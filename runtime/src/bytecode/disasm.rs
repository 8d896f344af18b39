//! Prints code: one line per instruction, like `0003 jump_lt r1, k2, -> 7`.
//!
//! Lines have no padding at their start; constants and names are explained behind a `;`.

use std::fmt::Write;

use super::operand::{AnyOperand, RootKind, Word};
use super::ops::{Effects, Op};
use super::verify::{DescTable, desc_table, group_len};
use super::{CompiledModule, Const, FunctionProto, HandlerKind, PlaceDesc, PlaceStepKind};

const OPERATORS: [&str; 5] = ["+", "-", "*", "/", "%"];

/// All functions of a module, the top level first.
pub fn module(module: &CompiledModule) -> String {
    let mut out = String::new();
    let mut waiting = vec![&*module.top];
    while let Some(proto) = waiting.pop() {
        write_function(&mut out, proto);
        waiting.extend(proto.children.iter().rev().map(|child| &**child));
    }
    out
}

/// One function with a title line, without the functions nested in it.
pub fn function(proto: &FunctionProto) -> String {
    let mut out = String::new();
    write_function(&mut out, proto);
    out
}

fn write_function(out: &mut String, proto: &FunctionProto) {
    let name = proto.info.display_name();
    push(out, format_args!("func {name} ({} registers)\n", proto.n_registers));
    for (pc, instr) in proto.code.iter().enumerate() {
        write_instr(out, proto, pc, instr.word());
        out.push('\n');
    }
    for handler in &proto.handlers {
        let kind = match handler.kind {
            HandlerKind::Catch => "catch",
            HandlerKind::Cleanup => "cleanup",
        };
        let (start, end) = (handler.start, handler.end);
        let (target, reg) = (handler.target, handler.reg);
        push(out, format_args!("{kind} {start} .. {end} -> {target}, r{reg}\n"));
    }
}

/// Writing to a string cannot fail.
fn push(out: &mut String, args: std::fmt::Arguments<'_>) {
    let _ = out.write_fmt(args);
}

/// One instruction without the line's end.
pub fn instruction(proto: &FunctionProto, pc: usize) -> String {
    let mut out = String::new();
    write_instr(&mut out, proto, pc, proto.code[pc].word());
    out
}

fn write_instr(out: &mut String, proto: &FunctionProto, pc: usize, word: Word) {
    let info = word.op().info();
    push(out, format_args!("{pc:04} {}", info.mnemonic));
    let mut separator = " ";
    for (_, operand) in word.operands() {
        out.push_str(separator);
        separator = ", ";
        write_operand(out, proto, pc, word, operand);
    }
    if info.effects.has(Effects::OPERATOR) {
        let operator = OPERATORS.get(usize::from(word.operator())).unwrap_or(&"?");
        push(out, format_args!(", {operator}"));
    }
    if info.effects.has(Effects::SENSE) {
        push(out, format_args!(", if {}", word.sense()));
    }
    let mut separator = " ; ";
    for (_, operand) in word.operands() {
        if let Some(note) = note(proto, word.op(), operand) {
            push(out, format_args!("{separator}{note}"));
            separator = ", ";
        }
    }
}

fn write_operand(
    out: &mut String,
    proto: &FunctionProto,
    pc: usize,
    word: Word,
    operand: AnyOperand,
) {
    match operand {
        AnyOperand::Def(reg) => push(out, format_args!("r{}", reg.0)),
        AnyOperand::Use(reg) => {
            push(out, format_args!("r{}{}", reg.reg, if reg.is_last { "!" } else { "" }));
        }
        AnyOperand::Read(reg) => push(out, format_args!("r{}", reg.0)),
        AnyOperand::Update(reg) => push(out, format_args!("r{}", reg.0)),
        AnyOperand::Group(first) => match group_len(word, proto) {
            0 | 1 => push(out, format_args!("r{}", first.0)),
            n => push(out, format_args!("r{}..{}", first.0, first.idx() + n - 1)),
        },
        AnyOperand::Count(count) => push(out, format_args!("{}", count.0)),
        AnyOperand::Const(index) => push(out, format_args!("k{}", index.0)),
        AnyOperand::Name(index) => push(out, format_args!("k{}", index.0)),
        AnyOperand::Imm(value) => push(out, format_args!("{}", value.0)),
        AnyOperand::Imm32(value) => push(out, format_args!("{}", value.0)),
        AnyOperand::Near(_) | AnyOperand::Target(_) => {
            push(out, format_args!("-> {}", word.jump_target(pc).unwrap_or(-1)));
        }
        AnyOperand::Upvalue(index) => push(out, format_args!("u{}", index.0)),
        AnyOperand::Slot(index) => push(out, format_args!("m{}", index.0)),
        AnyOperand::Proto(index) => push(out, format_args!("f{}", index.0)),
        AnyOperand::Native(index) => push(out, format_args!("n{}", index.0)),
        AnyOperand::Desc(index) => push(out, format_args!("d{}", index.0)),
        AnyOperand::Root(root) => {
            let kind = match root.kind {
                RootKind::Register => "r",
                RootKind::Cell => "cell r",
                RootKind::Upvalue => "u",
                RootKind::Module => "m",
            };
            push(out, format_args!("{kind}{}", root.index));
        }
    }
}

/// What stands behind the `;` for an operand.
fn note(proto: &FunctionProto, op: Op, operand: AnyOperand) -> Option<String> {
    match operand {
        AnyOperand::Const(index) => proto.consts.get(index.idx()).map(constant),
        AnyOperand::Name(index) => match proto.consts.get(index.idx()) {
            Some(Const::Str(text)) => Some(text.as_ref().into()),
            other => other.map(constant),
        },
        AnyOperand::Proto(index) => {
            proto.children.get(index.idx()).map(|child| child.info.display_name().into())
        }
        AnyOperand::Native(index) => Some(crate::natives::get(index.0.into()).name.into()),
        AnyOperand::Upvalue(index) => proto.upvalue_names.get(index.idx()).map(|n| (**n).into()),
        AnyOperand::Desc(index) => desc(proto, op, index.idx()),
        _ => None,
    }
}

fn constant(value: &Const) -> String {
    match value {
        Const::Null => "null".into(),
        Const::None => "None".into(),
        Const::Bool(v) => format!("{v}"),
        Const::Int(v) => format!("{v}"),
        Const::Float(v) => format!("{v:?}"),
        Const::Str(text) => format!("{text:?}"),
    }
}

fn desc(proto: &FunctionProto, op: Op, index: usize) -> Option<String> {
    Some(match desc_table(op)? {
        DescTable::Places => place(proto.places.get(index)?),
        DescTable::NameLists => {
            let list = proto.name_lists.get(index)?;
            format!("{} {{{}}}", list.title, list.names.join(", "))
        }
        DescTable::Structs => (*proto.structs.get(index)?.name).into(),
        DescTable::Enums => (*proto.enums.get(index)?.name).into(),
        DescTable::Variants => {
            let variant = proto.variants.get(index)?;
            match &variant.enum_name {
                Some(name) => format!("{name}::{}", variant.variant),
                None => (*variant.variant).into(),
            }
        }
        DescTable::Paths => proto.paths.get(index)?.join("."),
    })
}

fn place(place: &PlaceDesc) -> String {
    let mut out = String::from(&*place.root_name);
    for step in &place.steps {
        match &step.kind {
            PlaceStepKind::Field(name) => push(&mut out, format_args!(".{name}")),
            PlaceStepKind::Index(reg) => push(&mut out, format_args!("[r{reg}]")),
        }
    }
    out
}
