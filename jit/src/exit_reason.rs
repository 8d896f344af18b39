//! Why compiled code goes back to the interpreter: a row each.
//!
//! `Reprofile` reasons count towards a recompilation without the speculation that failed;
//! `Keep` reasons are part of normal running.

/// What repeated exits lead to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Policy {
    /// The speculation at the site is given up and the function compiled again.
    Reprofile,
    /// Nothing.
    Keep,
}

macro_rules! exit_reasons {
    ($($(#[$doc:meta])* $name:ident => $policy:ident;)*) => {
        /// Why compiled code goes back to the interpreter.
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
        pub enum ExitReason { $($(#[$doc])* $name,)* }

        impl ExitReason {
            pub const ALL: &'static [ExitReason] = &[$(ExitReason::$name,)*];

            pub fn policy(self) -> Policy {
                match self { $(ExitReason::$name => Policy::$policy,)* }
            }

            pub fn name(self) -> &'static str {
                match self { $(ExitReason::$name => stringify!($name),)* }
            }
        }
    };
}

exit_reasons! {
    /// A value did not have the predicted type.
    WrongType => Reprofile;
    /// Integer arithmetic left the 64-bit range.
    IntOverflow => Reprofile;
    /// The divisor was 0 (or -1 where that overflows).
    Divisor => Reprofile;
    /// An array index was negative or past the end.
    OutOfBounds => Reprofile;
    /// An array had another kind of elements than predicted.
    WrongElements => Reprofile;
    /// An array to be changed in place had a second owner.
    Shared => Reprofile;
    /// A loop's hoisted check failed before the loop.
    Hoisted => Reprofile;
    /// An int that a loop calculates with was negative or too large to go without overflow checks.
    LargeInt => Reprofile;
    /// Another function was called than predicted.
    WrongCallee => Reprofile;
    /// A call gave a result of another type than predicted.
    WrongResult => Reprofile;
    /// The instruction had not run when the code was compiled.
    NotProfiled => Reprofile;
    /// A module variable was unassigned, in use or of another type.
    ModuleVariable => Reprofile;
    /// A helper declined a rare case.
    Declined => Reprofile;
    /// The depth limit of calls is reached.
    CallDepth => Keep;
    /// An interrupt (timeout, Ctrl-C, cycle collection) is pending.
    Interrupt => Keep;
    /// The loop for which the code was compiled is over.
    LeftLoop => Keep;
    /// The stress options asked for it.
    Stress => Keep;
    /// The compiler is wrong about the range of an int (only with `ranges:check`).
    Disproved => Keep;
}
