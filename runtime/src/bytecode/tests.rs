//! Assembler, verifier, disassembler and the generated reference.

use std::sync::Arc;

use super::asm::{AsmError, Assembler, ProtoHeader};
use super::operand::{AnyOperand, LaneWriter, Lanes, Near, Op, Operand, Role, Root, Use, Word};
use super::spans::SourceMap;
use super::{FunctionProto, HandlerKind, disasm, docs, verify};
use crate::objects::function::FunctionInfo;

fn finish(asm: Assembler, n_registers: u16) -> FunctionProto {
    asm.finish(header(n_registers)).expect("the function fits")
}

fn header(n_registers: u16) -> ProtoHeader {
    ProtoHeader {
        info: FunctionInfo { name: Some("f".into()), ..FunctionInfo::default() },
        n_registers,
        captures: Vec::new(),
        upvalue_names: Vec::new(),
        source: Arc::new(SourceMap::new("t.ruff".into(), "".into())),
        line: 1,
    }
}

/// A word of `op` whose operands have some bits set everywhere.
fn sample(op: Op) -> Word {
    Word(op as u64 | 0x0003_8005_0002_0000)
}

fn write(operand: AnyOperand, lanes: &mut LaneWriter) {
    match operand {
        AnyOperand::Def(v) => v.write(lanes),
        AnyOperand::Use(v) => v.write(lanes),
        AnyOperand::Read(v) => v.write(lanes),
        AnyOperand::Update(v) => v.write(lanes),
        AnyOperand::Group(v) => v.write(lanes),
        AnyOperand::Count(v) => v.write(lanes),
        AnyOperand::Const(v) => v.write(lanes),
        AnyOperand::Name(v) => v.write(lanes),
        AnyOperand::Imm(v) => v.write(lanes),
        AnyOperand::Imm32(v) => v.write(lanes),
        AnyOperand::Near(v) => v.write(lanes),
        AnyOperand::Target(v) => v.write(lanes),
        AnyOperand::Upvalue(v) => v.write(lanes),
        AnyOperand::Slot(v) => v.write(lanes),
        AnyOperand::Proto(v) => v.write(lanes),
        AnyOperand::Native(v) => v.write(lanes),
        AnyOperand::Desc(v) => v.write(lanes),
        AnyOperand::Root(v) => v.write(lanes),
    }
}

#[test]
fn every_opcode_encodes_what_it_decodes() {
    for &op in Op::ALL {
        let mut lanes = LaneWriter::new(op);
        let operands: Vec<_> = sample(op).operands().collect();
        operands.iter().for_each(|&(_, operand)| write(operand, &mut lanes));
        let word = lanes.finish();
        assert_eq!(word.op(), op);
        assert_eq!(word.operands().collect::<Vec<_>>(), operands, "{op:?}");
    }
}

#[test]
fn opcode_names_and_docs_are_complete() {
    let mut names: Vec<_> = Op::ALL.iter().map(|op| op.info().mnemonic).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), Op::ALL.len());
    let text = docs::markdown();
    assert!(Op::ALL.iter().all(|op| !op.info().doc.is_empty()));
    assert!(names.iter().all(|name| text.contains(&format!("| `{name}` |"))));
}

#[test]
fn flags_do_not_disturb_operands() {
    let word = sample(Op::JumpLt);
    let operands = |word: Word| word.operands().map(|(_, o)| o).collect::<Vec<_>>();
    assert_eq!(operands(word.with_sense(true)), operands(word));
    let marked = word.with_last_use(1, true);
    let mut lanes = Lanes::new(marked);
    let (first, second): (Use, Use) = (lanes.take(), lanes.take());
    assert!(!first.is_last && second.is_last);
    assert_eq!(lanes.take::<Near>(), Near(3));
    assert_eq!(sample(Op::UpdateIndex).with_operator(4).operator(), 4);
}

#[test]
fn constants_are_shared_and_jumps_resolved() {
    let mut asm = Assembler::new();
    assert_eq!((asm.int(1), asm.float(1.0), asm.string("1"), asm.int(1)), (0, 1, 2, 0));
    let end = asm.new_label();
    let back = asm.here();
    asm.jump_if(0, end);
    asm.jump(back);
    asm.bind(end);
    asm.ret_null();
    let proto = finish(asm, 1);
    let targets: Vec<_> = (0..2).map(|pc| proto.code[pc].word().jump_target(pc)).collect();
    assert_eq!(targets, [Some(2), Some(0)]);
}

#[test]
fn a_near_jump_that_is_too_long_is_reported() {
    let mut asm = Assembler::new();
    let end = asm.new_label();
    asm.at(77);
    asm.jump_lt(0, 0, end);
    for _ in 0..40_000 {
        asm.clear(0);
    }
    asm.bind(end);
    asm.ret_null();
    assert_eq!(asm.finish(header(1)).err(), Some(AsmError::JumpTooFar { offset: 77 }));
    let mut asm = Assembler::new();
    let nowhere = asm.new_label();
    asm.jump(nowhere);
    assert_eq!(asm.finish(header(1)).err(), Some(AsmError::UnboundLabel));
}

type Build = fn(&mut Assembler);

/// What the verifier says about code made by `build`.
fn verified(n_registers: u16, build: impl FnOnce(&mut Assembler)) -> Option<String> {
    let mut asm = Assembler::new();
    build(&mut asm);
    verify::function(&finish(asm, n_registers), 1).err().map(|error| error.to_string())
}

#[test]
fn the_verifier_accepts_what_is_right() {
    let message = verified(2, |asm| {
        asm.mov(0, Use::last(1));
        asm.set_module(0, 0);
        asm.ret(0);
    });
    assert_eq!(message, None);
}

#[test]
fn the_verifier_rejects_what_is_wrong() {
    let cases: [(Build, &str); 7] = [
        (
            |asm| {
                asm.mov(2, 0);
                asm.ret_null();
            },
            "f at 0000: operand `dst`: Def(Def(2))",
        ),
        (
            |asm| {
                asm.call(0, 0, 2);
                asm.ret_null();
            },
            "f at 0000: operand `first`: Group(Group(0))",
        ),
        (
            |asm| {
                let number = asm.int(1);
                asm.get_field(0, 0, number);
                asm.ret_null();
            },
            "f at 0000: operand `name`: Name(Name(0))",
        ),
        (
            |asm| {
                asm.load_const(0, 9);
                asm.ret_null();
            },
            "f at 0000: operand `value`: Const(Const(9))",
        ),
        (
            |asm| {
                asm.get_module(0, 1);
                asm.ret_null();
            },
            "f at 0000: operand `slot`: Slot(Slot(1))",
        ),
        (
            |asm| {
                asm.set_index(Root::upvalue(0), 0, 0);
                asm.ret_null();
            },
            "f at 0000: operand `root`: Root(Root { kind: Upvalue, index: 0 })",
        ),
        (
            |asm| {
                asm.clear(0);
            },
            "f: control runs off the end",
        ),
    ];
    for (build, expected) in cases {
        assert_eq!(verified(2, build).as_deref(), Some(expected));
    }
}

#[test]
fn the_verifier_rejects_jumps_and_handlers_out_of_range() {
    let mut asm = Assembler::new();
    let end = asm.new_label();
    asm.jump_if(0, end);
    asm.ret_null();
    asm.bind(end);
    let error = verify::function(&finish(asm, 1), 0).expect_err("jumps behind the end");
    assert_eq!(error.pc, Some(0));
    let mut asm = Assembler::new();
    let start = asm.here();
    asm.ret_null();
    let end = asm.here();
    asm.handler((start, end), start, 5, HandlerKind::Catch);
    let error = verify::function(&finish(asm, 1), 0).expect_err("no such register");
    assert_eq!(error.pc, None);
}

#[test]
fn code_is_printed_with_names_and_targets() {
    let mut asm = Assembler::new();
    let (text, end) = (asm.string("x"), asm.new_label());
    asm.get_field(1, Use::last(0), text);
    let test = asm.jump_lt(1, 0, end);
    asm.set_sense(test, true);
    let update = asm.update_index(Root::module(0), 0, Use::last(1));
    asm.set_operator(update, 2);
    asm.bind(end);
    asm.ret_null();
    let expected = "func f (2 registers)\n\
        0000 get_field r1, r0!, k0 ; x\n\
        0001 jump_lt r1, r0, -> 3, if true\n\
        0002 update_index m0, r0, r1!, *\n\
        0003 ret_null\n";
    assert_eq!(disasm::function(&finish(asm, 2)), expected);
}

#[test]
fn roles_are_what_the_table_says() {
    let operands = Op::Add.info().operands;
    assert_eq!(operands, [("dst", Role::Def), ("lhs", Role::Use), ("rhs", Role::Use)]);
}
