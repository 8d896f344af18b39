//! Method calls (LS 9.4, 12.3).
//!
//! On a place the method may turn out to be mutating. Then the receiver is taken out of its
//! place after the arguments were evaluated, and put back when the call ends, also by an error.
//! The method is selected before the arguments are evaluated; where they can neither raise nor
//! change anything, that order cannot be observed and shorter code is emitted.

use ruff_runtime::bytecode::operand::{Root, RootKind};
use ruff_runtime::bytecode::{Const, HandlerKind};
use ruff_runtime::error::Kind;

use crate::resolve::VarKind;
use crate::syntax::ast::{Elem, Expr, ExprKind};

use super::call::Args;
use super::chain::{Invocation, is_lazy};
use super::code::Label;
use super::cold::{Action, Taken};
use super::function::{Builder, Val, Want};
use super::place::{ReadyPlace, ReadyStep, root_of, steps_of};

/// A call being compiled.
struct Site<'a> {
    place: ReadyPlace,
    name: u16,
    /// Position of errors of the call.
    offset: u32,
    args: &'a [Elem],
    piped: Option<u16>,
    /// Where the result goes.
    dst: u16,
    /// Holds the root's content while the call runs: the variable itself if it is in a register.
    holder: u16,
    /// First register of the call group.
    first: u16,
    /// Evaluating the arguments cannot be observed.
    is_simple: bool,
    /// The method's name is one of a mutating method.
    may_mutate: bool,
}

impl<'a> Builder<'a> {
    /// `first.name(args)` on a value that is not in a place.
    pub(super) fn method_on_value(
        &mut self,
        first: u16,
        null_safe: bool,
        (name, args): Invocation<'a>,
        piped: Option<u16>,
        want: Want,
    ) -> Val {
        let (is_null, end) = (self.code.new_label(), self.code.new_label());
        if null_safe {
            self.code.jump_if_null(first, is_null);
        }
        let method = self.code.name(&name.name);
        let offset = name.span.start;
        if !self.are_simple(args) {
            // Errors of the selection come before those of the arguments.
            self.reserve(2);
            self.code.mov(first + 1, first);
            self.code.at(offset);
            self.code.select_method(first + 1, method);
        }
        let args = self.args(args, piped, first + 1);
        self.free_to(first);
        let dst = self.target(want);
        self.code.at(offset);
        self.emit_call_method(dst, first, method, args);
        if null_safe {
            self.code.jump(end);
            self.code.bind(is_null);
            self.code.load_null(dst);
            self.code.bind(end);
        }
        Val::Temp(dst)
    }

    /// Emits the call of a method that is not mutating.
    pub(super) fn emit_call_method(&mut self, dst: u16, first: u16, name: u16, args: Args) {
        match args {
            Args::Plain(count) => self.code.call_method(dst, first, name, count),
            Args::Array => self.code.call_method_spread(dst, first, name),
        };
    }

    fn emit_call_method_place(&mut self, dst: u16, first: u16, name: u16, args: Args) {
        match args {
            Args::Plain(count) => self.code.call_method_place(dst, first, name, count),
            Args::Array => self.code.call_method_place_spread(dst, first, name),
        };
    }

    fn are_simple(&self, args: &[Elem]) -> bool {
        args.iter().all(|arg| match arg {
            Elem::Value(expr) => self.is_simple(expr),
            Elem::Spread(..) => false,
        })
    }

    /// The value of a receiver that is no place in the next register. The array of a range that
    /// a lazy method reads is never made.
    fn push_receiver(&mut self, receiver: &'a Expr, name: &str, null_safe: bool) -> u16 {
        let range = self.range_args(receiver).filter(|_| is_lazy(name) && !null_safe);
        let Some((offset, args)) = range else { return self.push(receiver) };
        let first = self.top();
        for arg in args {
            if let Elem::Value(expr) = arg {
                self.push(expr);
            }
        }
        self.free_to(first);
        let dst = self.alloc();
        self.code.at(offset);
        self.code.range_items(dst, first, args.len() as u8);
        dst
    }

    /// `P.m(args)` where `P` is a place.
    pub(super) fn method_on_place(
        &mut self,
        expr: &'a Expr,
        piped: Option<u16>,
        want: Want,
    ) -> Val {
        let ExprKind::Method { receiver, null_safe, name, args } = &expr.kind else {
            return self.nowhere(want);
        };
        let Some((root, var)) =
            root_of(receiver).and_then(|root| Some((root, self.unit.resolved.declared(root.id)?)))
        else {
            // The root is no variable: an ordinary value.
            let first = self.push_receiver(receiver, &name.name, *null_safe);
            let val =
                self.method_on_value(first, *null_safe, (name, args), piped, Want::Into(first));
            return self.deliver(val, want);
        };
        let base = self.top();
        let register = self.register_of(var);
        let raw_steps = steps_of(receiver);
        let dst = match want {
            // The place is used once more after the result was written.
            Want::Final(reg) if register == Some(reg) || !raw_steps.is_empty() => self.alloc(),
            _ => self.target(want),
        };
        let later: Vec<&Expr> = args
            .iter()
            .map(|arg| match arg {
                Elem::Value(expr) | Elem::Spread(_, expr) => expr,
            })
            .collect();
        let steps = self.ready_steps(&raw_steps, &later);
        let holder = register.unwrap_or_else(|| self.alloc());
        let first = self.alloc();
        self.reserve(2);
        let root_name = self.unit.resolved.var(var).name.clone();
        let site = Site {
            place: ReadyPlace { var, name: root_name, offset: root.span.start, steps },
            name: self.code.name(&name.name),
            offset: name.span.start,
            args,
            piped,
            dst,
            holder,
            first,
            is_simple: self.are_simple(args),
            may_mutate: self.unit.facts.may_mutate(&name.name),
        };
        let end = self.code.new_label();
        if *null_safe {
            self.load_place(&site.place, Want::Into(first));
            let go_on = self.code.new_label();
            self.code.jump_unless_null(first, go_on);
            self.code.load_null(dst);
            self.code.jump(end);
            self.code.bind(go_on);
        }
        let discarded = self.invoke(&site, *null_safe, want == Want::Nothing);
        self.code.bind(end);
        self.free_to(base);
        match want {
            Want::Nothing if discarded && !null_safe => Val::Const(Const::Null),
            Want::Any | Want::Temp | Want::Nothing => {
                self.free_to(base + 1);
                Val::Temp(dst)
            }
            Want::Into(_) => Val::Temp(dst),
            Want::Final(reg) => {
                if reg != dst {
                    self.code.mov(reg, dst);
                }
                Val::Temp(reg)
            }
        }
    }

    /// Emits the call; true if its unused result has been dropped already.
    fn invoke(&mut self, site: &Site<'a>, is_loaded: bool, is_unused: bool) -> bool {
        let kind = &self.unit.resolved.var(site.place.var).kind;
        if *kind == VarKind::Module && site.place.steps.is_empty() {
            self.call_member(site);
            return false;
        }
        if let Some(message) = self.why_fixed(site) {
            self.call_on_fixed(site, is_loaded, message);
            return false;
        }
        let register = self.register_of(site.place.var);
        match register {
            Some(reg) if site.is_simple && site.place.steps.is_empty() => {
                self.call_on_register(site, reg, is_unused)
            }
            _ => {
                self.call_on_place(site, is_loaded);
                false
            }
        }
    }

    /// `m.f(args)` where `m` is an imported module.
    fn call_member(&mut self, site: &Site<'a>) {
        self.load_place(&site.place, Want::Into(site.first));
        self.code.at(site.offset);
        if !site.is_simple {
            self.code.select_method(site.first, site.name);
        }
        let args = self.args(site.args, site.piped, site.first + 1);
        self.code.at(site.offset);
        self.emit_call_method(site.dst, site.first, site.name, args);
    }

    /// Why a place cannot be changed, as the message of the error.
    fn why_fixed(&self, site: &Site<'a>) -> Option<String> {
        let var = self.unit.resolved.var(site.place.var);
        if let (VarKind::Module, Some(ReadyStep::Field { name, .. })) =
            (&var.kind, site.place.steps.first())
        {
            return Some(format!("Cannot mutate a module member: {}.{name}", var.name));
        }
        if let VarKind::SelfParam { is_mut: false } = var.kind {
            return Some("Cannot mutate self in a method without 'mut self'".to_owned());
        }
        var.is_const.then(|| format!("Cannot mutate const binding: {}", var.name))
    }

    fn call_on_fixed(&mut self, site: &Site<'a>, is_loaded: bool, message: String) {
        if !is_loaded {
            self.load_place(&site.place, Want::Into(site.first));
        }
        self.code.at(site.offset);
        self.code.select_method(site.first, site.name);
        let args = self.args(site.args, site.piped, site.first + 1);
        let plain = self.code.new_label();
        self.code.jump_unless_pending(site.first, plain);
        self.fail(Kind::AccessError, message, site.offset);
        self.code.bind(plain);
        self.code.at(site.offset);
        self.emit_call_method(site.dst, site.first, site.name, args);
    }

    /// A variable in a register that the arguments cannot touch: it is moved into the call.
    fn call_on_register(&mut self, site: &Site<'a>, reg: u16, is_unused: bool) -> bool {
        self.check(site.place.var, site.place.offset);
        let args = self.args(site.args, site.piped, site.first + 1);
        // The result is dropped when the variable gets its value back.
        let dst = if is_unused { reg } else { site.dst };
        self.code.mov(site.first, reg);
        let taken = Taken { element: None, root: Some((Root::register(reg), site.first)) };
        self.code.at(site.offset);
        let start = self.code.here();
        self.emit_call_method_place(dst, site.first, site.name, args);
        if self.is_visible_after_error(reg) {
            self.cleanup(start, taken, site);
        }
        self.put_back(taken);
        is_unused
    }

    /// Whether somebody can see a variable of this function after an error in it.
    fn is_visible_after_error(&self, reg: u16) -> bool {
        self.tries > 0 || (self.mutates_receiver && reg == 0)
    }

    /// Covers the instructions from `start` to here by code that puts values back.
    fn cleanup(&mut self, start: Label, taken: Taken, site: &Site<'a>) {
        let error = site.first + 1;
        let target = self.out_of_line(site.offset, Action::PutBack { taken, error });
        self.code.handler(start, target, error, HandlerKind::Cleanup);
    }

    /// The general case.
    fn call_on_place(&mut self, site: &Site<'a>, is_loaded: bool) {
        if !is_loaded {
            self.load_place(&site.place, Want::Into(site.first));
        }
        self.code.at(site.offset);
        self.code.select_method(site.first, site.name);
        let args = self.args(site.args, site.piped, site.first + 1);
        let end = self.code.new_label();
        let plain = if site.may_mutate {
            let (dst, first, name) = (site.dst, site.first, site.name);
            let action = Action::CallMethod { dst, first, name, args, next: end };
            self.out_of_line(site.offset, action)
        } else {
            self.code.new_label()
        };
        self.code.jump_unless_pending(site.first, plain);
        self.call_taken(site, args);
        if !site.may_mutate {
            self.code.jump(end);
            self.code.bind(plain);
            self.code.at(site.offset);
            self.emit_call_method(site.dst, site.first, site.name, args);
        }
        self.code.bind(end);
    }

    /// Takes the receiver out of its place, calls the mutating method, puts it back.
    fn call_taken(&mut self, site: &Site<'a>, args: Args) {
        let root = self.root(site.place.var);
        let place = self.place_desc(&site.place.name, &site.place.steps);
        let is_register = root.kind == RootKind::Register;
        let holder = site.holder;
        self.code.at(site.offset);
        if !is_register {
            self.code.take_root(holder, root);
        }
        let in_use = (!is_register).then_some((root, holder));
        let start = self.code.here();
        self.code.at(site.offset);
        self.code.take_receiver(site.first, holder, place);
        if !is_register {
            self.cleanup(start, Taken { element: None, root: in_use }, site);
        }
        let has_steps = !site.place.steps.is_empty();
        let taken = if has_steps {
            Taken { element: Some((holder, place, site.first)), root: in_use }
        } else {
            Taken { element: None, root: Some((root, site.first)) }
        };
        let start = self.code.here();
        self.code.at(site.offset);
        self.emit_call_method_place(site.dst, site.first, site.name, args);
        if !is_register || self.is_visible_after_error(holder) {
            self.cleanup(start, taken, site);
        }
        self.put_back(taken);
    }
}
