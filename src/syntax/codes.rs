//! The codes of lexical, syntax and compile errors and of the checker's warnings: one table.
//!
//! Everything that knows a code by name (`ruff explain`, the reference, the renderer) is derived
//! from the rows below. Codes of run-time errors belong to their kinds, in the runtime crate.

/// Defines [`Code`] from rows of `CODE "explanation";`.
macro_rules! codes {
    ($( $code:ident $explanation:literal; )*) => {
        /// A diagnostic code; the variant is spelled like the code itself.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
        pub enum Code {
            $( #[doc = $explanation] $code, )*
        }

        impl Code {
            /// Every code, in the order of the table.
            pub const ALL: &'static [Code] = &[$( Code::$code ),*];

            /// The code as printed: `P001`.
            pub fn as_str(self) -> &'static str {
                match self {
                    $( Code::$code => stringify!($code), )*
                }
            }

            /// One line that says what the code means.
            pub fn explanation(self) -> &'static str {
                match self {
                    $( Code::$code => $explanation, )*
                }
            }
        }
    };
}

codes! {
    L001 "A character that cannot start a token.";
    L002 "A string literal without its closing quote.";
    L003 "A backslash sequence that strings do not know.";
    L004 "A block comment without its closing `*/`.";
    L005 "A number with a misplaced `_`, missing digits or letters attached.";
    L006 "A number outside the range of its type.";
    L007 "The file is not UTF-8 text.";
    L008 "The file is larger than 16 MiB.";
    L009 "A `${` in a string without its matching `}`.";

    P001 "A token that does not fit the grammar at this place.";
    P002 "Only variables, `self` and their fields and elements can be assigned.";
    P003 "An expression is nested more than 256 levels deep, or a chain has over 10,000 links.";
    P004 "Blocks are nested more than 128 levels deep.";
    P005 "`${}` in a string holds no expression.";
    P006 "Arguments are passed by position only.";
    P007 "Nothing can follow a `...rest` element or parameter.";
    P008 "Parameters without a default come before those with one.";
    P009 "A `match` has a second `default`.";
    P010 "`_` discards a value and cannot be read.";

    C001 "A constant, struct, enum or module name is assigned.";
    C002 "A place inside a constant is assigned.";
    C003 "A constant is declared twice in one block.";
    C004 "`break` outside of a loop.";
    C005 "`continue` outside of a loop.";
    C006 "`yield` outside of a generator function.";
    C007 "A function is declared both `async` and `func*`.";
    C008 "A method with a read-only `self` assigns to it.";
    C009 "`self` outside of a method that declares it.";
    C010 "A method with `mut self` is async or a generator.";
    C011 "An operator method has `mut self`.";
    C012 "Two declarations of one name in a block.";
    C013 "Two parameters of one name.";
    C014 "Two members of one name in a struct.";
    C015 "A field is given twice in a struct literal.";
    C016 "The enum has no such variant.";
    C017 "A variant is given the wrong number of values.";
    C018 "A case with several alternatives binds names.";
    C019 "`Ok`, `Err`, `Some`, `None` or `throw` is declared or assigned.";
    C020 "`export` inside a block.";
    C021 "A member of an imported module is assigned.";
    C022 "A test statement inside a block other than a `test_group`.";
    C023 "A function with more than 60,000 variables or literals.";
    C024 "A method name starts with `op_` but names no operator.";

    W101 "A plain assignment in a function reaches a module variable created later in the text.";
    W102 "A bare key of a dict literal means the variable of that name.";
}
