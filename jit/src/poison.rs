//! Lying feedback, for tests: what the compiler reads of the profile is wrong here and there.
//!
//! Feedback is a guess, so that no lie may change what a program does; only layouts, such as the
//! slot of a field in a shape, are facts and stay. Lies depend on the seed and on where the
//! instruction stands in the program, not on addresses, so that a run can be repeated, and a site
//! tells the same lie each time. [`site`] is the one place where the builder reads a site;
//! registers' types, methods, fields, operators and chains go through the methods of [`Poison`].

use std::cell::RefCell;
use std::rc::Rc;

use ruff_runtime::bytecode::FunctionProto;
use ruff_runtime::bytecode::ops::Op;
use ruff_runtime::profile::site::{self, types};
use ruff_runtime::value::Tag;

/// The liar of one compiler.
#[derive(Debug)]
pub(crate) struct Poison {
    seed: u64,
    /// One of how many sites lies.
    one_of: u64,
    /// Addresses of the functions that were compiled so far, in that order.
    codes: RefCell<Vec<usize>>,
}

thread_local! {
    /// Whose lies the builder on this thread reads.
    static LIAR: RefCell<Option<Rc<Poison>>> = const { RefCell::new(None) };
}

/// While it lives, [`site`] lies on this thread.
pub(crate) struct Lying;

impl Drop for Lying {
    fn drop(&mut self) {
        LIAR.with_borrow_mut(Option::take);
    }
}

/// What the bits of a site mean.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Family {
    Operator,
    Element,
    Field,
    Call,
    Method,
    Native,
    Place,
    Iteration,
    /// A countdown, or nothing.
    Other,
}

fn family(op: Op) -> Family {
    let name = op.info().mnemonic;
    match name {
        "get_index" | "set_index" => Family::Element,
        "get_field" | "get_field_or_null" | "set_field" | "update_field" | "new_struct" => {
            Family::Field
        }
        "call" | "call_module" => Family::Call,
        "call_method" | "call_method_place" | "select_method" => Family::Method,
        "call_native" | "call_native_one" => Family::Native,
        "load_place" | "store_place" | "update_place" | "take_receiver" => Family::Place,
        "iter_init" | "iter_test" | "iter_loop" => Family::Iteration,
        "neg" | "not" | "update_index" => Family::Operator,
        _ if is_operator(name) => Family::Operator,
        _ => Family::Other,
    }
}

fn is_operator(name: &str) -> bool {
    let name = name.strip_prefix("jump_").unwrap_or(name);
    let stem = name.split('_').next().unwrap_or(name);
    ["add", "sub", "mul", "div", "rem", "eq", "ne", "lt", "gt", "le", "ge"].contains(&stem)
}

/// A hash of two words (splitmix64).
fn mix(a: u64, b: u64) -> u64 {
    let mut x = a ^ b.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(23);
    x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ x >> 31
}

/// Choices that follow from one hash.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = mix(self.0, n);
        self.0 % n.max(1)
    }

    /// A set of types: one or two of them, or none.
    fn types(&mut self) -> u64 {
        let one = 1 << self.below(10);
        match self.below(8) {
            0 => 0,
            1 => one | 1 << self.below(10),
            2..4 => types::INT,
            4 => types::FLOAT,
            _ => one,
        }
    }
}

fn replaced(bits: u64, mask: u64, first: u32, by: u64) -> u64 {
    bits & !(mask << first) | (by & mask) << first
}

/// What the profile says of an instruction, or a lie.
pub(crate) fn site(proto: &FunctionProto, pc: u32) -> u64 {
    let bits = proto.profile.site(pc as usize);
    LIAR.with_borrow(|liar| match liar {
        Some(poison) => poison.site(proto, pc, bits),
        None => bits,
    })
}

impl Poison {
    pub(crate) fn new(seed: u64) -> Poison {
        // Some seeds lie everywhere, some seldom: a lie hides others behind it.
        let one_of = [1, 2, 4, 16][(seed % 4) as usize];
        Poison { seed: mix(seed, 1), one_of, codes: RefCell::default() }
    }

    /// Has [`site`] lie on this thread.
    pub(crate) fn begin(self: &Rc<Poison>) -> Lying {
        LIAR.set(Some(self.clone()));
        Lying
    }

    /// A function that a lie may name; it lives as long as the compiler.
    pub(crate) fn note_code(&self, address: usize) {
        let mut codes = self.codes.borrow_mut();
        if !codes.contains(&address) {
            codes.push(address);
        }
    }

    fn dice(&self, salt: u64) -> Option<Dice> {
        let mut dice = Dice(mix(self.seed, salt));
        (dice.below(self.one_of) == 0).then_some(dice)
    }

    fn site(&self, proto: &FunctionProto, pc: u32, bits: u64) -> u64 {
        let name = proto.info.name.as_deref().unwrap_or("");
        let place = name.bytes().fold(u64::from(proto.line), |hash, byte| mix(hash, byte.into()));
        let place = mix(place, proto.code.len() as u64);
        let Some(mut dice) = self.dice(mix(place, pc.into())) else { return bits };
        let family = family(proto.code[pc as usize].op());
        if family == Family::Other || dice.below(6) == 0 {
            return if family == Family::Other { bits } else { 0 };
        }
        let lie = |bits, dice: &mut Dice| match family {
            Family::Operator => operator(bits, dice),
            Family::Element => element(bits, dice),
            Family::Field => field(bits, dice),
            Family::Call => self.call(bits, dice),
            Family::Method => method(bits, dice),
            Family::Native => self.native(bits, dice),
            Family::Place => way(bits, dice),
            Family::Iteration => iteration(bits, dice),
            Family::Other => bits,
        };
        let mut bits = lie(bits, &mut dice);
        if dice.below(3) == 0 {
            bits = lie(bits, &mut dice);
        }
        bits
    }

    fn other_code(&self, dice: &mut Dice) -> Option<u64> {
        let codes = self.codes.borrow();
        let at = dice.below(codes.len() as u64) as usize;
        codes.get(at).map(|&address| address as u64)
    }

    fn call(&self, bits: u64, dice: &mut Dice) -> u64 {
        match dice.below(5) {
            0 => bits ^ site::MEGA,
            1 => bits ^ site::OTHER,
            2 => match self.other_code(dice) {
                Some(code) => code | site::MONO | bits & !site::TARGET_MASK,
                None => 0,
            },
            _ => replaced(bits, types::ALL, site::CALL_RESULT, dice.types()),
        }
    }

    fn native(&self, bits: u64, dice: &mut Dice) -> u64 {
        if dice.below(3) == 0 && bits & site::TARGET_MASK != 0 {
            return replaced(bits, site::ITEMS, 0, dice.below(8));
        }
        if bits & site::MONO == 0 {
            return replaced(bits, types::ALL, site::CALL_RESULT, dice.types());
        }
        match dice.below(2) {
            0 => self.call(bits, dice),
            _ => match self.other_code(dice) {
                Some(code) => code | bits & !(site::TARGET_MASK & !site::ITEMS),
                None => 0,
            },
        }
    }

    /// The types of the registers where code is entered.
    pub(crate) fn tags(&self, place: u64, mut tags: Vec<Tag>) -> Vec<Tag> {
        for (r, tag) in (0..).zip(&mut tags) {
            if let Some(mut dice) = self.dice(mix(mix(place, r), 3)) {
                let all = [Tag::Int, Tag::Float, Tag::Bool, Tag::Null, Tag::Str, Tag::Array];
                *tag = all[dice.below(6) as usize];
            }
        }
        tags
    }

    /// What a name was seen to select, by shape: some is missing, the order is another.
    fn by_shape<T>(&self, place: u64, mut found: Vec<(u32, T)>) -> Vec<(u32, T)> {
        let Some(mut dice) = self.dice(mix(place, 5 + found.len() as u64)) else { return found };
        let n = found.len() as u64;
        match dice.below(3) {
            0 => found.truncate(dice.below(n + 1) as usize),
            1 => found.rotate_left(dice.below(n) as usize),
            _ => found.reverse(),
        }
        found
    }

    /// Whether something that was seen is to be taken as never seen.
    pub(crate) fn forgets(&self, place: u64) -> bool {
        self.dice(mix(place, 7)).is_some()
    }
}

/// What a name was seen to select, by shape, or a lie.
pub(crate) fn by_shape<T>(
    poison: &Option<Rc<Poison>>,
    place: u64,
    found: Vec<(u32, T)>,
) -> Vec<(u32, T)> {
    match poison {
        Some(poison) => poison.by_shape(place, found),
        None => found,
    }
}

fn operator(bits: u64, dice: &mut Dice) -> u64 {
    match dice.below(8) {
        0 | 1 => replaced(bits, types::ALL, site::LHS, dice.types()),
        2 | 3 => replaced(bits, types::ALL, site::RHS, dice.types()),
        4 => replaced(bits, types::ALL, site::RESULT, dice.types()),
        5 => bits ^ site::OVERFLOW,
        6 => bits ^ [site::OUT_OF_BOUNDS, site::COPIED][dice.below(2) as usize],
        _ => {
            let shape = dice.below(40) + 1;
            let bits = replaced(bits, site::MANY_OPERANDS, site::OPERAND_SHAPE, shape);
            replaced(bits, types::ALL, site::LHS, types::STRUCT)
        }
    }
}

fn element(bits: u64, dice: &mut Dice) -> u64 {
    let containers = [types::ARRAY, types::DICT, types::STR];
    match dice.below(7) {
        0 => replaced(bits, types::ALL, site::LHS, containers[dice.below(3) as usize]),
        1 => replaced(bits, types::ALL, site::RHS, dice.types()),
        2 => replaced(bits, types::ALL, site::RESULT, dice.types()),
        3 => bits ^ site::OUT_OF_BOUNDS,
        4 => bits ^ site::COPIED,
        _ => {
            let bits = replaced(bits, 0x1f, site::KINDS, 1 << dice.below(5));
            replaced(bits, types::ALL, site::LHS, types::ARRAY)
        }
    }
}

/// Where a shape has its field is a fact: only a shape that no value has may come with any slot.
fn field(bits: u64, dice: &mut Dice) -> u64 {
    const NO_SHAPE: u64 = 0x7fff_fff0;
    match dice.below(6) {
        0 => site::MONO | NO_SHAPE | dice.below(3) << site::SLOT | bits & !site::TARGET_MASK,
        1 if bits & (site::MONO | site::MEGA) != 0 => bits ^ site::MEGA,
        2 => bits ^ [site::DICT, site::OTHER][dice.below(2) as usize],
        _ => replaced(bits, types::ALL, site::CALL_RESULT, dice.types()),
    }
}

fn method(bits: u64, dice: &mut Dice) -> u64 {
    match dice.below(6) {
        0 => replaced(bits, 0xffff_ffff, 0, dice.below(40) + 1),
        1 => replaced(bits, site::RECEIVER_KINDS, 0, 1 << dice.below(5)),
        2 => {
            let seen = [types::STRUCT, types::ARRAY, types::DICT, types::OTHER, types::STR];
            replaced(bits, types::ALL, site::RECEIVER, seen[dice.below(5) as usize])
        }
        3 => bits ^ site::MEGA,
        4 => bits ^ site::MONO,
        _ => replaced(bits, types::ALL, site::CALL_RESULT, dice.types()),
    }
}

fn way(bits: u64, dice: &mut Dice) -> u64 {
    match dice.below(5) {
        0 => replaced(bits, site::MANY_SHAPES, site::PLACE_SHAPE, dice.below(40)),
        1 => replaced(bits, 0xff, site::N_NOTED, dice.below(256)),
        2 => replaced(bits, types::ALL, site::CALL_RESULT, dice.types()),
        _ => {
            let step = dice.below(site::MAX_STEPS as u64) as u32 * site::STEP_BITS;
            replaced(bits, 0xff, step, 1 << dice.below(8))
        }
    }
}

fn iteration(bits: u64, dice: &mut Dice) -> u64 {
    match dice.below(5) {
        0 => bits ^ site::GENERATOR,
        1 => bits ^ site::NO_GENERATOR,
        2 => replaced(bits, types::ALL, site::RESULT, dice.types()),
        3 => replaced(bits, types::ALL, site::LHS, dice.types()),
        _ => {
            let bits = replaced(bits, 0x1f, site::KINDS, 1 << dice.below(5));
            replaced(bits, types::ALL, site::LHS, types::ARRAY)
        }
    }
}
