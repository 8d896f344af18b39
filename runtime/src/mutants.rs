//! Deliberate miscompilations, for the test that the tests notice them.
//!
//! Only with the feature `mutants`; without it every [`mutant!`] is `false` at compile time. The
//! variable `RUFF_MUTANT` names the one that is on. `tests/mutants.sh` runs them all.

/// Whether there are any.
pub const ENABLED: bool = cfg!(feature = "mutants");

/// Names, and what each breaks.
pub const TABLE: [(&str, &str); 111] = [
    ("guard-type", "checks of types are dropped"),
    ("guard-bounds", "checks of indices are dropped"),
    ("guard-elements", "checks of the kind of elements are dropped"),
    ("guard-shared", "checks of a second owner are dropped"),
    ("guard-hoisted", "checks before loops are dropped"),
    ("guard-large-int", "ints of a loop are not checked to be small"),
    ("guard-callee", "checks of the function that is called are dropped"),
    ("guard-result", "checks of the type of generators' answers are dropped"),
    ("guard-module", "checks of module variables are dropped"),
    ("guard-declined", "checks whether a routine declined are dropped"),
    ("guard-divisor", "checks of divisors are dropped"),
    ("guard-inverted", "checks of types are inverted"),
    ("poll-once", "inner loops go by what the loop around them polled"),
    ("poll-dropped", "loops are not interrupted"),
    ("operators-unchecked", "structs with operator methods are compared by identity or fields"),
    ("select-swapped", "a selection takes the other value"),
    ("bounds-signed", "an index is compared as a signed number"),
    ("body-not-left", "the calls of natives that are built in are not counted off"),
    ("retain-pair-dropped", "copies of values take no count"),
    ("shift-logical", "`>>` fills with zeros"),
    ("overflow-unchecked", "overflow is not noticed"),
    ("overflow-constant-unchecked", "overflow by a constant is not noticed"),
    ("sub-swapped", "int operands are swapped"),
    ("float-div-swapped", "float operands are swapped"),
    ("negative-zero", "`-x` is `0 - x`"),
    ("less-or-equal", "`<` of ints holds for equal ones"),
    ("nan-greater", "`>=` of floats holds for NaN"),
    ("nan-differs", "`!=` of floats does not hold for NaN"),
    ("exit-not-null", "an exit leaves the dead content of a register that is null"),
    ("exit-bool-as-int", "an exit writes the tag of ints for bools"),
    ("exit-char-as-int", "an exit writes the code of a character"),
    ("exit-pair-swapped", "an exit reads tag and payload in the wrong order"),
    ("depth-unchecked", "calls between compiled functions know no limit"),
    ("depth-uncounted", "calls between compiled functions are not counted"),
    ("result-unchecked", "the type of a call's result is not checked"),
    ("raised-unchecked", "an error of a compiled callee is taken for a value"),
    ("room-unchecked", "the frames of inlined calls know no limit"),
    ("push-shared", "an array with a second owner is appended to"),
    ("push-wrong-kind", "an array of another kind is appended to"),
    ("push-over-capacity", "an array is appended to that has no room"),
    ("unshare-dropped", "a struct with a second owner is changed in place"),
    ("retain-dropped", "a second owner takes no count"),
    ("release-twice", "a count is given back twice"),
    ("release-dropped", "dead registers keep their counts"),
    ("slot-bool-as-int", "a home slot gets the tag of ints for a bool"),
    ("move-keeps-source", "a move leaves the value in both places"),
    ("alloc-keeps-list", "a block stays on its free list"),
    ("entry-unchecked", "the entry of a typed function takes any arguments"),
    ("receiver-kept", "the receiver of a method is not given up"),
    ("receiver-released", "the receiver of a method is given up by both sides"),
    ("request-while-running", "a generator that runs is asked again"),
    ("request-untidy", "what the interpreter left in a generator stays"),
    ("requests-uncounted", "nested requests are not counted off"),
    ("yield-wrong-place", "a generator goes on one instruction too far"),
    ("yield-not-saved", "a generator forgets its unboxed registers"),
    ("bounds-off-by-one", "the index behind the last element is taken"),
    ("unique-unchecked", "an array with a second owner is changed in place"),
    ("callee-unchecked", "inlined calls do not check the function"),
    ("method-shape-unchecked", "the last of several shapes is not checked"),
    ("result-to-wrong-slot", "the result of a call that is left goes to the next register"),
    ("sqrt-unchecked", "the root of a negative number is taken"),
    ("shape-unchecked", "fields are read from any shape"),
    ("field-slot", "the field behind the right one is read"),
    ("struct-shared", "a struct is taken to have one owner"),
    ("field-not-retained", "a value that is stored keeps its old count"),
    ("minus-one-divisor", "a division by -1 is not checked"),
    ("inexact-comparison", "all ints are taken to be floats without loss"),
    ("shift-unmasked", "shifts by 64 and more are done"),
    ("float-to-int-limit", "a float above all ints becomes an int"),
    ("nan-extreme", "the smaller of a number and NaN is taken"),
    ("handler-range-start", "the first instruction of a `try` has no handler"),
    ("exit-live-behind", "an exit writes what lives behind the instruction"),
    ("exit-forgets-moves", "an exit does not do moves that were put off"),
    ("step-unsynced", "the interpreter runs an instruction on old registers"),
    ("step-keeps-unique", "an instruction of the interpreter makes no second owners"),
    ("merge-any-unique", "where ways meet, one single owner is enough"),
    ("stale-facts", "facts that a back edge does not bring are kept"),
    ("receiver-not-retained", "a method that gives its receiver back takes no count"),
    ("closure-leaked", "the closure of an inlined call is forgotten with its count"),
    ("characters-shared", "texts of the same character share one count"),
    ("forward-over-stores", "reads are replaced over stores"),
    ("forward-over-elements", "reads are replaced over writes of elements"),
    ("forward-over-calls", "reads are replaced over calls"),
    ("forward-over-helpers", "reads are replaced over routines that write"),
    ("guard-elsewhere", "a check on one way holds on all"),
    ("branch-both-ways", "a condition holds on both ways of its branch"),
    ("cancel-over-release", "a retain is cancelled although its object may be freed between"),
    ("sunk-not-written", "exits do not write the slots whose writes were dropped"),
    ("sunk-over-calls", "writes of slots that a callee reads are dropped"),
    ("sunk-over-helpers", "writes of slots that a routine reads are dropped"),
    ("sunk-count-lost", "an exit does not take the count of a retain that was dropped"),
    ("range-bound", "`x <= y` is taken for `x < y`"),
    ("range-remainder", "a remainder is taken to be positive"),
    ("exit-wrong-pc", "an exit goes on one instruction too far"),
    ("exit-wrong-slot", "an exit writes the first value to the next register"),
    ("frame-flags", "frames of bodies of natives count as calls"),
    ("exit-shared-as-owned", "an exit takes a count that it does not have"),
    ("exit-forgets-copies", "an exit does not do copies that were put off"),
    ("exit-pair-kept", "an exit does not release what a result replaces"),
    ("inlined-call-again", "the interpreter makes an inlined call once more"),
    ("inlined-window", "the window of an inlined frame is one register too low"),
    ("traceback-line", "an error leaves an inlined call at the wrong instruction"),
    ("depth-not-restored", "an exit leaves the depth of its callees"),
    ("record-depth", "the frame record of a typed function has the wrong depth"),
    ("closure-not-retained", "the frame record of a closure takes no count"),
    ("flush-keeps-entries", "the interpreter enters code that was given back"),
    ("flush-while-running", "code is given back although it runs"),
    ("routine-pops-error", "an error behind compiled code is forgotten"),
    ("forward-over-direct", "what was read is remembered over an instruction that writes"),
    ("interrupt-lost", "an interrupt is forgotten where compiled code polls"),
    ("body-limit", "calls that natives make know no limit"),
];

/// Whether the mutant of this name is on.
#[expect(clippy::disallowed_methods, reason = "no option of the command says it")]
pub fn is_on(name: &str) -> bool {
    use std::sync::OnceLock;

    static CHOSEN: OnceLock<Option<String>> = OnceLock::new();
    let chosen = CHOSEN.get_or_init(|| std::env::var("RUFF_MUTANT").ok());
    debug_assert!(TABLE.iter().any(|(known, _)| *known == name), "{name} is not in the table");
    chosen.as_deref() == Some(name)
}

/// Whether a mutant is on: `false` unless the feature `mutants` is.
#[macro_export]
macro_rules! mutant {
    ($name:literal) => {
        $crate::mutants::ENABLED && $crate::mutants::is_on($name)
    };
}
