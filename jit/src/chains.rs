//! What methods do that end a chain of lazy stages, as bytecode.
//!
//! As for `bodies`: the loop over the items of the source, with the stages and the functions that
//! they call in it, is built into the caller. The first argument is the source; behind the
//! arguments of the method is what the stages need, where `Vm::open_chain` puts it.
//! A request for an item looks at all `take` stages before the source is asked.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use ruff_runtime::bytecode::asm::Assembler;
use ruff_runtime::bytecode::operand::{Label, Use};
use ruff_runtime::interp::{ChainShape, StageShape};
use ruff_runtime::natives;
use ruff_runtime::objects::function::{FunctionCode, LoadedProto};
use ruff_runtime::profile::site::{self, types};

use crate::bodies::finish;

/// What a method does with the items.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum End {
    Sum,
    Count,
    Collect,
    Reduce,
    ForEach,
    Any,
    All,
    Find,
}

/// By name and number of arguments without the receiver.
const ENDS: [(&str, u8, End); 8] = [
    ("sum", 0, End::Sum),
    ("count", 0, End::Count),
    ("collect", 0, End::Collect),
    ("reduce", 2, End::Reduce),
    ("for_each", 1, End::ForEach),
    ("any", 1, End::Any),
    ("all", 1, End::All),
    ("find", 1, End::Find),
];

/// A call that ends a chain, as it was always made.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct ChainSpec {
    pub caller: *const LoadedProto,
    pub pc: u32,
    pub shape: ChainShape,
}

/// A body with the shape of the chain that it is for.
pub struct ChainBody {
    pub code: FunctionCode,
    pub shape: ChainShape,
}

/// All bodies made so far; frames of the VM may refer to them, so none is ever dropped.
#[derive(Default)]
pub(crate) struct ChainBodies(RefCell<HashMap<ChainSpec, Option<Rc<ChainBody>>>>);

impl ChainBodies {
    /// The body for a call of the method of a name, which gets so many arguments.
    pub(crate) fn get(&self, spec: &ChainSpec, name: &str, n_args: u8) -> Option<Rc<ChainBody>> {
        let row = ENDS.iter().find(|row| row.0 == name && row.1 == n_args)?;
        let mut all = self.0.borrow_mut();
        let body = all.entry(spec.clone()).or_insert_with(|| {
            let code = Writer::write(spec, row)?;
            Some(Rc::new(ChainBody { code, shape: spec.shape.clone() }))
        });
        body.clone()
    }
}

/// A body under construction.
struct Writer<'a> {
    asm: Assembler,
    shape: &'a ChainShape,
    /// With the receiver.
    n_args: u16,
    /// The first register behind what the stages need.
    first: u16,
    profile: Vec<(usize, u64)>,
}

/// Registers of a body behind those of the stages: the iteration (two), the item, an accumulator,
/// the number of the item, the result of a call, a group of two, and the window of calls.
const N_OWN: u16 = 12;

impl<'a> Writer<'a> {
    fn write(spec: &'a ChainSpec, &(name, n_args, end): &(&str, u8, End)) -> Option<FunctionCode> {
        // SAFETY: the caller is being compiled; its code lives as long as the VM.
        let caller = unsafe { &*spec.caller };
        let mut asm = Assembler::new();
        asm.at(caller.proto.spans.offset(spec.pc));
        let n_args = u16::from(n_args) + 1;
        let first = n_args + spec.shape.n_registers();
        let mut writer = Writer { asm, shape: &spec.shape, n_args, first, profile: Vec::new() };
        writer.body(end)?;
        let Writer { asm, profile, .. } = writer;
        finish(asm, &profile, (caller, 0), (name, n_args, first + N_OWN))
    }

    fn item(&self) -> u16 {
        self.first + 2
    }

    fn acc(&self) -> u16 {
        self.first + 3
    }

    fn number(&self) -> u16 {
        self.first + 4
    }

    fn result(&self) -> u16 {
        self.first + 5
    }

    fn body(&mut self, end: End) -> Option<()> {
        let (over, item, acc) = (self.first, self.item(), self.acc());
        let [next, done, hit] = [(); 3].map(|()| self.asm.new_label());
        self.begin(end);
        self.asm.mov(over, Use::last(0));
        let init = self.asm.iter_init(over);
        let kind = 1 << (site::KINDS + self.shape.kind as u32);
        self.profile.push((init, types::ARRAY | kind));
        self.check_takes(done);
        self.asm.iter_test(item, over, done);
        let start = self.asm.here();
        let header = self.asm.loop_header();
        self.profile.push((header, u64::from(u32::MAX)));
        self.stages(next, done);
        self.item_of(end, hit)?;
        self.asm.bind(next);
        self.check_takes(done);
        self.asm.iter_loop(item, over, start);
        self.asm.bind(done);
        match end {
            End::Any | End::All => self.asm.load_bool(acc, end == End::All),
            End::Find => self.asm.load_null(acc),
            End::ForEach => self.asm.load_null(acc),
            End::Sum | End::Count | End::Collect | End::Reduce => 0,
        };
        let result = if end == End::Reduce { 1 } else { acc };
        self.asm.ret(Use::last(result));
        if matches!(end, End::Any | End::All | End::Find) {
            self.asm.bind(hit);
            match end {
                End::Find => self.asm.mov(acc, Use::last(item)),
                _ => self.asm.load_bool(acc, end == End::Any),
            };
            self.asm.ret(Use::last(acc));
        }
        Some(())
    }

    /// Gives accumulator and counters their first values. The interpreter put the counters where
    /// they are; an addition tells the compiler that they are ints.
    fn begin(&mut self, end: End) {
        let (acc, number) = (self.acc(), self.number());
        match end {
            End::Sum => {
                self.asm.load_int(acc, 0);
                self.asm.load_int(number, 0);
            }
            End::Count => {
                self.asm.load_int(acc, 0);
            }
            End::Collect => {
                self.asm.new_array(acc, number, 0_u16);
            }
            End::Reduce | End::ForEach | End::Any | End::All | End::Find => {}
        }
        for (stage, r) in self.operands() {
            match stage {
                StageShape::Take | StageShape::Skip => self.add(r, r, 0),
                StageShape::StepBy => {
                    self.add(r, r, 0);
                    self.add(r + 1, r + 1, 0);
                }
                StageShape::Map(_) | StageShape::Filter(_) => {}
                StageShape::TakeWhile(_) | StageShape::SkipWhile(_) => {}
            }
        }
    }

    /// The stages with their first registers.
    fn operands(&self) -> Vec<(StageShape, u16)> {
        let mut at = self.n_args;
        let with_register = |&stage: &StageShape| {
            let r = at;
            at += stage.n_registers();
            (stage, r)
        };
        self.shape.stages.iter().map(with_register).collect()
    }

    /// Ends where a `take` stage has had all its items.
    fn check_takes(&mut self, done: Label) {
        for (stage, r) in self.operands() {
            if stage == StageShape::Take {
                self.unless_positive(r, done);
            }
        }
    }

    /// Jumps unless an int is positive.
    fn unless_positive(&mut self, r: u16, to: Label) {
        let zero = self.asm.int(0);
        let pc = self.asm.jump_gt_const(r, zero, to);
        self.asm.set_sense(pc, false);
        self.profile.push((pc, types::INT << site::LHS | types::INT << site::RHS));
    }

    /// An int plus a constant.
    fn add(&mut self, dst: u16, src: u16, by: i64) {
        let by = self.asm.int(by);
        let src = if dst == src { Use::last(src) } else { src.into() };
        let pc = self.asm.add_const(dst, src, by);
        self.profile.push((pc, types::INT << site::LHS | types::INT << site::RHS));
    }

    /// Takes the item through the stages; on to the next one where it is dropped.
    fn stages(&mut self, next: Label, done: Label) {
        let (item, result) = (self.item(), self.result());
        for (stage, r) in self.operands() {
            let pass = self.asm.new_label();
            match stage {
                StageShape::Map(code) => self.call(item, (r, Some(code)), &[Use::last(item)]),
                StageShape::Filter(code) => {
                    self.call(result, (r, Some(code)), &[item.into()]);
                    self.asm.jump_unless(Use::last(result), next);
                }
                StageShape::Take => self.add(r, r, -1),
                StageShape::Skip => {
                    self.unless_positive(r, pass);
                    self.add(r, r, -1);
                    self.asm.jump(next);
                }
                StageShape::TakeWhile(code) => {
                    self.call(result, (r, Some(code)), &[item.into()]);
                    self.asm.jump_unless(Use::last(result), done);
                }
                StageShape::SkipWhile(code) => {
                    let begins = self.asm.new_label();
                    self.asm.jump_if(r + 1, pass);
                    self.call(result, (r, Some(code)), &[item.into()]);
                    self.asm.jump_unless(Use::last(result), begins);
                    self.asm.jump(next);
                    self.asm.bind(begins);
                    self.asm.load_bool(r + 1, true);
                }
                StageShape::StepBy => {
                    let is_due = self.asm.new_label();
                    self.unless_positive(r + 1, is_due);
                    self.add(r + 1, r + 1, -1);
                    self.asm.jump(next);
                    self.asm.bind(is_due);
                    self.add(r + 1, r, -1);
                }
            }
            self.asm.bind(pass);
        }
    }

    /// What the method does with an item.
    fn item_of(&mut self, end: End, hit: Label) -> Option<()> {
        let (item, acc, number, result) = (self.item(), self.acc(), self.number(), self.result());
        let callback = (self.n_args - 1, self.shape.callback);
        match end {
            End::Sum => {
                self.asm.check_summand(item, number);
                self.asm.add(acc, Use::last(acc), Use::last(item));
                self.add(number, number, 1);
            }
            End::Count => self.add(acc, acc, 1),
            End::Collect => {
                let push = u16::try_from(natives::lookup("push")?).ok()?;
                let group = result + 1;
                self.asm.mov(group, Use::last(acc));
                self.asm.mov(group + 1, Use::last(item));
                let pc = self.asm.call_native(acc, push, group, 2_u8);
                self.profile.push((pc, types::ARRAY << site::CALL_RESULT));
            }
            End::Reduce => self.call(1, callback, &[Use::last(1), Use::last(item)]),
            End::ForEach => {
                self.call(result, callback, &[Use::last(item)]);
                self.asm.clear(result);
            }
            End::Any | End::Find => {
                self.call(result, callback, &[item.into()]);
                self.asm.jump_if(Use::last(result), hit);
            }
            End::All => {
                self.call(result, callback, &[item.into()]);
                self.asm.jump_unless(Use::last(result), hit);
            }
        }
        Some(())
    }

    /// A call of the function in a register.
    fn call(&mut self, dst: u16, (r, code): (u16, Option<*const FunctionCode>), args: &[Use]) {
        let window = self.result() + 3;
        self.asm.mov(window, r);
        for (&arg, at) in args.iter().zip(window + 1..) {
            self.asm.mov(at, arg);
        }
        let pc = self.asm.call(dst, window, args.len() as u8);
        if let Some(code) = code {
            self.profile.push((pc, code as u64 & site::TARGET_MASK | site::MONO));
        }
    }
}
