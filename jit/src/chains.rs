//! What methods do that end a chain of lazy stages, as bytecode.
//!
//! As for `bodies`: the loop over the items of the source, with the stages and the functions that
//! they call in it, is built into the caller. Behind the arguments of the method is what source
//! and stages need, where `Vm::open_chain` puts it. The interpreter runs such bytecode too, for
//! long chains, so that their loops can be compiled while they run (`Vm::enter_chain`).
//! A request for an item looks at all `take` stages before the source is asked. Each `chain`
//! stage adds a loop over its items behind the first one, with the stages above it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use ruff_runtime::bytecode::asm::Assembler;
use ruff_runtime::bytecode::operand::{Label, Use};
use ruff_runtime::interp::{ChainShape, SourceShape, StageShape};
use ruff_runtime::natives;
use ruff_runtime::objects::function::{FunctionCode, LoadedProto};
use ruff_runtime::profile::site::{self, types};
use ruff_runtime::value::Tag;

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
    /// The first register behind what source and stages need.
    first: u16,
    profile: Vec<(usize, u64)>,
}

/// Where items come from, in the order in which they are asked: the chain's own source, then
/// what each `chain` stage adds.
#[derive(Clone, Copy)]
struct Feed {
    source: SourceShape,
    base: u16,
    /// The first stage that its items go through.
    stage: usize,
}

/// A loop around the present instruction.
#[derive(Clone, Copy)]
struct Round {
    /// Goes on with the next item.
    next: Label,
    /// The first stage above what gives the items.
    above: usize,
}

/// Registers of a body behind those of the stages: the item, an accumulator, the number of the
/// item, the result of a call, a group of two, and the window of calls.
const N_OWN: u16 = 10;

impl<'a> Writer<'a> {
    fn write(spec: &'a ChainSpec, &(name, n_args, end): &(&str, u8, End)) -> Option<FunctionCode> {
        // SAFETY: the caller is being compiled or runs; its code lives as long as the VM.
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
        self.first
    }

    fn acc(&self) -> u16 {
        self.first + 1
    }

    fn number(&self) -> u16 {
        self.first + 2
    }

    fn result(&self) -> u16 {
        self.first + 3
    }

    /// The stages with their first registers.
    fn stages(&self) -> Vec<(StageShape, u16)> {
        let mut at = self.n_args + self.shape.source.n_registers();
        let with_register = |&stage: &StageShape| {
            let r = at;
            at += stage.n_registers();
            (stage, r)
        };
        self.shape.stages.iter().map(with_register).collect()
    }

    fn feeds(&self) -> Vec<Feed> {
        let mut feeds = vec![Feed { source: self.shape.source, base: self.n_args, stage: 0 }];
        for (i, (stage, r)) in self.stages().into_iter().enumerate() {
            if let StageShape::Chain(source) = stage {
                feeds.push(Feed { source, base: r, stage: i + 1 });
            }
        }
        feeds
    }

    fn body(&mut self, end: End) -> Option<()> {
        let (item, acc) = (self.item(), self.acc());
        let hit = self.asm.new_label();
        self.begin(end);
        let (feeds, stages) = (self.feeds(), self.stages());
        // Where each feed begins, and what follows the last one.
        let begins: Vec<Label> = (0..=feeds.len()).map(|_| self.asm.new_label()).collect();
        // Where the feed goes on that comes after the end of a stage.
        let after: Vec<Label> = (0..stages.len())
            .map(|at| begins[feeds.iter().filter(|feed| feed.stage <= at).count()])
            .collect();
        for (i, feed) in feeds.iter().enumerate() {
            self.asm.bind(begins[i]);
            let next = self.asm.new_label();
            self.check_takes(feed.stage, &after);
            self.start(feed.source, feed.base);
            self.request((feed.source, feed.base), item, (begins[i + 1], false));
            let start = self.loop_start();
            let inner = self.through(Round { next, above: feed.stage }, &after)?;
            self.item_of(end, hit)?;
            self.rounds_end(&inner, &after);
            self.asm.bind(next);
            self.check_takes(feed.stage, &after);
            self.request((feed.source, feed.base), item, (start, true));
        }
        self.asm.bind(begins[feeds.len()]);
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

    /// Prepares the requests to a source.
    fn start(&mut self, source: SourceShape, base: u16) {
        match source {
            SourceShape::Range(1) => {
                self.asm.range_init(base, 2);
            }
            SourceShape::Range(step) => {
                let step = self.asm.int(step);
                self.asm.load_const(base + 2, step);
                self.asm.range_init(base, 3);
            }
            SourceShape::Array(kind) => {
                let init = self.asm.iter_init(base);
                self.profile.push((init, types::ARRAY | 1 << (site::KINDS + kind as u32)));
            }
            SourceShape::Generator => {
                let init = self.asm.iter_init(base);
                self.profile.push((init, types::OTHER | site::GENERATOR));
            }
            SourceShape::Collection(tag) => {
                let init = self.asm.iter_init(base);
                let tag = [Tag::Str, Tag::Bytes, Tag::Set, Tag::Queue, Tag::Stack]
                    .into_iter()
                    .find(|&known| known as u8 == tag);
                let bits = tag.map_or(0, |tag| site::type_bit(tag) << site::LHS);
                self.profile.push((init, bits | site::NO_GENERATOR));
            }
        }
    }

    /// Asks a source for an item; jumps if there is one (`at_end`), or if there is none.
    fn request(
        &mut self,
        (source, base): (SourceShape, u16),
        dst: u16,
        (target, at_end): (Label, bool),
    ) {
        match (source, at_end) {
            (SourceShape::Range(_), false) => self.asm.range_test(dst, base, target),
            (SourceShape::Range(_), true) => self.asm.range_loop(dst, base, target),
            (_, false) => self.asm.iter_test(dst, base, target),
            (_, true) => self.asm.iter_loop(dst, base, target),
        };
    }

    /// The header of a loop; it becomes hot only where the interpreter runs the body by choice.
    fn loop_start(&mut self) -> Label {
        let start = self.asm.here();
        let header = self.asm.loop_header();
        self.profile.push((header, u64::from(u32::MAX)));
        start
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
        for (stage, r) in self.stages() {
            match stage {
                StageShape::Take | StageShape::Skip | StageShape::Enumerate => self.add(r, r, 0),
                StageShape::StepBy => {
                    self.add(r, r, 0);
                    self.add(r + 1, r + 1, 0);
                }
                StageShape::Zip(source) => self.start(source, r),
                StageShape::Map(_) | StageShape::Filter(_) | StageShape::FlatMap(_) => {}
                StageShape::TakeWhile(_) | StageShape::SkipWhile(_) | StageShape::Chain(_) => {}
            }
        }
    }

    /// Ends where a `take` stage from one on has had all its items; those farthest from the
    /// source are asked first.
    fn check_takes(&mut self, from: usize, after: &[Label]) {
        for (at, (stage, r)) in self.stages().into_iter().enumerate().skip(from).rev() {
            if stage == StageShape::Take {
                self.unless_positive(r, after[at]);
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

    /// Takes the item through the stages; on to the next one where it is dropped. Gives the
    /// loops of `flat_map` stages that it is in then: the round and what the loop goes over.
    fn through(&mut self, outer: Round, after: &[Label]) -> Option<Vec<(Round, u16, Label)>> {
        let (item, result) = (self.item(), self.result());
        let (mut round, mut inner) = (outer, Vec::new());
        for (at, (stage, r)) in self.stages().into_iter().enumerate().skip(outer.above) {
            match stage {
                StageShape::Map(code) => self.call(item, (r, Some(code)), &[Use::last(item)]),
                StageShape::Filter(code) => {
                    self.call(result, (r, Some(code)), &[item.into()]);
                    self.asm.jump_unless(Use::last(result), round.next);
                }
                StageShape::Take => self.add(r, r, -1),
                StageShape::Skip => self.skip(r, round.next),
                StageShape::TakeWhile(code) => {
                    self.call(result, (r, Some(code)), &[item.into()]);
                    self.asm.jump_unless(Use::last(result), after[at]);
                }
                StageShape::SkipWhile(code) => self.skip_while((r, code), round.next),
                StageShape::StepBy => self.step_by(r, round.next),
                StageShape::Enumerate => {
                    self.asm.mov(result + 1, r);
                    self.asm.mov(result + 2, Use::last(item));
                    self.add(r, r, 1);
                    self.asm.new_array(item, result + 1, 2_u16);
                }
                StageShape::Zip(source) => {
                    self.request((source, r), result + 2, (after[at], false));
                    self.asm.mov(result + 1, Use::last(item));
                    self.asm.new_array(item, result + 1, 2_u16);
                }
                StageShape::Chain(_) => {}
                StageShape::FlatMap(code) => {
                    self.call(r + 1, (r, Some(code)), &[Use::last(item)]);
                    self.asm.check_flat(r + 1);
                    self.asm.iter_init(r + 1);
                    self.asm.iter_test(item, r + 1, round.next);
                    let start = self.loop_start();
                    round = Round { next: self.asm.new_label(), above: at + 1 };
                    inner.push((round, r + 1, start));
                }
            }
        }
        Some(inner)
    }

    fn skip(&mut self, r: u16, next: Label) {
        let pass = self.asm.new_label();
        self.unless_positive(r, pass);
        self.add(r, r, -1);
        self.asm.jump(next);
        self.asm.bind(pass);
    }

    fn skip_while(&mut self, (r, code): (u16, *const FunctionCode), next: Label) {
        let (item, result) = (self.item(), self.result());
        let [begins, pass] = [(); 2].map(|()| self.asm.new_label());
        self.asm.jump_if(r + 1, pass);
        self.call(result, (r, Some(code)), &[item.into()]);
        self.asm.jump_unless(Use::last(result), begins);
        self.asm.jump(next);
        self.asm.bind(begins);
        self.asm.load_bool(r + 1, true);
        self.asm.bind(pass);
    }

    fn step_by(&mut self, r: u16, next: Label) {
        let [is_due, pass] = [(); 2].map(|()| self.asm.new_label());
        self.unless_positive(r + 1, is_due);
        self.add(r + 1, r + 1, -1);
        self.asm.jump(next);
        self.asm.bind(is_due);
        self.add(r + 1, r, -1);
        self.asm.bind(pass);
    }

    /// Goes on in the loops of `flat_map` stages, the innermost first.
    fn rounds_end(&mut self, inner: &[(Round, u16, Label)], after: &[Label]) {
        let item = self.item();
        for &(round, base, start) in inner.iter().rev() {
            self.asm.bind(round.next);
            self.check_takes(round.above, after);
            self.asm.iter_loop(item, base, start);
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
