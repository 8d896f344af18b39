//! The instruction word and the operand roles that read and write themselves in it.
//!
//! A role is a newtype that implements [`Operand`]; the structs of [`super::ops`] are made of
//! them, so that decoding, encoding, printing and verification know operands but no opcodes.
//! Lanes are handed out in the order of a row's operands by [`Lanes`].

use std::sync::atomic::{AtomicU64, Ordering};

pub use super::ops::{Op, OpInfo};

/// First bit of the flags.
const FLAGS: u32 = 8;
/// First bit of the lanes.
const LANES: u32 = 16;
/// Flag: the comparison's jump happens if it is true.
pub const SENSE: u8 = 1 << 2;
/// Position of the operator of an updating instruction in the flags.
const OPERATOR_SHIFT: u32 = 3;
/// Position of a root's kind in the flags.
const ROOT_SHIFT: u32 = 6;

/// One instruction as a plain word.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(transparent)]
pub struct Word(pub u64);

impl Word {
    pub const fn new(op: Op) -> Word {
        Word(op as u64)
    }

    /// The opcode.
    #[inline(always)]
    pub fn op(self) -> Op {
        debug_assert!((self.0 as u8 as usize) < Op::ALL.len(), "not an opcode: {:#x}", self.0);
        // SAFETY: words are made by `Word::new` and `with_op` only, and `Op` is a dense
        // `repr(u8)` enum.
        unsafe { std::mem::transmute::<u8, Op>(self.0 as u8) }
    }

    /// The same operands under another opcode.
    #[inline(always)]
    #[must_use]
    pub fn with_op(self, op: Op) -> Word {
        Word(self.0 & !0xff | op as u64)
    }

    #[inline(always)]
    pub fn flags(self) -> u8 {
        (self.0 >> FLAGS) as u8
    }

    /// The `sense` flag of a comparing jump.
    #[inline(always)]
    pub fn sense(self) -> bool {
        self.flags() & SENSE != 0
    }

    #[must_use]
    pub fn with_sense(self, sense: bool) -> Word {
        let bit = u64::from(SENSE) << FLAGS;
        Word(if sense { self.0 | bit } else { self.0 & !bit })
    }

    /// The operator of an updating instruction: 0-4 for `+ - * / %`.
    #[inline(always)]
    pub fn operator(self) -> u8 {
        self.flags() >> OPERATOR_SHIFT & 7
    }

    #[must_use]
    pub fn with_operator(self, operator: u8) -> Word {
        debug_assert!(operator < 5, "operators are + - * / %");
        let mask = 7u64 << (FLAGS + OPERATOR_SHIFT);
        Word(self.0 & !mask | u64::from(operator) << (FLAGS + OPERATOR_SHIFT))
    }

    /// Sets the last-use mark of the first (0) or second (1) `Use` operand.
    #[must_use]
    pub fn with_last_use(self, nth_use: u32, is_last: bool) -> Word {
        let bit = 1u64 << (FLAGS + nth_use);
        Word(if is_last { self.0 | bit } else { self.0 & !bit })
    }
}

/// One instruction in a prototype's code; opcodes are quickened in place.
#[repr(transparent)]
#[derive(Debug)]
pub struct Instr(AtomicU64);

impl Instr {
    pub const fn new(word: Word) -> Instr {
        Instr(AtomicU64::new(word.0))
    }

    #[inline(always)]
    pub fn word(&self) -> Word {
        Word(self.0.load(Ordering::Relaxed))
    }

    #[inline(always)]
    pub fn op(&self) -> Op {
        self.word().op()
    }

    /// Replaces the opcode by a form with the same operands.
    #[inline(always)]
    pub fn quicken(&self, op: Op) {
        self.0.store(self.word().with_op(op).0, Ordering::Relaxed);
    }
}

impl Clone for Instr {
    fn clone(&self) -> Self {
        Instr::new(self.word())
    }
}

/// What an operand means; see the newtypes of the same names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    Def,
    Use,
    Read,
    Update,
    Group,
    Count,
    Const,
    Name,
    Imm,
    Imm32,
    Near,
    Target,
    Upvalue,
    Slot,
    Proto,
    Native,
    Desc,
    Root,
}

impl Role {
    /// Bits of the lanes that an operand of the role fills.
    pub fn lane_bits(self) -> u32 {
        match self {
            Role::Count => Count::LANE_BITS,
            Role::Imm32 => Imm32::LANE_BITS,
            Role::Target => Target::LANE_BITS,
            Role::Def | Role::Use | Role::Read | Role::Update | Role::Group => Def::LANE_BITS,
            Role::Const | Role::Name | Role::Imm | Role::Near | Role::Upvalue => Imm::LANE_BITS,
            Role::Slot | Role::Proto | Role::Native | Role::Desc => Slot::LANE_BITS,
            Role::Root => Root::LANE_BITS,
        }
    }
}

/// A role of an operand.
pub trait Operand: Copy {
    const ROLE: Role;
    /// Bits of the lanes that the operand fills.
    const LANE_BITS: u32;

    fn read(lanes: &mut Lanes) -> Self;
    fn write(self, lanes: &mut LaneWriter);
}

/// Reads a word's operands in order.
pub struct Lanes {
    word: u64,
    shift: u32,
    n_uses: u32,
}

impl Lanes {
    #[inline(always)]
    pub fn new(word: Word) -> Lanes {
        Lanes { word: word.0, shift: LANES, n_uses: 0 }
    }

    #[inline(always)]
    pub fn take<T: Operand>(&mut self) -> T {
        T::read(self)
    }

    #[inline(always)]
    fn lane(&mut self) -> u16 {
        let lane = (self.word >> self.shift) as u16;
        self.shift += 16;
        lane
    }

    #[inline(always)]
    fn two_lanes(&mut self) -> u32 {
        let lanes = (self.word >> self.shift) as u32;
        self.shift += 32;
        lanes
    }
}

/// Writes a word's operands in order.
pub struct LaneWriter {
    word: u64,
    shift: u32,
    n_uses: u32,
}

impl LaneWriter {
    pub fn new(op: Op) -> LaneWriter {
        LaneWriter { word: op as u64, shift: LANES, n_uses: 0 }
    }

    pub fn finish(self) -> Word {
        Word(self.word)
    }

    fn lane(&mut self, lane: u16) {
        self.word |= u64::from(lane) << self.shift;
        self.shift += 16;
    }

    fn two_lanes(&mut self, lanes: u32) {
        self.word |= u64::from(lanes) << self.shift;
        self.shift += 32;
    }

    fn flags(&mut self, flags: u8) {
        self.word |= u64::from(flags) << FLAGS;
    }
}

macro_rules! lane_roles {
    ($($(#[$doc:meta])* $Role:ident($ty:ty);)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[repr(transparent)]
        pub struct $Role(pub $ty);

        impl From<$ty> for $Role {
            #[inline(always)]
            fn from(v: $ty) -> Self {
                $Role(v)
            }
        }

        impl $Role {
            /// The operand as an index.
            #[inline(always)]
            pub fn idx(self) -> usize {
                self.0 as usize
            }
        }

        impl Operand for $Role {
            const ROLE: Role = Role::$Role;
            const LANE_BITS: u32 = 16;

            #[inline(always)]
            fn read(lanes: &mut Lanes) -> Self {
                $Role(lanes.lane())
            }

            fn write(self, lanes: &mut LaneWriter) {
                lanes.lane(self.0);
            }
        }
    )*};
}

lane_roles! {
    /// A register that is written; its old content is released.
    Def(u16);
    /// A register that is read and never moved.
    Read(u16);
    /// A register whose content is changed in place.
    Update(u16);
    /// The first of consecutive registers.
    Group(u16);
    /// An index into the constant pool.
    Const(u16);
    /// The constant pool index of a string.
    Name(u16);
    /// A small number.
    Imm(u16);
    /// An index into the captured variables.
    Upvalue(u16);
    /// An index into the module's variables.
    Slot(u16);
    /// A child function.
    Proto(u16);
    /// An index into the table of natives.
    Native(u16);
    /// An index into the side table that belongs to the opcode.
    Desc(u16);
}

/// A register that is read; moved out of if this is its last use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Use {
    pub reg: u16,
    pub is_last: bool,
}

impl Use {
    /// A use after which the register holds null.
    pub const fn last(reg: u16) -> Use {
        Use { reg, is_last: true }
    }

    #[inline(always)]
    pub fn idx(self) -> usize {
        self.reg as usize
    }
}

impl From<u16> for Use {
    fn from(reg: u16) -> Self {
        Use { reg, is_last: false }
    }
}

impl Operand for Use {
    const ROLE: Role = Role::Use;
    const LANE_BITS: u32 = 16;

    #[inline(always)]
    fn read(lanes: &mut Lanes) -> Self {
        let is_last = lanes.word >> (FLAGS + lanes.n_uses) & 1 != 0;
        lanes.n_uses += 1;
        Use { reg: lanes.lane(), is_last }
    }

    fn write(self, lanes: &mut LaneWriter) {
        lanes.flags(u8::from(self.is_last) << lanes.n_uses);
        lanes.n_uses += 1;
        lanes.lane(self.reg);
    }
}

/// A number of registers; sits in the flags.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Count(pub u8);

impl Count {
    #[inline(always)]
    pub fn n(self) -> usize {
        self.0 as usize
    }
}

impl Operand for Count {
    const ROLE: Role = Role::Count;
    const LANE_BITS: u32 = 0;

    #[inline(always)]
    fn read(lanes: &mut Lanes) -> Self {
        Count((lanes.word >> FLAGS) as u8)
    }

    fn write(self, lanes: &mut LaneWriter) {
        lanes.flags(self.0);
    }
}

/// A number of two lanes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Imm32(pub i32);

impl Operand for Imm32 {
    const ROLE: Role = Role::Imm32;
    const LANE_BITS: u32 = 32;

    #[inline(always)]
    fn read(lanes: &mut Lanes) -> Self {
        Imm32(lanes.two_lanes() as i32)
    }

    fn write(self, lanes: &mut LaneWriter) {
        lanes.two_lanes(self.0 as u32);
    }
}

/// A place in the code that jumps lead to; see [`super::asm::Assembler::new_label`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Label(pub(super) u32);

/// A jump distance of one lane, counted from the instruction after.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Near(pub i16);

impl Operand for Near {
    const ROLE: Role = Role::Near;
    const LANE_BITS: u32 = 16;

    #[inline(always)]
    fn read(lanes: &mut Lanes) -> Self {
        Near(lanes.lane() as i16)
    }

    fn write(self, lanes: &mut LaneWriter) {
        lanes.lane(self.0 as u16);
    }
}

/// A jump distance of two lanes, counted from the instruction after.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Target(pub i32);

impl Operand for Target {
    const ROLE: Role = Role::Target;
    const LANE_BITS: u32 = 32;

    #[inline(always)]
    fn read(lanes: &mut Lanes) -> Self {
        Target(lanes.two_lanes() as i32)
    }

    fn write(self, lanes: &mut LaneWriter) {
        lanes.two_lanes(self.0 as u32);
    }
}

/// Where a place's root variable lives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum RootKind {
    Register = 0,
    /// The cell in a register.
    Cell = 1,
    /// The cell in a captured variable.
    Upvalue = 2,
    /// A module slot.
    Module = 3,
}

impl RootKind {
    pub const ALL: [RootKind; 4] =
        [RootKind::Register, RootKind::Cell, RootKind::Upvalue, RootKind::Module];
}

/// The root variable of a place; the kind sits in the flags.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Root {
    pub kind: RootKind,
    pub index: u16,
}

impl Root {
    pub const fn register(index: u16) -> Root {
        Root { kind: RootKind::Register, index }
    }

    pub const fn cell(index: u16) -> Root {
        Root { kind: RootKind::Cell, index }
    }

    pub const fn upvalue(index: u16) -> Root {
        Root { kind: RootKind::Upvalue, index }
    }

    pub const fn module(index: u16) -> Root {
        Root { kind: RootKind::Module, index }
    }

    #[inline(always)]
    pub fn idx(self) -> usize {
        self.index as usize
    }
}

impl Operand for Root {
    const ROLE: Role = Role::Root;
    const LANE_BITS: u32 = 16;

    #[inline(always)]
    fn read(lanes: &mut Lanes) -> Self {
        let kind = RootKind::ALL[(lanes.word >> (FLAGS + ROOT_SHIFT) & 3) as usize];
        Root { kind, index: lanes.lane() }
    }

    fn write(self, lanes: &mut LaneWriter) {
        lanes.flags((self.kind as u8) << ROOT_SHIFT);
        lanes.lane(self.index);
    }
}

/// An operand of any role, for code that goes over all instructions alike.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AnyOperand {
    Def(Def),
    Use(Use),
    Read(Read),
    Update(Update),
    Group(Group),
    Count(Count),
    Const(Const),
    Name(Name),
    Imm(Imm),
    Imm32(Imm32),
    Near(Near),
    Target(Target),
    Upvalue(Upvalue),
    Slot(Slot),
    Proto(Proto),
    Native(Native),
    Desc(Desc),
    Root(Root),
}

impl AnyOperand {
    /// The next operand, which has `role`.
    pub fn take(role: Role, lanes: &mut Lanes) -> AnyOperand {
        match role {
            Role::Def => AnyOperand::Def(lanes.take()),
            Role::Use => AnyOperand::Use(lanes.take()),
            Role::Read => AnyOperand::Read(lanes.take()),
            Role::Update => AnyOperand::Update(lanes.take()),
            Role::Group => AnyOperand::Group(lanes.take()),
            Role::Count => AnyOperand::Count(lanes.take()),
            Role::Const => AnyOperand::Const(lanes.take()),
            Role::Name => AnyOperand::Name(lanes.take()),
            Role::Imm => AnyOperand::Imm(lanes.take()),
            Role::Imm32 => AnyOperand::Imm32(lanes.take()),
            Role::Near => AnyOperand::Near(lanes.take()),
            Role::Target => AnyOperand::Target(lanes.take()),
            Role::Upvalue => AnyOperand::Upvalue(lanes.take()),
            Role::Slot => AnyOperand::Slot(lanes.take()),
            Role::Proto => AnyOperand::Proto(lanes.take()),
            Role::Native => AnyOperand::Native(lanes.take()),
            Role::Desc => AnyOperand::Desc(lanes.take()),
            Role::Root => AnyOperand::Root(lanes.take()),
        }
    }

    /// The distance of a jump operand.
    pub fn distance(self) -> Option<i64> {
        match self {
            AnyOperand::Near(near) => Some(i64::from(near.0)),
            AnyOperand::Target(target) => Some(i64::from(target.0)),
            _ => None,
        }
    }
}

impl Word {
    /// The operands in order, with their names.
    pub fn operands(self) -> impl Iterator<Item = (&'static str, AnyOperand)> {
        let mut lanes = Lanes::new(self);
        let roles = self.op().info().operands.iter();
        roles.map(move |&(name, role)| (name, AnyOperand::take(role, &mut lanes)))
    }

    /// Where the jump in this word, which stands at `pc`, leads.
    pub fn jump_target(self, pc: usize) -> Option<i64> {
        self.operands().find_map(|(_, operand)| Some(pc as i64 + 1 + operand.distance()?))
    }
}
