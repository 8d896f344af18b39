//! Loops, recursion, errors and places, each as a few instructions.

use super::{finish, info, run};
use crate::bytecode::HandlerKind;
use crate::bytecode::asm::Assembler;
use crate::bytecode::operand::{Root, Use};
use crate::error::TraceEntry;
use crate::limits::Limits;
use crate::natives;

fn print(asm: &mut Assembler, scratch: u16, reg: u16) {
    let index = natives::lookup("print").expect("print exists") as u16;
    asm.call_native_one(scratch, index, reg);
}

/// `func fib(n) { if n < 2 { return n }; return fib(n - 1) + fib(n - 2) }` in module slot 0.
fn fib() -> Assembler {
    let mut asm = Assembler::new();
    let (one, two) = (asm.int(1), asm.int(2));
    let recurse = asm.new_label();
    let test = asm.jump_lt_const(0, two, recurse);
    asm.set_sense(test, false);
    asm.ret(Use::last(0));
    asm.bind(recurse);
    asm.sub_const(2, 0, one);
    asm.call_module(1, 1, 0, 1);
    asm.sub_const(3, Use::last(0), two);
    asm.call_module(2, 2, 0, 1);
    asm.add(1, Use::last(1), Use::last(2));
    asm.ret(Use::last(1));
    asm
}

#[test]
fn a_loop_sums() {
    let mut asm = Assembler::new();
    let (zero, one, limit) = (asm.int(0), asm.int(1), asm.int(1000));
    asm.load_const(0, zero);
    asm.load_const(1, zero);
    let (header, end) = (asm.new_label(), asm.new_label());
    let test = asm.jump_lt_const(1, limit, end);
    asm.set_sense(test, false);
    asm.bind(header);
    asm.loop_header();
    asm.add(0, 0, 1);
    asm.add_const(1, 1, one);
    let test = asm.jump_lt_const(1, limit, header);
    asm.set_sense(test, true);
    asm.bind(end);
    print(&mut asm, 2, 0);
    asm.ret_null();
    let (out, result) = run(finish(asm, info(None, 0), 3), &[], Limits::DEFAULT);
    assert!(result.is_ok());
    assert_eq!(out, "499500\n");
}

#[test]
fn functions_recurse() {
    let mut asm = Assembler::new();
    let child = asm.child(finish(fib(), info(Some("fib"), 1), 4));
    asm.closure(0, child);
    asm.set_module(0, Use::last(0));
    asm.load_int(1, 20);
    asm.call_module(0, 0, 0, 1);
    print(&mut asm, 1, 0);
    asm.ret_null();
    let (out, result) = run(finish(asm, info(None, 0), 2), &["fib"], Limits::DEFAULT);
    assert!(result.is_ok());
    assert_eq!(out, "6765\n");
}

#[test]
fn the_depth_limit_is_exact_and_names_the_callee() {
    let mut callee = Assembler::new();
    let one = callee.int(1);
    callee.add_const(2, Use::last(0), one);
    print(&mut callee, 3, 2);
    callee.at(9);
    callee.call_module(0, 1, 0, 1);
    callee.ret(Use::last(0));
    let mut asm = Assembler::new();
    let child = asm.child(finish(callee, info(Some("down"), 1), 4));
    asm.closure(0, child);
    asm.set_module(0, Use::last(0));
    asm.load_int(1, 0);
    asm.call_module(0, 0, 0, 1);
    asm.ret_null();
    let limits = Limits { call_depth: 3, ..Limits::DEFAULT };
    let (out, result) = run(finish(asm, info(None, 0), 2), &["down"], limits);
    let error = result.expect_err("too deep");
    assert_eq!(out, "1\n2\n3\n");
    assert_eq!(error.message, "Maximum call stack depth of 3 exceeded while calling down");
    assert_eq!(error.position.as_ref().map(|p| (p.line, p.column)), Some((2, 1)));
    let lines = error.trace.iter().map(|entry| match entry {
        TraceEntry::Call(call) => call.line,
        TraceEntry::Text(_) => 0,
    });
    assert_eq!(lines.collect::<Vec<_>>(), [2, 2, 2]);
}

#[test]
fn a_handler_gets_the_error_as_a_value() {
    let mut asm = Assembler::new();
    let zero = asm.int(0);
    let message = asm.string("message");
    let (start, end, caught, done) =
        (asm.new_label(), asm.new_label(), asm.new_label(), asm.new_label());
    asm.load_int(0, 7);
    asm.bind(start);
    asm.div_const(1, 0, zero);
    asm.bind(end);
    asm.jump(done);
    asm.bind(caught);
    asm.get_field(2, Use::last(1), message);
    print(&mut asm, 3, 2);
    asm.bind(done);
    asm.ret_null();
    asm.handler((start, end), caught, 1, HandlerKind::Catch);
    let (out, result) = run(finish(asm, info(None, 0), 4), &[], Limits::DEFAULT);
    assert!(result.is_ok());
    assert_eq!(out, "Division by zero\n");
}

#[test]
fn a_cleanup_handler_runs_and_the_error_goes_on() {
    let mut asm = Assembler::new();
    let zero = asm.int(0);
    let (start, end, cleanup) = (asm.new_label(), asm.new_label(), asm.new_label());
    asm.load_int(0, 7);
    asm.bind(start);
    asm.rem_const(1, 0, zero);
    asm.bind(end);
    asm.ret_null();
    asm.bind(cleanup);
    print(&mut asm, 3, 0);
    asm.rethrow(Use::last(1));
    asm.handler((start, end), cleanup, 1, HandlerKind::Cleanup);
    let (out, result) = run(finish(asm, info(None, 0), 4), &[], Limits::DEFAULT);
    assert_eq!(out, "7\n");
    assert_eq!(result.expect_err("goes on").message, "Modulo by zero");
}

#[test]
fn quickened_instructions_go_back_when_types_change() {
    let mut asm = Assembler::new();
    let half = asm.float(0.25);
    let done = asm.new_label();
    asm.load_int(0, 1);
    asm.load_int(1, 0);
    let again = asm.here();
    asm.loop_header();
    asm.add(0, 0, 0);
    asm.load_int(2, 1);
    asm.add(1, 1, 2);
    let three = asm.int(3);
    let test = asm.jump_eq_const(1, three, done);
    asm.set_sense(test, true);
    let two = asm.int(2);
    let skip = asm.new_label();
    let test = asm.jump_ne_const(1, two, skip);
    asm.set_sense(test, true);
    asm.load_const(0, half);
    asm.bind(skip);
    asm.jump(again);
    asm.bind(done);
    print(&mut asm, 2, 0);
    asm.ret_null();
    let (out, result) = run(finish(asm, info(None, 0), 3), &[], Limits::DEFAULT);
    assert!(result.is_ok());
    assert_eq!(out, "0.5\n");
}

#[test]
fn arrays_change_in_place_and_copies_do_not() {
    let mut asm = Assembler::new();
    for (reg, value) in [(0u16, 1), (1, 2), (2, 3)] {
        asm.load_int(reg, value);
    }
    asm.new_array(3, 0, 3);
    asm.mov(4, 3);
    asm.load_int(0, 1);
    asm.load_int(1, 9);
    asm.set_index(Root::register(3), 0, 1);
    let update = asm.update_index(Root::register(3), 0, 1);
    asm.set_operator(update, 2);
    print(&mut asm, 2, 3);
    print(&mut asm, 2, 4);
    asm.ret_null();
    let (out, result) = run(finish(asm, info(None, 0), 5), &[], Limits::DEFAULT);
    assert!(result.is_ok());
    assert_eq!(out, "[1, 81, 3]\n[1, 2, 3]\n");
}

#[test]
fn arity_errors_name_the_function() {
    let mut callee = Assembler::new();
    callee.ret_null();
    let mut asm = Assembler::new();
    let child = asm.child(finish(callee, info(Some("two"), 2), 2));
    asm.closure(0, child);
    asm.load_int(1, 1);
    asm.call(0, 0, 1);
    asm.ret_null();
    let (_, result) = run(finish(asm, info(None, 0), 2), &[], Limits::DEFAULT);
    assert_eq!(result.expect_err("arity").message, "two expects 2 arguments, got 1");
}
