//! Why a function is left to the interpreter: a row each.

macro_rules! bailouts {
    ($($(#[$doc:meta])* $name:ident;)*) => {
        /// Why a function is left to the interpreter.
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
        pub enum Bailout { $($(#[$doc])* $name,)* }

        impl Bailout {
            pub const ALL: &'static [Bailout] = &[$(Bailout::$name,)*];

            pub fn name(self) -> &'static str {
                match self { $(Bailout::$name => stringify!($name),)* }
            }
        }
    };
}

bailouts! {
    /// More instructions or registers than the compiler takes.
    TooLarge;
    /// The code does not come from the bytecode compiler (tree engine).
    NoBytecode;
    /// A generator, whose frame leaves the stack at a yield, or the body of a task.
    Suspends;
    /// Most of the code would call the interpreter for single instructions.
    MostlyGeneric;
    /// Types at loop headers did not settle.
    Unstable;
    /// The function was compiled too often.
    TooManyRecompilations;
    /// The code memory is full.
    CodeMemory;
    /// The code generator refused the function.
    Backend;
}
