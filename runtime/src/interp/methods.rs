//! Handlers of method calls, and the cache of selected methods.
//!
//! What a name selects depends on the shape of a struct and on the type of most other values;
//! the cache remembers it per shape (or type) and name constant. Modules and dicts with an entry
//! that decides, and structs without such a method are looked up each time.

use super::Vm;
use super::enter::{Args, Begun};
use super::machine::{Machine, Step, body};
use super::moves::text_of;
use super::stack::{flags, loaded};
use crate::bytecode::operand::{Def, Name};
use crate::bytecode::ops;
use crate::error::Result;
use crate::heap::Obj;
use crate::natives;
use crate::natives::method::{self, Selected};
use crate::objects::function::{Function, FunctionCode};
use crate::objects::structs::Struct;
use crate::profile::site::{self, types};
use crate::value::{Tag, Value, View};

const N_CACHED: usize = 512;

/// A remembered selection.
struct Cached {
    /// The shape's id, or a type's tag above bit 32.
    receiver: u64,
    /// The address of the name constant.
    name: u64,
    selected: Selected,
}

/// Selections by receiver and name.
pub(super) struct MethodCache(Box<[Option<Cached>]>);

impl MethodCache {
    pub(super) fn new() -> MethodCache {
        MethodCache((0..N_CACHED).map(|_| None).collect())
    }

    #[inline(always)]
    fn slot(receiver: u64, name: u64) -> usize {
        (receiver ^ receiver >> 32 ^ name >> 4) as usize % N_CACHED
    }

    #[inline(always)]
    fn get(&self, receiver: u64, name: &Value) -> Option<&Selected> {
        let cached = self.0[Self::slot(receiver, name.payload())].as_ref()?;
        let hit = cached.receiver == receiver && cached.name == name.payload();
        hit.then_some(&cached.selected)
    }

    fn put(&mut self, receiver: u64, name: &Value, selected: Selected) {
        let name = name.payload();
        self.0[Self::slot(receiver, name)] = Some(Cached { receiver, name, selected });
    }
}

/// The key under which selections for this receiver can be remembered.
#[inline(always)]
fn receiver_key(receiver: &Value, name: &Value) -> Option<u64> {
    match receiver.view() {
        View::Struct(instance) => Some(u64::from(instance.shape().id())),
        View::Dict(dict) if method::has_own(dict, name) => None,
        // Types of the library share a tag.
        View::Module(_) | View::Resource(_) | View::Null => None,
        _ => Some((receiver.tag() as u64) << 32),
    }
}

impl Vm {
    /// What `receiver.name(…)` calls.
    pub(super) fn select(&mut self, receiver: &Value, name: &Value) -> Result<Selected> {
        let key = receiver_key(receiver, name);
        if let Some(selected) = key.and_then(|key| self.methods.get(key, name)) {
            return Ok(selected.clone());
        }
        let selected = method::select(receiver, text_of(name))?;
        if let Some(key) = key
            && !matches!(selected, Selected::Callable(_))
        {
            self.methods.put(key, name, selected.clone());
        }
        Ok(selected)
    }

    /// The shapes on which this name constant selected a method lately, with its code; for the
    /// JIT.
    pub fn cached_methods(&self, name: &Value) -> Vec<(u32, *const FunctionCode)> {
        let same = self.methods.0.iter().flatten().filter(|c| c.name == name.payload());
        let method = |cached: &Cached| match &cached.selected {
            Selected::Method(method) => match method.view() {
                View::Function(function) => {
                    Some((u32::try_from(cached.receiver).ok()?, function.code_ptr()))
                }
                _ => None,
            },
            Selected::Callable(_)
            | Selected::TypeMethod(_)
            | Selected::Updating(_)
            | Selected::Native(_) => None,
        };
        same.filter_map(method).collect()
    }

    /// Calls what was selected, with the receiver at `window` and arguments behind it.
    fn begin_method(
        &mut self,
        selected: &Selected,
        window: *mut Value,
        args: Args,
        keep: u64,
    ) -> Result<Begun> {
        match selected {
            Selected::Method(method) => {
                let flags = flags::USER | keep;
                return self.begin_function(method.clone(), window, args, flags);
            }
            Selected::Callable(callee) => {
                let args_at = window.wrapping_add(1);
                return self.begin_call(callee.clone(), args_at, args, flags::USER);
            }
            Selected::TypeMethod(_) | Selected::Updating(_) | Selected::Native(_) => {}
        }
        let mut list;
        let given = match args {
            // SAFETY: arguments in place are initialised registers behind the receiver.
            Args::InPlace(n) => unsafe { std::slice::from_raw_parts_mut(window.add(1), n) },
            Args::List(values) => {
                list = values;
                &mut list[..]
            }
        };
        // SAFETY: the window starts with the receiver, which user code cannot reach.
        let receiver = unsafe { &mut *window };
        let result = method::call_selected(self, selected, receiver, given);
        given.fill(Value::NULL);
        Ok(Begun::Done(result?))
    }
}

impl Machine {
    #[inline(always)]
    pub(super) fn call_method(&mut self, op: ops::CallMethod) -> Step {
        self.method(op.dst, op.first.idx(), op.name, op.count.n(), 0)
    }

    #[inline(always)]
    pub(super) fn call_method_place(&mut self, op: ops::CallMethodPlace) -> Step {
        self.method(op.dst, op.first.idx(), op.name, op.count.n(), flags::KEEP_RECEIVER)
    }

    #[inline(always)]
    fn method(&mut self, dst: Def, first: usize, name: Name, n: usize, keep: u64) -> Step {
        if let Some((code, closure)) = self.known_method(first, name) {
            // SAFETY: functions of the VM are loaded; their code is live.
            let info = unsafe { &loaded(code).call };
            let window = self.at(first);
            if info.exact_args == n as u32 + 1 && self.is_plain_entry(info, window) {
                // SAFETY: the cache keeps the function alive; the frame gets its own count.
                unsafe { (*closure).header.retain() };
                self.enter(code, closure, window, flags::USER | keep);
                return Ok(());
            }
        }
        self.method_slow(dst, first, name, Args::InPlace(n), keep)?;
        self.reload();
        Ok(())
    }

    /// The method of a struct receiver whose shape this site has seen.
    #[inline(always)]
    fn known_method(
        &mut self,
        first: usize,
        name: Name,
    ) -> Option<(*const FunctionCode, *mut Obj<Function>)> {
        if self.tag(first) != Tag::Struct {
            return None;
        }
        // SAFETY: the tag was just checked.
        let id = unsafe { body::<Struct>(self.reg(first)) }.shape().id();
        let site = self.site();
        let is_known = site & 0xffff_ffff == u64::from(id) && site & site::MONO != 0;
        if !is_known && site & site::MEGA == 0 {
            return None;
        }
        let name = self.konst(name.idx());
        // SAFETY: the VM outlives the loop.
        let Some(Selected::Method(method)) = (unsafe { &(*self.vm).methods }).get(id.into(), name)
        else {
            return None;
        };
        let closure = method.payload() as *mut Obj<Function>;
        // SAFETY: methods are functions.
        Some((unsafe { (*closure).body.code_ptr() }, closure))
    }

    #[inline(never)]
    fn method_slow(mut self, dst: Def, first: usize, name: Name, args: Args, keep: u64) -> Step {
        self.save();
        self.note_receiver(first);
        let receiver = self.at(first);
        let name = self.konst(name.idx()).clone();
        // SAFETY: a register of the frame on top.
        let selected = self.vm().select(unsafe { &*receiver }, &name);
        let selected = self.checked(selected)?;
        if let (Selected::TypeMethod(_), Args::InPlace(n)) = (&selected, &args)
            && self.note_chain((receiver, keep), *n, &name)
        {
            return Ok(());
        }
        self.vm().can_finish_later = true;
        let begun = match (&selected, args) {
            (Selected::Native(native), Args::InPlace(n)) if keep == 0 => {
                self.native_method(*native, receiver, n)
            }
            (_, args) => self.vm().begin_method(&selected, receiver, args, keep),
        };
        self.vm().can_finish_later = false;
        let is_method = matches!(selected, Selected::Method(_));
        if keep == 0 && (!is_method || begun.is_err()) {
            self.set(first, Value::NULL);
        }
        self.finish_call(dst, begun)
    }

    /// Notes the chain of lazy stages that a call may end; true if its frame was pushed.
    #[inline]
    fn note_chain(&mut self, (receiver, keep): (*mut Value, u64), n: usize, name: &Value) -> bool {
        // SAFETY: a register of the frame on top.
        if unsafe { (*receiver).tag() } != Tag::Iterator {
            return false;
        }
        // SAFETY: receiver and arguments are consecutive initialised registers; `pc` is behind
        // the instruction.
        let (args, site) = unsafe { (std::slice::from_raw_parts(receiver, n + 1), self.pc.sub(1)) };
        let n_items = self.vm().note_chain(site, args);
        if n_items == 0 {
            return false;
        }
        self.heat_loop(n_items);
        let View::Str(name) = name.view() else { return false };
        // SAFETY: the receiver is a register, and those behind the arguments are free.
        keep == 0 && unsafe { self.vm().enter_chain(site, receiver, (name.as_str(), n), n_items) }
    }

    /// Calls a native with a receiver that nobody needs any more as its first argument.
    fn native_method(&mut self, native: u32, receiver: *mut Value, n: usize) -> Result<Begun> {
        // SAFETY: receiver and arguments are consecutive initialised registers.
        let args = unsafe { std::slice::from_raw_parts_mut(receiver, n + 1) };
        let result = natives::call(self.vm(), native, args);
        args.fill(Value::NULL);
        Ok(Begun::Done(result?))
    }

    /// Notes type and shape of the receiver.
    fn note_receiver(&mut self, first: usize) {
        let receiver = self.reg(first);
        let kind = site::type_bit(receiver.tag()) << site::RECEIVER;
        let site = self.site();
        let instance = match receiver.view() {
            View::Struct(instance) => instance,
            View::Array(array) if site >> site::RECEIVER & types::STRUCT == 0 => {
                return self.note(kind | 1 << array.kind() as u64);
            }
            _ => return self.note(kind),
        };
        let id = u64::from(instance.shape().id());
        let state = match site & 0xffff_ffff {
            0 => site::MONO,
            known if known == id => 0,
            _ => site::MEGA,
        };
        self.set_site(site & !0xffff_ffff | id | kind | state);
    }

    #[inline(always)]
    pub(super) fn call_method_spread(&mut self, op: ops::CallMethodSpread) -> Step {
        let list = self.take_list(op.first.idx() + 1);
        self.method_slow(op.dst, op.first.idx(), op.name, Args::List(list), 0)?;
        self.reload();
        Ok(())
    }

    #[inline(always)]
    pub(super) fn call_method_place_spread(&mut self, op: ops::CallMethodPlaceSpread) -> Step {
        let list = self.take_list(op.first.idx() + 1);
        let keep = flags::KEEP_RECEIVER;
        self.method_slow(op.dst, op.first.idx(), op.name, Args::List(list), keep)?;
        self.reload();
        Ok(())
    }

    #[inline(always)]
    pub(super) fn select_method(&mut self, op: ops::SelectMethod) -> Step {
        self.select_slow(op)
    }

    /// As `call_method` and `call_method_place` for a method of the library that neither calls
    /// back nor waits. Others are left to be executed with a frame: `pc` then is before the
    /// instruction.
    pub(super) fn method_frameless(
        &mut self,
        (dst, name): (Def, Name),
        (first, n): (usize, usize),
        keeps: bool,
    ) -> Step {
        self.note_receiver(first);
        let window = self.at(first);
        let name = self.konst(name.idx()).clone();
        // SAFETY: receiver and arguments are consecutive initialised registers.
        let (receiver, args) =
            unsafe { (&mut *window, std::slice::from_raw_parts_mut(window.add(1), n)) };
        let selected = self.vm().select(receiver, &name);
        let Some(selected) = selected.ok().filter(|s| s.is_self_contained(args)) else {
            self.go(-1);
            return Ok(());
        };
        let result = match selected {
            Selected::Native(native) if !keeps => {
                // SAFETY: as above.
                let all = unsafe { std::slice::from_raw_parts_mut(window, n + 1) };
                natives::call(self.vm(), native, all)
            }
            _ => method::call_selected(self.vm(), &selected, receiver, args),
        };
        args.fill(Value::NULL);
        if !keeps {
            *receiver = Value::NULL;
        }
        let result = self.checked(result)?;
        self.note_result(result.tag(), site::CALL_RESULT);
        self.set(dst.idx(), result);
        Ok(())
    }

    #[inline(never)]
    fn select_slow(mut self, op: ops::SelectMethod) -> Step {
        let reg = op.reg.idx();
        self.note_receiver(reg);
        let receiver = self.at(reg);
        let name = self.konst(op.name.idx()).clone();
        // SAFETY: a register of the frame on top.
        let selected = self.vm().select(unsafe { &*receiver }, &name);
        let selected = self.checked(selected)?;
        if selected.is_mutating() {
            let marker = Value::pending(receiver_type(self.reg(reg)));
            self.set(reg, marker);
        }
        Ok(())
    }

    #[inline(always)]
    pub(super) fn jump_unless_pending(&mut self, op: ops::JumpUnlessPending) -> Step {
        if self.tag(op.src.idx()) != Tag::Pending {
            self.go(op.target.0 as isize);
        }
        Ok(())
    }
}

/// What a pending marker remembers of its receiver: the type, and of a struct the declaration.
pub fn receiver_type(receiver: &Value) -> u64 {
    let declaration = match receiver.view() {
        View::Struct(instance) => instance.def().decl_id,
        _ => 0,
    };
    declaration << 8 | receiver.tag() as u64
}
