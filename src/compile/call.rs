//! Calls: natives, functions of the module, any other value; arguments and spreads.

use ruff_runtime::natives;

use crate::resolve::{Ref, VarId};
use crate::syntax::ast::{Elem, Expr, ExprKind};

use super::facts::is_declared_function;
use super::function::{Builder, Home, Val, Want};

/// Arguments that a call passes in registers; more go through an array.
const MAX_ARGS: usize = 250;

/// How arguments lie in the registers of a call group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Args {
    /// One after the other.
    Plain(u8),
    /// As elements of an array in the group's second register.
    Array,
}

impl<'a> Builder<'a> {
    /// The native that the callee of a call names.
    pub(super) fn native_callee(&self, expr: &Expr) -> Option<u32> {
        let ExprKind::Call { callee, .. } = &expr.kind else { return None };
        self.native_name(callee).map(u32::from)
    }

    /// The native function that a name denotes.
    pub(super) fn native_name(&self, expr: &Expr) -> Option<u16> {
        let ExprKind::Name(name) = &expr.kind else { return None };
        if self.unit.resolved.get(expr.id) != Ref::Native {
            return None;
        }
        natives::lookup(name).and_then(|index| u16::try_from(index).ok())
    }

    /// Compiles arguments into registers from `at` on, which is the next free one or one below;
    /// `piped` comes first.
    pub(super) fn args(&mut self, args: &'a [Elem], piped: Option<u16>, at: u16) -> Args {
        self.free_to(at);
        if let Some(piped) = piped {
            let reg = self.alloc();
            self.code.mov(reg, piped);
        }
        let extra = usize::from(piped.is_some());
        let plain = |elem: &&Elem| matches!(elem, Elem::Value(_));
        let n = args.iter().take_while(plain).count().min(MAX_ARGS - extra);
        for arg in &args[..n] {
            if let Elem::Value(expr) = arg {
                self.push(expr);
            }
        }
        if n == args.len() {
            return Args::Plain((n + extra) as u8);
        }
        self.free_to(at);
        let array = self.alloc();
        self.code.new_array(array, at, (n + extra) as u16);
        self.append(array, &args[n..]);
        Args::Array
    }

    /// Emits the call of the value in `first`.
    pub(super) fn emit_call(&mut self, dst: u16, first: u16, args: Args) {
        match args {
            Args::Plain(count) => self.code.call(dst, first, count),
            Args::Array => self.code.call_spread(dst, first),
        };
    }

    /// Compiles a call whose callee is a name.
    pub(super) fn call(&mut self, expr: &'a Expr, piped: Option<u16>, want: Want) -> Val {
        let ExprKind::Call { callee, callee_end, args } = &expr.kind else {
            return self.nowhere(want);
        };
        let offset = callee_end.start;
        if let Some(native) = self.native_name(callee) {
            return self.call_native(native, args, piped, offset, want);
        }
        if let Some(val) = self.wrap_call(callee, args, piped, want) {
            return val;
        }
        if let Ref::Var(var) = self.unit.resolved.get(callee.id)
            && let Home::Module(slot) = self.home(var)
            && self.reads_late(var, args)
        {
            return self.call_module(slot, args, piped, offset, want);
        }
        let base = self.top();
        let first = self.push(callee);
        let args = self.args(args, piped, first + 1);
        self.code.at(offset);
        if piped.is_some() && !self.is_function(callee) {
            self.code.check_pipe(first);
        }
        self.free_to(base);
        let dst = self.target(want);
        self.code.at(offset);
        self.emit_call(dst, first, args);
        Val::Temp(dst)
    }

    /// `piped |> callee(args)` with a callee that is not a name.
    pub(super) fn call_value(&mut self, expr: &'a Expr, piped: u16, want: Want) -> Val {
        let ExprKind::Call { callee, callee_end, args } = &expr.kind else {
            return self.nowhere(want);
        };
        let base = self.top();
        let first = self.push(callee);
        let args = self.args(args, Some(piped), first + 1);
        self.code.at(callee_end.start);
        self.code.check_pipe(first);
        self.free_to(base);
        let dst = self.target(want);
        self.code.at(callee_end.start);
        self.emit_call(dst, first, args);
        Val::Temp(dst)
    }

    /// The callee can be read after the arguments: nobody sees the difference.
    fn reads_late(&self, var: VarId, args: &[Elem]) -> bool {
        let plain = args.iter().all(|arg| matches!(arg, Elem::Value(_)));
        plain
            && args.len() < MAX_ARGS
            && is_declared_function(self.unit.resolved, &self.unit.facts, var)
    }

    /// The name certainly denotes a function.
    fn is_function(&self, callee: &Expr) -> bool {
        match self.unit.resolved.get(callee.id) {
            Ref::Var(var) => is_declared_function(self.unit.resolved, &self.unit.facts, var),
            Ref::Native | Ref::Undefined => false,
        }
    }

    fn call_module(
        &mut self,
        slot: u16,
        args: &'a [Elem],
        piped: Option<u16>,
        offset: u32,
        want: Want,
    ) -> Val {
        let first = self.alloc();
        let count = match self.args(args, piped, first + 1) {
            Args::Plain(count) => count,
            Args::Array => 0,
        };
        self.free_to(first);
        let dst = self.target(want);
        self.code.at(offset);
        self.code.call_module(dst, first, slot, count);
        Val::Temp(dst)
    }

    fn call_native(
        &mut self,
        native: u16,
        args: &'a [Elem],
        piped: Option<u16>,
        offset: u32,
        want: Want,
    ) -> Val {
        let base = self.top();
        let one = match (args, piped) {
            ([Elem::Value(arg)], None) => {
                let val = self.value(arg);
                Some(self.reg(&val))
            }
            ([], Some(piped)) => Some(piped),
            _ => None,
        };
        if let Some(src) = one {
            self.free_to(base);
            let dst = self.target(want);
            self.code.at(offset);
            self.code.call_native_one(dst, native, src);
            return Val::Temp(dst);
        }
        let args = self.args(args, piped, base);
        self.free_to(base);
        let dst = self.target(want);
        self.code.at(offset);
        match args {
            Args::Plain(count) => self.code.call_native(dst, native, base, count),
            Args::Array => self.code.call_native_spread(dst, native, base),
        };
        Val::Temp(dst)
    }

    /// `Ok(x)`, `Err(x)`, `Some(x)` with exactly one plain argument.
    fn wrap_call(
        &mut self,
        callee: &Expr,
        args: &'a [Elem],
        piped: Option<u16>,
        want: Want,
    ) -> Option<Val> {
        let ExprKind::Name(name) = &callee.kind else { return None };
        if self.unit.resolved.get(callee.id) != Ref::Native {
            return None;
        }
        let which = wrapper(name)?;
        let base = self.top();
        let src = match (args, piped) {
            ([Elem::Value(arg)], None) => {
                let val = self.value(arg);
                self.reg(&val)
            }
            ([], Some(piped)) => piped,
            _ => return None,
        };
        self.free_to(base);
        let dst = self.target(want);
        self.code.wrap(dst, src, which);
        Some(Val::Temp(dst))
    }
}

/// The number of `Ok`, `Err` and `Some` in the `wrap` instruction.
pub(super) fn wrapper(name: &str) -> Option<u16> {
    match name {
        "Ok" => Some(0),
        "Err" => Some(1),
        "Some" => Some(2),
        _ => None,
    }
}
