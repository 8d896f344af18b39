//! Declarations of natives: the `natives!` and `methods!` macros and what they expand to.
//!
//! A declaration is a signature with Rust types; each type says through [`FromArg`] which values
//! it accepts and how it is made from an argument. The function of the same name follows in the
//! same file, so the compiler compares the two.

use super::{Cx, Effect, Native, NativeFn};
use crate::error::Result;
use crate::value::{Tag, Value};

use super::args::FromArg;

/// One declared parameter.
#[derive(Debug)]
pub struct Param {
    pub name: &'static str,
    /// The type word of the catalogue, `any` if everything is accepted.
    pub ty: &'static str,
    pub is_optional: bool,
    /// Takes all further arguments.
    pub is_rest: bool,
    /// Arguments that a rest parameter must get.
    pub n_least: usize,
    /// What restricted runs check the argument as: `read`, `write`, `directory`, `variable`,
    /// `program`, `host` or `url`; "" for arguments that lead nowhere.
    pub leads_to: &'static str,
}

impl Param {
    pub(super) const fn of<T: FromArg<'static>>(name: &'static str) -> Param {
        Param {
            name,
            ty: T::TYPE,
            is_optional: T::IS_OPTIONAL,
            is_rest: T::IS_REST,
            n_least: T::LEAST,
            leads_to: T::LEADS_TO,
        }
    }
}

/// A declaration, under all of its names.
pub(super) struct Decl {
    pub names: &'static [&'static str],
    pub module: &'static str,
    pub params: &'static [Param],
    pub result: &'static str,
    pub doc: &'static str,
    pub effect: Effect,
    pub capability: Option<&'static str>,
    pub run: NativeFn,
}

/// Least and greatest number of arguments.
pub(super) fn arity(params: &[Param]) -> (usize, usize) {
    let n_required = params.iter().filter(|p| !p.is_optional && !p.is_rest).count();
    let n_required = n_required + params.iter().map(|p| p.n_least).sum::<usize>();
    let has_rest = params.iter().any(|p| p.is_rest);
    (n_required, if has_rest { usize::MAX } else { params.len() })
}

impl Decl {
    /// The natives that the declaration makes, one for each name.
    pub(super) fn rows(&'static self) -> impl Iterator<Item = Native> {
        let (n_required, n_max) = arity(self.params);
        self.names.iter().enumerate().map(move |(i, name)| Native {
            name,
            module: self.module,
            params: self.params,
            n_required,
            n_max,
            result: self.result,
            doc: self.doc,
            effect: self.effect,
            capability: self.capability,
            alias_of: (i > 0).then(|| self.names[0]),
            run: self.run,
        })
    }
}

/// The declared methods of one or more types of the library.
pub(super) struct MethodTable {
    /// The type of receivers that share their tag with other types, else "".
    pub word: &'static str,
    pub tags: &'static [Tag],
    pub methods: &'static [MethodSource],
}

/// A declared method of a type of the library, under all of its names.
pub(super) struct MethodSource {
    pub names: &'static [&'static str],
    /// Without the receiver.
    pub params: &'static [Param],
    pub result: &'static str,
    pub doc: &'static str,
    pub capability: Option<&'static str>,
    pub run: MethodFn,
}

pub(super) type MethodFn = fn(&mut Cx<'_>, &mut Value, &mut [Value]) -> Result<Value>;

/// Declares the natives of a file as `TABLE`.
///
/// `fn body as name | synonym (param: Type, …) -> "result word" [Effect, "capability"; cx];`
/// Names default to that of the function; `; cx` passes the [`Cx`] as first argument.
macro_rules! natives {
    (module $module:literal; $(
        $(#[doc = $doc:literal])*
        fn $body:ident $(as $($name:ident)|+)? ( $($param:ident : $ty:ty),* ) -> $result:literal
        [$effect:ident $(, $capability:literal)? $(; $cx:ident)?];
    )*) => {
        pub(super) static TABLE: &[$crate::natives::native::Decl] = &[$(
            $crate::natives::native::Decl {
                names: declared_names!($body $(as $($name)|+)?),
                module: $module,
                params: &[$( $crate::natives::native::Param::of::<$ty>(stringify!($param)) ),*],
                result: $result,
                doc: concat!($($doc, "\n"),*),
                effect: $crate::natives::Effect::$effect,
                capability: declared_capability!($($capability)?),
                run: {
                    #[allow(unused, reason = "not every native has parameters or needs the call")]
                    fn run(
                        call: &mut $crate::natives::Cx<'_>,
                        args: &mut [$crate::value::Value],
                    ) -> $crate::error::Result<$crate::value::Value> {
                        let mut slots = args.iter();
                        $( <$ty as $crate::natives::args::FromArg<'_>>::check(
                            &mut slots, call.name, stringify!($param))?; )*
                        if let Some(classes) = declared_capability!($($capability)?)
                            && call.is_restricted()
                        {
                            let mut slots = args.iter();
                            let mut claims = $crate::natives::access::Claims::new(classes);
                            $( <$ty as $crate::natives::args::FromArg<'_>>::claim(
                                &mut slots, &mut claims); )*
                            call.permit(&claims)?;
                        }
                        let mut slots = args.iter_mut();
                        $( let $param =
                            <$ty as $crate::natives::args::FromArg<'_>>::take(&mut slots); )*
                        let result = run_body!($body [$($cx)?] call ($($param),*))?;
                        $crate::natives::args::IntoValue::into_value(result)
                    }
                    run
                },
            },
        )*];
    };
}

/// Declares methods of types of the library as `$table`; the first parameter is the receiver.
macro_rules! methods {
    (static $table:ident of [$($tag:ident),+] $(as $word:literal)?; $(
        $(#[doc = $doc:literal])*
        fn $body:ident $(as $($name:ident)|+)?
            ( $receiver:ident : $rty:ty $(, $param:ident : $ty:ty)* ) -> $result:literal
        [$($cx:ident)? $(; $capability:literal)?];
    )*) => {
        pub(super) static $table: $crate::natives::native::MethodTable =
            $crate::natives::native::MethodTable {
            word: concat!($($word)?),
            tags: &[$($crate::value::Tag::$tag),+],
            methods: &[$( $crate::natives::native::MethodSource {
                names: declared_names!($body $(as $($name)|+)?),
                params: &[$( $crate::natives::native::Param::of::<$ty>(stringify!($param)) ),*],
                result: $result,
                doc: concat!($($doc, "\n"),*),
                capability: declared_capability!($($capability)?),
                run: {
                    #[allow(unused, reason = "not every method has parameters or needs the call")]
                    fn run(
                        call: &mut $crate::natives::Cx<'_>,
                        receiver: &mut $crate::value::Value,
                        args: &mut [$crate::value::Value],
                    ) -> $crate::error::Result<$crate::value::Value> {
                        let mut slots = args.iter();
                        $( <$ty as $crate::natives::args::FromArg<'_>>::check(
                            &mut slots, call.name, stringify!($param))?; )*
                        if let Some(classes) = declared_capability!($($capability)?)
                            && call.is_restricted()
                        {
                            let mut slots = args.iter();
                            let mut claims = $crate::natives::access::Claims::new(classes);
                            <$rty as $crate::natives::args::FromArg<'_>>::claim(
                                &mut std::slice::from_ref(&*receiver).iter(), &mut claims);
                            $( <$ty as $crate::natives::args::FromArg<'_>>::claim(
                                &mut slots, &mut claims); )*
                            call.permit(&claims)?;
                        }
                        let $receiver =
                            <$rty as $crate::natives::args::FromArg<'_>>::convert(receiver);
                        let mut slots = args.iter_mut();
                        $( let $param =
                            <$ty as $crate::natives::args::FromArg<'_>>::take(&mut slots); )*
                        let result = run_body!($body [$($cx)?] call ($receiver $(, $param)*))?;
                        $crate::natives::args::IntoValue::into_value(result)
                    }
                    run
                },
            }, )*],
        };
    };
}

macro_rules! declared_names {
    ($body:ident) => { &[stringify!($body)] };
    ($body:ident as $($name:ident)|+) => { &[$(stringify!($name)),+] };
}

macro_rules! declared_capability {
    () => {
        None::<&'static str>
    };
    ($capability:literal) => {
        Some($capability)
    };
}

macro_rules! run_body {
    ($body:ident [] $call:ident ($($arg:ident),*)) => { $body($($arg),*) };
    ($body:ident [cx] $call:ident ($($arg:ident),*)) => { $body($call $(, $arg)*) };
}
