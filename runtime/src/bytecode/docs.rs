//! The instruction reference of `docs/bytecode.md`, written from the opcode table.

use std::fmt::Write;

use super::operand::Role;
use super::ops::{Effects, Op, OpInfo};

/// What each role means, in the order in which the roles are explained.
const ROLES: [(Role, &str); 18] = [
    (Role::Def, "register that is written; its old content is released"),
    (Role::Use, "register that is read; moved out of if marked as the last use (printed `!`)"),
    (Role::Read, "register that is read and never moved"),
    (Role::Update, "register whose content is changed in place"),
    (Role::Group, "first of consecutive registers"),
    (Role::Count, "number of registers, 0 to 255"),
    (Role::Const, "index into the constant pool"),
    (Role::Name, "index of a string in the constant pool"),
    (Role::Imm, "number, 0 to 65535"),
    (Role::Imm32, "number of 32 bits with sign"),
    (Role::Near, "jump distance of 16 bits, from the instruction after"),
    (Role::Target, "jump distance of 32 bits, from the instruction after"),
    (Role::Upvalue, "index of a captured variable"),
    (Role::Slot, "index of a variable of the module"),
    (Role::Proto, "index of a nested function"),
    (Role::Native, "index into the table of natives"),
    (Role::Desc, "index into the side table that belongs to the opcode"),
    (Role::Root, "root variable of a place: register, cell, captured variable or module slot"),
];

/// The reference as markdown: the roles, then every instruction in the table's order.
pub fn markdown() -> String {
    let mut out = String::from(
        "# Bytecode\n\nMade from the table in `runtime/src/bytecode/ops.rs`; do not edit.\n\n\
         | operand role | meaning |\n| --- | --- |\n",
    );
    for (role, meaning) in ROLES {
        push(&mut out, format_args!("| {role:?} | {meaning} |\n"));
    }
    out.push_str("\n| instruction | operands | meaning | effects |\n| --- | --- | --- | --- |\n");
    for op in Op::ALL {
        let info = op.info();
        let doc = info.doc.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ");
        let (operands, effects) = (operands(info), effects(info));
        let doc = doc.replace('|', "\\|");
        push(&mut out, format_args!("| `{}` | {operands} | {doc} | {effects} |\n", info.mnemonic));
    }
    out
}

/// Writing to a string cannot fail.
fn push(out: &mut String, args: std::fmt::Arguments<'_>) {
    let _ = out.write_fmt(args);
}

fn operands(info: &OpInfo) -> String {
    let list = info.operands.iter().map(|(name, role)| format!("{name}: {role:?}"));
    list.collect::<Vec<_>>().join(", ")
}

fn effects(info: &OpInfo) -> String {
    let names = Effects::NAMES.iter().filter(|(_, effect)| info.effects.has(*effect));
    names.map(|&(name, _)| name).collect::<Vec<_>>().join(", ")
}
