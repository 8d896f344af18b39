//! Which values a parameter accepts, and how Rust types come from arguments.

use std::marker::PhantomData;
use std::ops::Deref;
use std::slice::{Iter, IterMut};

use super::Cx;
use super::access::Claims;
pub(super) use super::results::{
    IntoValue, array_limit, array_value, bad_key, pair, string_limit, string_value,
};
use crate::error::{Error, Kind, Result};
use crate::heap::Ref;
use crate::objects::array::Array;
use crate::objects::bytes::Bytes;
use crate::objects::cell::CellBody;
use crate::objects::channel::ChannelBody;
use crate::objects::collections::{Queue, Set, Stack};
use crate::objects::dict::Dict;
use crate::objects::string::Str;
use crate::semantics::display::display;
use crate::semantics::type_name;
use crate::value::{Object, Tag, Value, View};

/// Whether a parameter's type accepts a value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Fit {
    Good,
    WrongType,
    /// Right type, but a value that no argument of the type may have.
    WrongValue,
}

impl Fit {
    pub(super) fn when(accepted: bool) -> Fit {
        if accepted { Fit::Good } else { Fit::WrongType }
    }
}

/// A type that a native declares for a parameter.
pub(super) trait FromArg<'a>: Sized {
    /// Type words of the catalogue, separated by `|`.
    const TYPE: &'static str;
    const IS_OPTIONAL: bool = false;
    const IS_REST: bool = false;
    /// Arguments that a rest parameter must get.
    const LEAST: usize = 0;
    /// As [`super::Param::leads_to`].
    const LEADS_TO: &'static str = "";

    fn fit(value: &Value) -> Fit;

    /// Converts an argument for which [`FromArg::fit`] is good.
    fn convert(slot: &'a mut Value) -> Self;

    /// Checks the next argument.
    #[inline]
    fn check(slots: &mut Iter<'_, Value>, name: &str, param: &str) -> Result<()> {
        let Some(value) = slots.next() else { return Ok(()) };
        match Self::fit(value) {
            Fit::Good => Ok(()),
            Fit::WrongType => Err(type_mismatch(name, param, Self::TYPE, value)),
            Fit::WrongValue => Err(bad_value(name, param, &words(Self::TYPE), value)),
        }
    }

    /// Adds what the next argument leads to: a path, a host, a variable, a program.
    #[inline]
    fn claim(slots: &mut Iter<'_, Value>, _claims: &mut Claims) {
        slots.next();
    }

    /// Takes the next argument, which has been checked.
    #[inline]
    fn take(slots: &mut IterMut<'a, Value>) -> Self {
        Self::convert(slots.next().expect("the number of arguments was checked"))
    }
}

/// A type word as messages write it: `a, b or c`.
fn words(ty: &'static str) -> String {
    // The types of elements are checked one by one, with errors of their own.
    let word = |w: &'static str| match w.split('<').next().unwrap_or(w) {
        "whole" => "int",
        "func" => "function",
        "data" => "string or bytes",
        other => other,
    };
    let all: Vec<&str> = ty.split('|').map(word).collect();
    match all.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => all.concat(),
    }
}

#[cold]
pub(super) fn type_mismatch(name: &str, param: &str, ty: &'static str, got: &Value) -> Error {
    let param = param.trim_end_matches('_');
    let got = type_name(got);
    let message = format!("{name}: argument '{param}' must be {}, got {got}", words(ty));
    Error::new(Kind::TypeError, message)
}

#[cold]
fn bad_value(name: &str, param: &str, condition: &str, got: &Value) -> Error {
    match display(got) {
        Ok(got) => {
            let param = param.trim_end_matches('_');
            let message = format!("{name}: argument '{param}' must be {condition}, got {got}");
            Error::new(Kind::ValueError, message)
        }
        Err(error) => error,
    }
}

impl Cx<'_> {
    /// `NAME: argument 'param' must be CONDITION, got VALUE`.
    #[cold]
    pub(super) fn bad_value(&self, param: &str, condition: &str, got: impl Into<Value>) -> Error {
        bad_value(self.name, param, condition, &got.into())
    }

    /// `NAME: argument 'param' must be TYPE, got TYPE`; alternatives separated by `|`.
    #[cold]
    pub(super) fn bad_type(&self, param: &str, ty: &'static str, got: &Value) -> Error {
        type_mismatch(self.name, param, ty, got)
    }

    /// `NAME: what went wrong`.
    #[cold]
    pub(super) fn failure(&self, kind: Kind, what: impl std::fmt::Display) -> Error {
        Error::new(kind, format!("{}: {what}", self.name))
    }

    /// Calls a callback.
    #[inline]
    pub(super) fn call<const N: usize>(&mut self, func: &Value, args: [Value; N]) -> Result<Value> {
        let mut args = args;
        self.host.call(func, &mut args)
    }
}

/// The end of a conversion whose argument does not have the type it was checked for.
#[cold]
fn unchecked() -> ! {
    unreachable!("arguments are checked before they are converted")
}

impl<'a> FromArg<'a> for Value {
    const TYPE: &'static str = "any";
    fn fit(_: &Value) -> Fit {
        Fit::Good
    }
    fn convert(slot: &'a mut Value) -> Value {
        slot.take()
    }
}

impl<'a> FromArg<'a> for &'a Value {
    const TYPE: &'static str = "any";
    fn fit(_: &Value) -> Fit {
        Fit::Good
    }
    fn convert(slot: &'a mut Value) -> &'a Value {
        slot
    }
}

impl<'a> FromArg<'a> for bool {
    const TYPE: &'static str = "bool";
    fn fit(value: &Value) -> Fit {
        Fit::when(value.tag() == Tag::Bool)
    }
    fn convert(slot: &'a mut Value) -> bool {
        slot.as_bool().unwrap_or_else(|| unchecked())
    }
}

impl<'a> FromArg<'a> for i64 {
    const TYPE: &'static str = "int";
    fn fit(value: &Value) -> Fit {
        Fit::when(value.tag() == Tag::Int)
    }
    fn convert(slot: &'a mut Value) -> i64 {
        slot.as_int().unwrap_or_else(|| unchecked())
    }
}

/// An int, or a finite float whose fraction is dropped; far values are cut to the int range.
#[derive(Clone, Copy)]
pub(super) struct Whole(pub i64);

impl<'a> FromArg<'a> for Whole {
    const TYPE: &'static str = "whole";
    fn fit(value: &Value) -> Fit {
        match value.view() {
            View::Int(_) => Fit::Good,
            View::Float(v) if v.is_finite() => Fit::Good,
            View::Float(_) => Fit::WrongValue,
            _ => Fit::WrongType,
        }
    }
    fn convert(slot: &'a mut Value) -> Whole {
        match slot.view() {
            View::Int(v) => Whole(v),
            View::Float(v) => Whole(v as i64),
            _ => unchecked(),
        }
    }
}

/// An int or a float as it came.
#[derive(Clone, Copy)]
pub(super) enum Number {
    Int(i64),
    Float(f64),
}

impl Number {
    pub(super) fn to_f64(self) -> f64 {
        match self {
            Number::Int(v) => v as f64,
            Number::Float(v) => v,
        }
    }
}

impl From<Number> for Value {
    fn from(number: Number) -> Value {
        match number {
            Number::Int(v) => Value::int(v),
            Number::Float(v) => Value::float(v),
        }
    }
}

impl<'a> FromArg<'a> for Number {
    const TYPE: &'static str = "number";
    fn fit(value: &Value) -> Fit {
        Fit::when(matches!(value.tag(), Tag::Int | Tag::Float))
    }
    fn convert(slot: &'a mut Value) -> Number {
        match slot.view() {
            View::Int(v) => Number::Int(v),
            View::Float(v) => Number::Float(v),
            _ => unchecked(),
        }
    }
}

/// A number or null, which means something of its own.
#[derive(Clone, Copy)]
pub(super) struct NumberOrNull(pub Option<Number>);

impl<'a> FromArg<'a> for NumberOrNull {
    const TYPE: &'static str = "number|null";
    fn fit(value: &Value) -> Fit {
        Fit::when(matches!(value.tag(), Tag::Int | Tag::Float | Tag::Null))
    }
    fn convert(slot: &'a mut Value) -> NumberOrNull {
        NumberOrNull((!slot.is_null()).then(|| Number::convert(slot)))
    }
}

impl<'a> FromArg<'a> for f64 {
    const TYPE: &'static str = "number";
    fn fit(value: &Value) -> Fit {
        Number::fit(value)
    }
    fn convert(slot: &'a mut Value) -> f64 {
        Number::convert(slot).to_f64()
    }
}

impl<'a> FromArg<'a> for &'a str {
    const TYPE: &'static str = "string";
    fn fit(value: &Value) -> Fit {
        Fit::when(value.tag() == Tag::Str)
    }
    fn convert(slot: &'a mut Value) -> &'a str {
        <&'a Str>::convert(slot).as_str()
    }
}

/// A callable value.
#[derive(Clone, Copy)]
pub(super) struct Func<'a>(pub &'a Value);

/// Whether a value can be called.
pub(super) fn is_callable(value: &Value) -> bool {
    matches!(value.tag(), Tag::Function | Tag::Native | Tag::Wrapper)
}

impl<'a> FromArg<'a> for Func<'a> {
    const TYPE: &'static str = "func";
    fn fit(value: &Value) -> Fit {
        Fit::when(is_callable(value))
    }
    fn convert(slot: &'a mut Value) -> Func<'a> {
        Func(slot)
    }
}

/// An argument of object type `T` that the native owns: it may be changed in place (copied
/// first if it is shared) and returned.
pub(super) struct Owned<'a, T> {
    slot: &'a mut Value,
    body: PhantomData<T>,
}

macro_rules! object_args {
    ($($T:ident, $View:ident = $word:literal;)*) => { $(
        impl<'a> FromArg<'a> for &'a $T {
            const TYPE: &'static str = $word;
            fn fit(value: &Value) -> Fit {
                Fit::when(value.tag() == Tag::$View)
            }
            fn convert(slot: &'a mut Value) -> &'a $T {
                let value: &'a Value = slot;
                match value.view() {
                    View::$View(body) => body,
                    _ => unchecked(),
                }
            }
        }

        impl<'a> FromArg<'a> for Owned<'a, $T> {
            const TYPE: &'static str = $word;
            fn fit(value: &Value) -> Fit {
                Fit::when(value.tag() == Tag::$View)
            }
            fn convert(slot: &'a mut Value) -> Self {
                Owned { slot, body: PhantomData }
            }
        }

        impl Deref for Owned<'_, $T> {
            type Target = $T;
            fn deref(&self) -> &$T {
                match self.slot.view() {
                    View::$View(body) => body,
                    _ => unchecked(),
                }
            }
        }
    )* };
}

object_args! {
    Str, Str = "string";
    Array, Array = "array";
    Dict, Dict = "dict";
    Set, Set = "set";
    Queue, Queue = "queue";
    Stack, Stack = "stack";
    Bytes, Bytes = "bytes";
    CellBody, Ref = "ref";
    ChannelBody, Channel = "channel";
}

impl<T: Object + Clone> Owned<'_, T> {
    /// The body for changing, copied first if it is shared.
    pub(super) fn make_mut(&mut self) -> &mut T {
        self.slot.make_mut::<T>().unwrap_or_else(|| unchecked())
    }
}

impl<T: Object> Owned<'_, T> {
    /// The collection as a value, moved out of the argument.
    pub(super) fn into_value(self) -> Value {
        self.slot.take()
    }

    /// The collection as it is now; the argument keeps it.
    pub(super) fn to_value(&self) -> Value {
        self.slot.clone()
    }

    /// Replaces the collection.
    pub(super) fn replace(&mut self, body: T) {
        *self.slot = Value::from_ref(Ref::new(body));
    }
}

/// Parameter types that accept several kinds of values, which bodies then look at.
macro_rules! value_args {
    ($($(#[$doc:meta])* $Name:ident = $word:literal, $($tag:ident)|+;)*) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub(super) struct $Name<'a>(pub &'a Value);

        impl<'a> FromArg<'a> for $Name<'a> {
            const TYPE: &'static str = $word;
            fn fit(value: &Value) -> Fit {
                Fit::when(matches!(value.tag(), $(Tag::$tag)|+))
            }
            fn convert(slot: &'a mut Value) -> Self {
                $Name(slot)
            }
        }

        impl Deref for $Name<'_> {
            type Target = Value;
            fn deref(&self) -> &Value {
                self.0
            }
        }
    )* };
}

value_args! {
    /// A value that has a length.
    Measured = "string|array|dict|bytes|set|queue|stack",
        Str | Array | Dict | Bytes | Set | Queue | Stack;
    /// A value that can be searched.
    Searched = "string|array|dict|set|queue|stack|bytes",
        Str | Array | Dict | Bytes | Set | Queue | Stack;
    /// A number that keeps its type.
    NumberValue = "number", Int | Float;
    ArrayValue = "array", Array;
    StrOrArray = "string|array", Str | Array;
    ArrayOrStr = "array|string", Str | Array;
    DictOrArray = "dict|array", Dict | Array;
    Sliced = "array|string|bytes", Array | Str | Bytes;
    BytesSource = "array<int>|string|bytes", Array | Str | Bytes;
    Cleared = "array|dict|set|queue|stack", Array | Dict | Set | Queue | Stack;
    Convertible = "int|float|bool|string", Int | Float | Bool | Str;
    ResultArg = "result", Ok | Err;
    OptionArg = "option", Some | None;
    PromiseArg = "promise", Promise;
    ResultOrOption = "result|option", Ok | Err | Some | None;
    DictKey = "key", Str | Int;
    StrOrFunc = "string|func", Str | Function | Native | Wrapper;
    StrOrDict = "string|dict", Str | Dict;
    DictOrStruct = "dict|struct", Dict | Struct;
    DictValue = "dict", Dict;
    BytesOrStr = "bytes|string", Bytes | Str;
    /// An array or an iterator: the receivers of lazy methods.
    Lazy = "array|iterator", Array | Iterator | Generator;
}

/// As `value_args`, for bodies that take the value over.
macro_rules! owned_args {
    ($($Name:ident = $word:literal, $($tag:ident)|+;)*) => { $(
        pub(super) struct $Name(pub Value);

        impl<'a> FromArg<'a> for $Name {
            const TYPE: &'static str = $word;
            fn fit(value: &Value) -> Fit {
                Fit::when(matches!(value.tag(), $(Tag::$tag)|+))
            }
            fn convert(slot: &'a mut Value) -> Self {
                $Name(slot.take())
            }
        }
    )* };
}

owned_args! {
    ArrayOrDict = "array|dict", Dict | Array;
    ArrayOrBytes = "array|bytes", Array | Bytes;
    Iterable = "iterable", Array | Str | Bytes | Set | Queue | Stack | Iterator | Generator;
    IterableOrDict = "iterable|dict", Array | Str | Bytes | Set | Queue | Stack | Iterator | Generator | Dict;
    DictOrIterable = "dict|iterable", Array | Str | Bytes | Set | Queue | Stack | Iterator | Generator | Dict;
}

impl<'a, T: FromArg<'a>> FromArg<'a> for Option<T> {
    const TYPE: &'static str = T::TYPE;
    const LEADS_TO: &'static str = T::LEADS_TO;
    const IS_OPTIONAL: bool = true;

    fn fit(value: &Value) -> Fit {
        T::fit(value)
    }

    fn convert(slot: &'a mut Value) -> Option<T> {
        // A type that does not accept null reads it as "left out".
        let is_left_out = slot.is_null() && T::fit(slot) != Fit::Good;
        (!is_left_out).then(|| T::convert(slot))
    }

    fn check(slots: &mut Iter<'_, Value>, name: &str, param: &str) -> Result<()> {
        if slots.as_slice().first().is_some_and(Value::is_null) {
            slots.next();
            return Ok(());
        }
        T::check(slots, name, param)
    }

    fn claim(slots: &mut Iter<'_, Value>, claims: &mut Claims) {
        T::claim(slots, claims);
    }

    fn take(slots: &mut IterMut<'a, Value>) -> Option<T> {
        slots.next().and_then(Self::convert)
    }
}

/// All further arguments.
#[derive(Clone, Copy)]
pub(super) struct Rest<'a>(pub &'a [Value]);

impl<'a> FromArg<'a> for Rest<'a> {
    const TYPE: &'static str = "any";
    const IS_REST: bool = true;

    fn fit(_: &Value) -> Fit {
        Fit::Good
    }
    fn convert(slot: &'a mut Value) -> Rest<'a> {
        Rest(std::slice::from_ref(slot))
    }
    fn check(_: &mut Iter<'_, Value>, _: &str, _: &str) -> Result<()> {
        Ok(())
    }
    fn take(slots: &mut IterMut<'a, Value>) -> Rest<'a> {
        Rest(std::mem::take(slots).into_slice())
    }
}
