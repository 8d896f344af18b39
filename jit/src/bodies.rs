//! What natives that call a function for each item do, as bytecode.
//!
//! The interpreter has these natives in Rust. Compiled code builds the bytecode into the caller,
//! with the function it calls, and the interpreter runs it only after an exit there, in a frame
//! with `flags::BODY`. Each call site has its own copies, whose profiles say what was seen there.
//! Start reading at [`Bodies::get`].

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use ruff_runtime::bytecode::Const;
use ruff_runtime::bytecode::asm::{Assembler, ProtoHeader};
use ruff_runtime::bytecode::operand::{Label, Use};
use ruff_runtime::natives;
use ruff_runtime::objects::array::ElemKind;
use ruff_runtime::objects::function::{CallInfo, FunctionCode, FunctionInfo, LoadedProto};
use ruff_runtime::profile::site::{self, types};
use ruff_runtime::semantics::BinOp;
use ruff_runtime::value::{Tag, Value};

/// What a native does.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Work {
    Map,
    Filter,
    Reduce,
    Each,
    Any,
    All,
    Find,
    FindIndex,
    Count,
    Sort,
    /// An operator on structs of the shape with this id, which calls their method.
    Operator(BinOp, u32),
}

/// By name and number of arguments; the first is the array, the last the function.
const WORKS: [(&str, u8, Work); 10] = [
    ("map", 2, Work::Map),
    ("filter", 2, Work::Filter),
    ("reduce", 3, Work::Reduce),
    ("each", 2, Work::Each),
    ("any", 2, Work::Any),
    ("all", 2, Work::All),
    ("find", 2, Work::Find),
    ("find_index", 2, Work::FindIndex),
    ("count", 2, Work::Count),
    ("sort", 2, Work::Sort),
];

impl Work {
    /// What the native of a name does, if it is known here.
    pub fn of(name: &str, n_args: u8) -> Option<Work> {
        let is_it = |row: &&(&str, u8, Work)| row.0 == name && row.1 == n_args;
        WORKS.iter().find(is_it).map(|row| row.2)
    }

    fn name(self) -> &'static str {
        match self {
            Work::Operator(op, _) => op.method(),
            _ => WORKS.iter().find(|row| row.2 == self).map_or("", |row| row.0),
        }
    }
}

/// A native at one call site, as it was always called.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct BodySpec {
    pub caller: *const LoadedProto,
    pub pc: u32,
    pub work: Work,
    /// Of the array.
    pub kind: ElemKind,
    pub callback: *const FunctionCode,
    /// The address of the text that operators call a method by, else 0.
    pub name: u64,
    /// The types that an operator has given.
    pub results: u64,
}

/// All bodies made so far; frames of the VM may refer to them, so none is ever dropped.
#[derive(Default)]
pub(crate) struct Bodies(RefCell<HashMap<BodySpec, Option<Box<FunctionCode>>>>);

impl Bodies {
    /// The code of a body.
    pub(crate) fn get(&self, spec: &BodySpec) -> Option<*const FunctionCode> {
        let mut all = self.0.borrow_mut();
        let code = all.entry(*spec).or_insert_with(|| make(spec).map(Box::new));
        code.as_ref().map(|code| &raw const **code)
    }
}

fn make(spec: &BodySpec) -> Option<FunctionCode> {
    // SAFETY: the caller of the native is being compiled; its code lives as long as the VM.
    let caller = unsafe { &*spec.caller };
    let mut body = Body::new(spec, caller.proto.spans.offset(spec.pc));
    body.write(spec.work)?;
    let Body { asm, n_args, profile, .. } = body;
    let n_registers = n_args + n_own(spec.work);
    finish(asm, &profile, (caller, spec.name), (spec.work.name(), n_args, n_registers))
}

/// Makes code of a body under construction; `text` is the address of the only text in it.
pub(crate) fn finish(
    asm: Assembler,
    profile: &[(usize, u64)],
    (caller, text): (&LoadedProto, u64),
    (name, n_args, n_registers): (&str, u16, u16),
) -> Option<FunctionCode> {
    let info = FunctionInfo {
        name: Some(name.into()),
        n_required: n_args.into(),
        n_params: n_args.into(),
        ..FunctionInfo::default()
    };
    let header = ProtoHeader {
        info: info.clone(),
        n_registers,
        captures: Vec::new(),
        upvalue_names: Vec::new(),
        source: caller.proto.source.clone(),
        line: caller.proto.line,
    };
    let proto = Arc::new(asm.finish(header).ok()?);
    for &(pc, bits) in profile {
        proto.profile.set_site(pc, bits);
    }
    let value = |constant: &Const| match constant {
        Const::Int(v) => Value::int(*v),
        Const::Str(_) => {
            // SAFETY: the VM keeps the names of operator methods; the clone has its own count.
            let name = unsafe { Value::from_parts(Tag::Str, text) };
            (*std::mem::ManuallyDrop::new(name)).clone()
        }
        _ => Value::NULL,
    };
    let consts: Box<[Value]> = proto.consts.iter().map(value).collect();
    let call = CallInfo {
        code: proto.code.as_ptr(),
        consts: consts.as_ptr(),
        site_delta: proto.profile.sites_ptr() as isize - proto.code.as_ptr() as isize,
        slots: caller.call.slots,
        profile: &raw const proto.profile,
        exact_args: n_args.into(),
        n_registers: proto.n_registers.into(),
    };
    let (children, module) = (Box::default(), caller.module);
    Some(FunctionCode {
        info,
        file: proto.source.file.clone(),
        proto: Some(LoadedProto { call, proto, consts, children, module }),
        tree: None,
        module,
        // No value of the program is this function.
        index: u32::MAX,
    })
}

/// Registers of a body besides its arguments.
const fn n_own(work: Work) -> u16 {
    match work {
        Work::Sort => 14,
        Work::Operator(..) => 0,
        _ => 10,
    }
}

/// A body under construction. Behind the arguments come the iteration (two registers), the item,
/// an accumulator, the result of a call, a group of two, and the window of calls.
struct Body {
    asm: Assembler,
    work: Work,
    n_args: u16,
    callback: u64,
    kind: ElemKind,
    results: u64,
    /// The feedback of instructions.
    profile: Vec<(usize, u64)>,
}

impl Body {
    fn new(spec: &BodySpec, offset: u32) -> Body {
        let mut asm = Assembler::new();
        asm.at(offset);
        let n_args = if spec.work == Work::Reduce { 3 } else { 2 };
        Body {
            asm,
            work: spec.work,
            n_args,
            callback: spec.callback as u64,
            kind: spec.kind,
            results: spec.results,
            profile: Vec::new(),
        }
    }

    fn iteration(&self) -> u16 {
        self.n_args
    }

    fn item(&self) -> u16 {
        self.n_args + 2
    }

    fn acc(&self) -> u16 {
        if self.work == Work::Sort { 9 } else { self.n_args + 3 }
    }

    fn result(&self) -> u16 {
        self.n_args + 4
    }

    fn group(&self) -> u16 {
        if self.work == Work::Sort { 10 } else { self.n_args + 5 }
    }

    fn window(&self) -> u16 {
        if self.work == Work::Sort { 13 } else { self.n_args + 7 }
    }

    fn write(&mut self, work: Work) -> Option<()> {
        let (item, acc, result) = (self.item(), self.acc(), self.result());
        match work {
            Work::Map => {
                self.asm.new_array(acc, self.group(), 0_u16);
                self.for_each(|body, _| {
                    body.call(result, &[Use::last(item)]);
                    body.append(result)
                })?;
                self.asm.ret(Use::last(acc));
            }
            Work::Filter => {
                self.asm.new_array(acc, self.group(), 0_u16);
                self.for_each(|body, next| {
                    body.call(result, &[item.into()]);
                    body.asm.jump_unless(Use::last(result), next);
                    body.append(item)
                })?;
                self.asm.ret(Use::last(acc));
            }
            Work::Reduce => {
                self.for_each(|body, _| {
                    body.call(1, &[Use::last(1), Use::last(item)]);
                    Some(())
                })?;
                self.asm.ret(Use::last(1));
            }
            Work::Each => {
                self.for_each(|body, _| {
                    body.call(result, &[Use::last(item)]);
                    body.asm.clear(result);
                    Some(())
                })?;
                self.asm.ret_null();
            }
            Work::Any | Work::All | Work::Find | Work::FindIndex => self.search(work)?,
            Work::Sort => self.sort()?,
            Work::Operator(op, shape) => {
                let name = self.asm.string(op.method());
                let pc = self.asm.call_method(0, 0, name, 1);
                let receiver = types::STRUCT << site::RECEIVER | u64::from(shape) | site::MONO;
                self.profile.push((pc, receiver | self.results << site::CALL_RESULT));
                self.asm.ret(Use::last(0));
            }
            Work::Count => {
                self.asm.load_int(acc, 0);
                self.for_each(|body, next| {
                    body.call(result, &[Use::last(item)]);
                    body.asm.jump_unless(Use::last(result), next);
                    body.add_one();
                    Some(())
                })?;
                self.asm.ret(Use::last(acc));
            }
        }
        Some(())
    }

    /// Merge sort from short runs upward, with the comparisons that the native makes. The first
    /// argument is the order so far, the accumulator the next one.
    fn sort(&mut self) -> Option<()> {
        let [n, width, start, middle, end, left, right] = [2, 3, 4, 5, 6, 7, 8];
        let (acc, verdict) = (9, 12);
        let [done, next, take_right, rest_left, rest_right] =
            [(); 5].map(|()| self.asm.new_label());
        let len = u16::try_from(natives::lookup("len")?).ok()?;
        self.asm.call_native_one(n, len, 0);
        self.asm.load_int(width, 1);
        self.jump_lt(width, n, done, false);
        let pass = self.loop_start();
        self.asm.new_array(acc, 10, 0_u16);
        self.asm.load_int(start, 0);
        let run = self.loop_start();
        for (from, to) in [(start, middle), (middle, end)] {
            let fits = self.asm.new_label();
            self.asm.add(to, from, width);
            self.jump_lt(n, to, fits, false);
            self.asm.mov(to, n);
            self.asm.bind(fits);
        }
        self.asm.mov(left, start);
        self.asm.mov(right, middle);
        self.jump_lt(right, end, rest_left, false);
        let merge = self.loop_start();
        self.element(14, left);
        self.element(15, right);
        self.call(verdict, &[14.into(), 15.into()]);
        self.asm.check_order(verdict);
        let zero = self.asm.int(0);
        let greater = self.asm.jump_gt_const(Use::last(verdict), zero, take_right);
        self.asm.set_sense(greater, true);
        self.profile.push((greater, types::INT << site::LHS | types::INT << site::RHS));
        self.take(left)?;
        self.jump_lt(left, middle, merge, true);
        self.asm.jump(rest_right);
        self.asm.bind(take_right);
        self.take(right)?;
        self.jump_lt(right, end, merge, true);
        for (label, from, to, out) in
            [(rest_left, left, middle, rest_right), (rest_right, right, end, next)]
        {
            self.asm.bind(label);
            self.jump_lt(from, to, out, false);
            let again = self.loop_start();
            self.take(from)?;
            self.jump_lt(from, to, again, true);
        }
        self.asm.bind(next);
        self.asm.mov(start, end);
        self.jump_lt(start, n, run, true);
        self.asm.mov(0, Use::last(acc));
        self.asm.add(width, width, width);
        self.jump_lt(width, n, pass, true);
        self.asm.bind(done);
        self.asm.ret(Use::last(0));
        Some(())
    }

    fn jump_lt(&mut self, lhs: u16, rhs: u16, target: Label, sense: bool) {
        let pc = self.asm.jump_lt(lhs, rhs, target);
        self.asm.set_sense(pc, sense);
    }

    /// The header of a loop, which never gets hot by itself.
    fn loop_start(&mut self) -> Label {
        let start = self.asm.here();
        let header = self.asm.loop_header();
        self.profile.push((header, u64::from(u32::MAX)));
        start
    }

    /// R[dst] = an element of the array that is sorted.
    fn element(&mut self, dst: u16, index: u16) {
        let pc = self.asm.get_index(dst, 0, index);
        let array = types::ARRAY | 1 << (site::KINDS + self.kind as u32);
        self.profile.push((pc, array | types::INT << site::RHS));
    }

    /// Appends an element and goes on to the next one.
    fn take(&mut self, index: u16) -> Option<()> {
        self.element(11, index);
        self.append(11)?;
        let one = self.asm.int(1);
        self.asm.add_const(index, Use::last(index), one);
        Some(())
    }

    /// A loop over the items; its body gets the label of the next step.
    fn for_each(&mut self, inside: impl FnOnce(&mut Body, Label) -> Option<()>) -> Option<()> {
        let (over, item) = (self.iteration(), self.item());
        let (next, end) = (self.asm.new_label(), self.asm.new_label());
        self.asm.mov(over, Use::last(0));
        let init = self.asm.iter_init(over);
        self.profile.push((init, types::ARRAY | 1 << (site::KINDS + self.kind as u32)));
        self.asm.iter_test(item, over, end);
        let start = self.loop_start();
        inside(self, next)?;
        self.asm.bind(next);
        self.asm.iter_loop(item, over, start);
        self.asm.bind(end);
        Some(())
    }

    /// A call of the function.
    fn call(&mut self, dst: u16, args: &[Use]) {
        let window = self.window();
        self.asm.mov(window, self.n_args - 1);
        for (&arg, at) in args.iter().zip(window + 1..) {
            if arg.reg != at {
                self.asm.mov(at, arg);
            }
        }
        let pc = self.asm.call(dst, window, args.len() as u8);
        self.profile.push((pc, self.callback & site::TARGET_MASK | site::MONO));
    }

    /// Moves a register's value to the end of the accumulated array.
    fn append(&mut self, value: u16) -> Option<()> {
        let (acc, group) = (self.acc(), self.group());
        let push = u16::try_from(natives::lookup("push")?).ok()?;
        self.asm.mov(group, Use::last(acc));
        if value != group + 1 {
            self.asm.mov(group + 1, Use::last(value));
        }
        let pc = self.asm.call_native(acc, push, group, 2_u8);
        self.profile.push((pc, types::ARRAY << site::CALL_RESULT));
        Some(())
    }

    /// Looks for the first item for which the function is truthy, or not for `all`.
    fn search(&mut self, work: Work) -> Option<()> {
        let (item, acc, result) = (self.item(), self.acc(), self.result());
        let hit = self.asm.new_label();
        if work == Work::FindIndex {
            self.asm.load_int(acc, 0);
        }
        self.for_each(|body, _| {
            body.call(result, &[item.into()]);
            if work == Work::All {
                body.asm.jump_unless(Use::last(result), hit);
            } else {
                body.asm.jump_if(Use::last(result), hit);
            }
            if work == Work::FindIndex {
                body.add_one();
            }
            Some(())
        })?;
        match work {
            Work::Any | Work::All => self.asm.load_bool(acc, work == Work::All),
            Work::FindIndex => self.asm.load_int(acc, -1),
            _ => self.asm.load_null(acc),
        };
        self.asm.ret(Use::last(acc));
        self.asm.bind(hit);
        match work {
            Work::Any | Work::All => self.asm.load_bool(acc, work == Work::Any),
            Work::FindIndex => 0,
            _ => self.asm.mov(acc, Use::last(item)),
        };
        self.asm.ret(Use::last(acc));
        Some(())
    }

    fn add_one(&mut self) {
        let (acc, one) = (self.acc(), self.asm.int(1));
        self.asm.add_const(acc, Use::last(acc), one);
    }
}
