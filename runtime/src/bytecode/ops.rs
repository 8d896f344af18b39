//! The table of opcodes: everything that is known about an instruction is in its row.
//!
//! A row is `method = Struct { operand: Role, … } [EFFECTS];` with its meaning as doc comment,
//! in register-transfer notation: `R[x]` register, `K[x]` constant, `U[x]` upvalue, `M[x]`
//! module slot. An operand marked `Use` whose last-use mark is set is moved out of its register
//! (which then holds null); without the mark it is borrowed.

use std::ops::BitOr;

use super::operand::{
    Const, Count, Def, Desc, Group, Imm, Imm32, LaneWriter, Lanes, Name, Native, Near, Operand,
    Proto, Read, Role, Root, Slot, Target, Update, Upvalue, Use, Word,
};

/// Calls `$callback!` with one row per opcode.
#[macro_export]
macro_rules! for_each_op {
    ($callback:ident) => { $callback! {
        // ---- moves and constants
        /// R[dst] = R[src]
        mov = Mov { dst: Def, src: Use } [];
        /// R[dst] = K[value]
        load_const = LoadConst { dst: Def, value: Const } [];
        /// R[dst] = the int `value`
        load_int = LoadInt { dst: Def, value: Imm32 } [];
        /// R[dst] = null
        load_null = LoadNull { dst: Def } [];
        /// R[dst] = true if `value` is 1, false if it is 0
        load_bool = LoadBool { dst: Def, value: Imm } [];
        /// R[dst] = the marker of a variable that exists but is not assigned
        load_unassigned = LoadUnassigned { dst: Def } [];
        /// R[dst] = the builtin that the string K[name] names (function, constant, `Error`)
        load_builtin = LoadBuiltin { dst: Def, name: Name } [];
        /// R[reg] = null; what it held is released
        clear = Clear { reg: Def } [];
        /// raises NameError `Undefined variable: K[name]` if R[src] is unassigned
        check_assigned = CheckAssigned { src: Read, name: Name } [THROWS];
        /// raises an error of the kind with index `kind` in the table of kinds, message K[message]
        fail = Fail { kind: Imm, message: Const } [THROWS | ENDS_BLOCK];

        // ---- arithmetic; the `_int` and `_float` rows are quickened forms
        /// R[dst] = R[lhs] + R[rhs]
        add = Add { dst: Def, lhs: Use, rhs: Use } [THROWS | CALLS | PROFILED];
        /// R[dst] = R[lhs] - R[rhs]
        sub = Sub { dst: Def, lhs: Use, rhs: Use } [THROWS | CALLS | PROFILED];
        /// R[dst] = R[lhs] * R[rhs]
        mul = Mul { dst: Def, lhs: Use, rhs: Use } [THROWS | CALLS | PROFILED];
        /// R[dst] = R[lhs] / R[rhs]
        div = Div { dst: Def, lhs: Use, rhs: Use } [THROWS | CALLS | PROFILED];
        /// R[dst] = R[lhs] % R[rhs]
        rem = Rem { dst: Def, lhs: Use, rhs: Use } [THROWS | CALLS | PROFILED];
        /// R[dst] = R[lhs] + K[rhs]
        add_const = AddConst { dst: Def, lhs: Use, rhs: Const } [THROWS | CALLS | PROFILED];
        /// R[dst] = R[lhs] - K[rhs]
        sub_const = SubConst { dst: Def, lhs: Use, rhs: Const } [THROWS | CALLS | PROFILED];
        /// R[dst] = R[lhs] * K[rhs]
        mul_const = MulConst { dst: Def, lhs: Use, rhs: Const } [THROWS | CALLS | PROFILED];
        /// R[dst] = R[lhs] / K[rhs]
        div_const = DivConst { dst: Def, lhs: Use, rhs: Const } [THROWS | CALLS | PROFILED];
        /// R[dst] = R[lhs] % K[rhs]
        rem_const = RemConst { dst: Def, lhs: Use, rhs: Const } [THROWS | CALLS | PROFILED];
        /// `add`, both operands were ints
        add_int = AddInt { dst: Def, lhs: Use, rhs: Use } [THROWS | CALLS | PROFILED | QUICK];
        /// `sub`, both operands were ints
        sub_int = SubInt { dst: Def, lhs: Use, rhs: Use } [THROWS | CALLS | PROFILED | QUICK];
        /// `mul`, both operands were ints
        mul_int = MulInt { dst: Def, lhs: Use, rhs: Use } [THROWS | CALLS | PROFILED | QUICK];
        /// `add`, both operands were floats
        add_float = AddFloat { dst: Def, lhs: Use, rhs: Use } [THROWS | CALLS | PROFILED | QUICK];
        /// `sub`, both operands were floats
        sub_float = SubFloat { dst: Def, lhs: Use, rhs: Use } [THROWS | CALLS | PROFILED | QUICK];
        /// `mul`, both operands were floats
        mul_float = MulFloat { dst: Def, lhs: Use, rhs: Use } [THROWS | CALLS | PROFILED | QUICK];
        /// `add_const`, an int and an int constant
        add_int_const = AddIntConst { dst: Def, lhs: Use, rhs: Const } [THROWS | CALLS | PROFILED | QUICK];
        /// `sub_const`, an int and an int constant
        sub_int_const = SubIntConst { dst: Def, lhs: Use, rhs: Const } [THROWS | CALLS | PROFILED | QUICK];
        /// `mul_const`, an int and an int constant
        mul_int_const = MulIntConst { dst: Def, lhs: Use, rhs: Const } [THROWS | CALLS | PROFILED | QUICK];
        /// `rem_const`, an int and an int constant above 0
        rem_int_const = RemIntConst { dst: Def, lhs: Use, rhs: Const } [THROWS | CALLS | PROFILED | QUICK];
        /// R[dst] = -R[src]
        neg = Neg { dst: Def, src: Use } [THROWS | CALLS | PROFILED];
        /// R[dst] = !R[src]; of a struct with `op_not` the method's result
        not = Not { dst: Def, src: Use } [THROWS | CALLS | PROFILED];
        /// R[dst] = whether R[src] is truthy
        truth = Truth { dst: Def, src: Use } [];

        // ---- comparison
        /// R[dst] = R[lhs] == R[rhs]
        eq = Eq { dst: Def, lhs: Use, rhs: Use } [THROWS | CALLS | PROFILED];
        /// R[dst] = R[lhs] != R[rhs]
        ne = Ne { dst: Def, lhs: Use, rhs: Use } [THROWS | CALLS | PROFILED];
        /// R[dst] = R[lhs] < R[rhs]
        lt = Lt { dst: Def, lhs: Use, rhs: Use } [THROWS | CALLS | PROFILED];
        /// R[dst] = R[lhs] > R[rhs]
        gt = Gt { dst: Def, lhs: Use, rhs: Use } [THROWS | CALLS | PROFILED];
        /// R[dst] = R[lhs] <= R[rhs]
        le = Le { dst: Def, lhs: Use, rhs: Use } [THROWS | CALLS | PROFILED];
        /// R[dst] = R[lhs] >= R[rhs]
        ge = Ge { dst: Def, lhs: Use, rhs: Use } [THROWS | CALLS | PROFILED];

        // ---- jumps; distances count from the instruction after
        /// pc += target
        jump = Jump { target: Target } [ENDS_BLOCK];
        /// pc += target if R[cond] is truthy
        jump_if = JumpIf { cond: Use, target: Target } [];
        /// pc += target unless R[cond] is truthy
        jump_unless = JumpUnless { cond: Use, target: Target } [];
        /// pc += target if R[src] is null
        jump_if_null = JumpIfNull { src: Read, target: Target } [];
        /// pc += target unless R[src] is null
        jump_unless_null = JumpUnlessNull { src: Read, target: Target } [];
        /// pc += target if the parameter in R[src] was passed (is not unassigned)
        jump_if_assigned = JumpIfAssigned { src: Read, target: Target } [];
        /// pc += target if truth of (R[lhs] == R[rhs]) equals the `sense` flag
        jump_eq = JumpEq { lhs: Use, rhs: Use, target: Near } [THROWS | CALLS | PROFILED | SENSE];
        /// pc += target if truth of (R[lhs] != R[rhs]) equals the `sense` flag
        jump_ne = JumpNe { lhs: Use, rhs: Use, target: Near } [THROWS | CALLS | PROFILED | SENSE];
        /// pc += target if truth of (R[lhs] < R[rhs]) equals the `sense` flag
        jump_lt = JumpLt { lhs: Use, rhs: Use, target: Near } [THROWS | CALLS | PROFILED | SENSE];
        /// pc += target if truth of (R[lhs] > R[rhs]) equals the `sense` flag
        jump_gt = JumpGt { lhs: Use, rhs: Use, target: Near } [THROWS | CALLS | PROFILED | SENSE];
        /// pc += target if truth of (R[lhs] <= R[rhs]) equals the `sense` flag
        jump_le = JumpLe { lhs: Use, rhs: Use, target: Near } [THROWS | CALLS | PROFILED | SENSE];
        /// pc += target if truth of (R[lhs] >= R[rhs]) equals the `sense` flag
        jump_ge = JumpGe { lhs: Use, rhs: Use, target: Near } [THROWS | CALLS | PROFILED | SENSE];
        /// as `jump_eq` with the constant K[rhs]
        jump_eq_const = JumpEqConst { lhs: Use, rhs: Const, target: Near } [THROWS | CALLS | PROFILED | SENSE];
        /// as `jump_ne` with the constant K[rhs]
        jump_ne_const = JumpNeConst { lhs: Use, rhs: Const, target: Near } [THROWS | CALLS | PROFILED | SENSE];
        /// as `jump_lt` with the constant K[rhs]
        jump_lt_const = JumpLtConst { lhs: Use, rhs: Const, target: Near } [THROWS | CALLS | PROFILED | SENSE];
        /// as `jump_gt` with the constant K[rhs]
        jump_gt_const = JumpGtConst { lhs: Use, rhs: Const, target: Near } [THROWS | CALLS | PROFILED | SENSE];
        /// as `jump_le` with the constant K[rhs]
        jump_le_const = JumpLeConst { lhs: Use, rhs: Const, target: Near } [THROWS | CALLS | PROFILED | SENSE];
        /// as `jump_ge` with the constant K[rhs]
        jump_ge_const = JumpGeConst { lhs: Use, rhs: Const, target: Near } [THROWS | CALLS | PROFILED | SENSE];
        /// `jump_lt`, both operands were ints
        jump_lt_int = JumpLtInt { lhs: Use, rhs: Use, target: Near } [THROWS | CALLS | PROFILED | SENSE | QUICK];
        /// `jump_le`, both operands were ints
        jump_le_int = JumpLeInt { lhs: Use, rhs: Use, target: Near } [THROWS | CALLS | PROFILED | SENSE | QUICK];
        /// `jump_lt_const`, an int and an int constant
        jump_lt_int_const = JumpLtIntConst { lhs: Use, rhs: Const, target: Near } [THROWS | CALLS | PROFILED | SENSE | QUICK];
        /// `jump_eq_const`, an int and an int constant
        jump_eq_int_const = JumpEqIntConst { lhs: Use, rhs: Const, target: Near } [THROWS | CALLS | PROFILED | SENSE | QUICK];
        /// marks a loop header: counts hotness, polls interrupts, offers OSR entry. The first
        /// instruction of every loop body
        loop_header = LoopHeader { } [THROWS | PROFILED];

        // ---- counted loops and iteration
        /// checks R[base .. base+count] as arguments of `range`; then R[base] = first value,
        /// R[base+1] = end, R[base+2] = step, all ints
        range_init = RangeInit { base: Group, count: Count } [THROWS];
        /// R[dst] = an iterator over `range(R[first .. first+count])`; arguments are moved out
        range_items = RangeItems { dst: Def, first: Group, count: Count } [THROWS];
        /// if R[base] has not reached R[base+1] in the direction of R[base+2]: R[dst] = R[base],
        /// R[base] += R[base+2] (saturating); else pc += target
        range_test = RangeTest { dst: Def, base: Group, target: Near } [];
        /// as `range_test`, but jumps by target (backwards, to a loop header) while values are
        /// left and goes on behind the loop afterwards
        range_loop = RangeLoop { dst: Def, base: Group, target: Near } [];
        /// R[base], R[base+1] = source and position for a loop over R[base]
        iter_init = IterInit { base: Group } [THROWS | PROFILED];
        /// R[dst] = next value of the source in R[base] at R[base+1]; pc += target if none is left
        iter_test = IterTest { dst: Def, base: Group, target: Near } [THROWS | CALLS | PROFILED];
        /// as `iter_test`, but jumps by target while values are left
        iter_loop = IterLoop { dst: Def, base: Group, target: Near } [THROWS | CALLS | PROFILED];

        // ---- calls
        /// R[dst] = R[first](R[first+1 ..= first+count]); callee and arguments are moved out. The
        /// callee's window starts at R[first+1]
        call = Call { dst: Def, first: Group, count: Count } [THROWS | CALLS | PROFILED];
        /// as `call` with the callee in M[slot]; R[first] is not used
        call_module = CallModule { dst: Def, first: Group, slot: Slot, count: Count } [THROWS | CALLS | PROFILED];
        /// R[dst] = R[first](elements of the array R[first+1])
        call_spread = CallSpread { dst: Def, first: Group } [THROWS | CALLS | PROFILED];
        /// R[dst] = native(R[first .. first+count]); arguments are moved out
        call_native = CallNative { dst: Def, native: Native, first: Group, count: Count } [THROWS | CALLS | PROFILED];
        /// R[dst] = native(R[src])
        call_native_one = CallNativeOne { dst: Def, native: Native, src: Use } [THROWS | CALLS | PROFILED];
        /// R[dst] = native(elements of the array R[src])
        call_native_spread = CallNativeSpread { dst: Def, native: Native, src: Use } [THROWS | CALLS];
        /// R[dst] = R[first].K[name](R[first+1 ..= first+count]); receiver and arguments are moved
        /// out. The method's window starts at R[first], its receiver
        call_method = CallMethod { dst: Def, first: Group, name: Name, count: Count } [THROWS | CALLS | PROFILED];
        /// as `call_method`, but R[first] keeps the receiver as the call leaves it (changed by a
        /// mutating method), also when the call raises
        call_method_place = CallMethodPlace { dst: Def, first: Group, name: Name, count: Count } [THROWS | CALLS | PROFILED];
        /// as `call_method` with the elements of the array R[first+1] as arguments
        call_method_spread = CallMethodSpread { dst: Def, first: Group, name: Name } [THROWS | CALLS];
        /// as `call_method_place` with the elements of the array R[first+1] as arguments
        call_method_place_spread = CallMethodPlaceSpread { dst: Def, first: Group, name: Name } [THROWS | CALLS];
        /// selects method K[name] of R[reg] (LS 12.3); if it is mutating, R[reg] = a pending marker
        /// that remembers the receiver's type, else R[reg] stays
        select_method = SelectMethod { reg: Update, name: Name } [THROWS | PROFILED];
        /// pc += target unless R[src] is a pending marker
        jump_unless_pending = JumpUnlessPending { src: Read, target: Target } [];
        /// R[dst] = the value at place `desc` of register R[root], moved out; R[dst] holds the
        /// pending marker before, whose type it must have (else AccessError `Receiver changed …`)
        take_receiver = TakeReceiver { dst: Update, root: Update, desc: Desc } [THROWS | PROFILED];
        /// raises `Pipe operator requires a function on the right side` unless R[src] is callable
        check_pipe = CheckPipe { src: Read } [THROWS];
        /// raises unless R[src] is a number other than NaN, as the result of a comparator of `sort`
        check_order = CheckOrder { src: Read } [THROWS];
        /// raises unless R[src], item number R[index], is a number, as `sum` does
        check_summand = CheckSummand { src: Read, index: Read } [THROWS];
        /// raises unless the items of R[src] can take its place, as in `flat_map`
        check_flat = CheckFlat { src: Read } [THROWS];
        /// return R[src]
        ret = Ret { src: Use } [ENDS_BLOCK];
        /// return null
        ret_null = RetNull { } [ENDS_BLOCK];

        // ---- captured variables and module variables
        /// hand R[src] out of the generator's frame, which is suspended; then R[dst] = null
        yield_value = Yield { dst: Def, src: Use } [THROWS | CALLS];
        /// R[dst] = the outcome of R[src] if it is a promise, for which the task waits, else R[src]
        await_value = Await { dst: Def, src: Use } [THROWS | CALLS];
        /// R[dst] = the promise of the closure R[src], which runs on another thread
        spawn_block = Spawn { dst: Def, src: Use } [THROWS | CALLS];
        /// R[dst] = a closure of child function `proto`
        closure = Closure { dst: Def, proto: Proto } [];
        /// R[dst] = a new cell, unassigned
        new_cell = NewCell { dst: Def } [];
        /// R[dst] = content of the cell R[cell]; raises if it is unassigned or in use
        get_cell = GetCell { dst: Def, cell: Read, name: Name } [THROWS];
        /// content of the cell R[cell] = R[src]; raises if it is in use
        set_cell = SetCell { cell: Read, src: Use, name: Name } [THROWS];
        /// R[dst] = U[upvalue], a captured value that never changes
        get_captured = GetCaptured { dst: Def, upvalue: Upvalue } [];
        /// R[dst] = content of the cell U[upvalue]; raises if it is unassigned or in use
        get_upvalue = GetUpvalue { dst: Def, upvalue: Upvalue } [THROWS];
        /// content of the cell U[upvalue] = R[src]; raises if it is in use
        set_upvalue = SetUpvalue { upvalue: Upvalue, src: Use } [THROWS];
        /// R[dst] = M[slot]; raises if it is unassigned or in use
        get_module = GetModule { dst: Def, slot: Slot } [THROWS];
        /// M[slot] = R[src]; raises if it is in use
        set_module = SetModule { slot: Slot, src: Use } [THROWS];
        /// R[dst] = content of the variable `root`, which is in use from now on
        take_root = TakeRoot { dst: Def, root: Root } [THROWS];
        /// the variable `root` = R[src]; ends its being in use
        put_root = PutRoot { root: Root, src: Use } [];

        // ---- collections and places
        /// R[dst] = the array of R[first .. first+n]
        new_array = NewArray { dst: Def, first: Group, n: Imm } [];
        /// appends R[src] to the array R[array]
        array_push = ArrayPush { array: Update, src: Use } [THROWS];
        /// appends the elements of R[src] to the array R[array]
        array_spread = ArraySpread { array: Update, src: Use } [THROWS | CALLS];
        /// R[dst] = the dict of n pairs of key and value in R[first .. first+2n]
        new_dict = NewDict { dst: Def, first: Group, n: Imm } [THROWS];
        /// sets R[dict][R[key]] = R[src]
        dict_insert = DictInsert { dict: Update, key: Use, src: Use } [THROWS];
        /// adds the entries of the dict R[src] to R[dict]
        dict_spread = DictSpread { dict: Update, src: Use } [THROWS];
        /// R[dst] = R[object][R[index]]
        get_index = GetIndex { dst: Def, object: Use, index: Use } [THROWS | PROFILED];
        /// R[dst] = R[object].K[name]
        get_field = GetField { dst: Def, object: Use, name: Name } [THROWS | PROFILED];
        /// R[dst] = R[object]?.K[name]
        get_field_or_null = GetFieldOrNull { dst: Def, object: Use, name: Name } [THROWS | PROFILED];
        /// root[R[index]] = R[src]
        set_index = SetIndex { root: Root, index: Use, src: Use } [THROWS | PROFILED];
        /// root.K[name] = R[src]
        set_field = SetField { root: Root, name: Name, src: Use } [THROWS | PROFILED];
        /// root[R[index]] = root[R[index]] op R[src], op in the `op` flags
        update_index = UpdateIndex { root: Root, index: Use, src: Use } [THROWS | CALLS | PROFILED | OPERATOR];
        /// root.K[name] = root.K[name] op R[src], op in the `op` flags
        update_field = UpdateField { root: Root, name: Name, src: Use } [THROWS | CALLS | PROFILED | OPERATOR];
        /// R[dst] = the value at place `desc` of `root`
        load_place = LoadPlace { dst: Def, root: Root, desc: Desc } [THROWS | PROFILED];
        /// place `desc` of `root` = R[src]
        store_place = StorePlace { root: Root, desc: Desc, src: Use } [THROWS | PROFILED];
        /// place `desc` of `root` = its value op R[src], op in the `op` flags
        update_place = UpdatePlace { root: Root, desc: Desc, src: Use } [THROWS | CALLS | PROFILED | OPERATOR];
        /// puts R[src] back at place `desc` of register R[root], from which it was taken
        put_place = PutPlace { root: Update, desc: Desc, src: Use } [];
        /// R[dst] = the display forms of R[first .. first+n], joined
        concat = Concat { dst: Def, first: Group, n: Imm } [THROWS];
        /// R[dst] = element `index` of the array R[src], null if there is none
        array_item = ArrayItem { dst: Def, src: Read, index: Imm } [];
        /// R[dst] = the elements from `index` of the array R[src]
        array_rest = ArrayRest { dst: Def, src: Read, index: Imm } [];
        /// R[dst] = entry or field K[name] of R[src], null if there is none
        dict_item = DictItem { dst: Def, src: Read, name: Name } [];
        /// R[dst] = the entries or fields of R[src] but those in name list `desc`
        dict_rest = DictRest { dst: Def, src: Read, desc: Desc } [];

        // ---- structs, enums, results, match
        /// R[dst] = the struct declared by `desc`, its methods and defaults closed over this frame
        struct_def = StructDef { dst: Def, desc: Desc } [];
        /// R[dst] = the enum declared by `desc`
        enum_def = EnumDef { dst: Def, desc: Desc } [];
        /// raises NameError or FieldError unless R[def] is a struct that declares all fields of
        /// name list `desc`; K-name of the struct is the list's title
        check_struct = CheckStruct { def: Read, desc: Desc } [THROWS];
        /// R[dst] = an instance of struct R[first] with fields of name list `desc` from R[first+1 ..];
        /// missing ones get their defaults
        new_struct = NewStruct { dst: Def, first: Group, desc: Desc } [THROWS | CALLS | PROFILED];
        /// R[dst] = enum value of variant `desc` with payload R[first .. first+count]
        new_tag = NewTag { dst: Def, first: Group, desc: Desc, count: Count } [];
        /// as `new_tag` with the elements of the array R[src] as payload; raises ArityError if the
        /// variant declares another number
        new_tag_spread = NewTagSpread { dst: Def, src: Use, desc: Desc } [THROWS];
        /// R[dst] = Ok(R[src]), Err(R[src]), Some(R[src]) for which = 0, 1, 2
        wrap = Wrap { dst: Def, src: Use, which: Imm } [];
        /// R[dst] = v for Ok(v) and Some(v); for Err and None: R[dst] = R[src] and pc += target
        try_unwrap = TryUnwrap { dst: Def, src: Use, target: Near } [THROWS];
        /// raises the ThrownError of `?` outside a function for R[src]
        raise_try = RaiseTry { src: Use } [THROWS | ENDS_BLOCK];
        /// pc += target unless R[subject] equals K[literal] (structural equality)
        jump_unless_literal = JumpUnlessLiteral { subject: Read, literal: Const, target: Near } [THROWS];
        /// pc += target unless R[subject] matches variant pattern `desc` (LS 11.4)
        jump_unless_variant = JumpUnlessVariant { subject: Read, desc: Desc, target: Near } [];
        /// R[dst] = payload value `index` of R[src], null if there is none
        get_payload = GetPayload { dst: Def, src: Read, index: Imm } [];

        // ---- errors and modules
        /// continues the error that a cleanup handler holds in R[src]
        rethrow = Rethrow { src: Use } [THROWS | ENDS_BLOCK];
        /// R[dst] = the module of path `desc`, run at its first import
        import = Import { dst: Def, desc: Desc } [THROWS | CALLS];
        /// R[dst] = export K[name] of the module R[module]; ImportError if there is none
        get_export = GetExport { dst: Def, module: Read, name: Name } [THROWS];
    } };
}

/// What an instruction can do besides writing its registers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Effects(u16);

impl Effects {
    /// It can raise an error.
    pub const THROWS: Effects = Effects(1);
    /// It may run user code.
    pub const CALLS: Effects = Effects(2);
    /// Control never goes on to the next instruction.
    pub const ENDS_BLOCK: Effects = Effects(4);
    /// Its feedback slot is used.
    pub const PROFILED: Effects = Effects(8);
    /// A quickened form; the compiler does not emit it.
    pub const QUICK: Effects = Effects(16);
    /// It has the `sense` flag.
    pub const SENSE: Effects = Effects(32);
    /// It has an operator in its flags.
    pub const OPERATOR: Effects = Effects(64);

    pub const NAMES: [(&'static str, Effects); 7] = [
        ("throws", Effects::THROWS),
        ("calls", Effects::CALLS),
        ("ends block", Effects::ENDS_BLOCK),
        ("profiled", Effects::PROFILED),
        ("quickened", Effects::QUICK),
        ("sense", Effects::SENSE),
        ("operator", Effects::OPERATOR),
    ];

    pub const fn has(self, effect: Effects) -> bool {
        self.0 & effect.0 != 0
    }
}

impl BitOr for Effects {
    type Output = Effects;

    fn bitor(self, other: Effects) -> Effects {
        Effects(self.0 | other.0)
    }
}

/// A row of the table as data.
#[derive(Debug)]
pub struct OpInfo {
    pub mnemonic: &'static str,
    /// The row's comment, line by line.
    pub doc: &'static [&'static str],
    pub operands: &'static [(&'static str, Role)],
    pub effects: Effects,
}

macro_rules! define_ops {
    ($(
        $(#[doc = $doc:literal])*
        $method:ident = $Op:ident { $($field:ident: $Role:ident),* } [$($effect:ident)|*];
    )*) => {
        /// The opcodes.
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
        #[repr(u8)]
        pub enum Op { $($(#[doc = $doc])* $Op,)* }

        impl Op {
            pub const ALL: &'static [Op] = &[$(Op::$Op,)*];

            /// The opcode's row.
            pub fn info(self) -> &'static OpInfo {
                match self {
                    $(Op::$Op => const { &OpInfo {
                        mnemonic: stringify!($method),
                        doc: &[$($doc,)*],
                        operands: &[$((stringify!($field), <$Role as Operand>::ROLE),)*],
                        effects: Effects(0 $(| Effects::$effect.0)*),
                    } },)*
                }
            }
        }

        $(
            $(#[doc = $doc])*
            #[derive(Clone, Copy, Debug, PartialEq)]
            pub struct $Op { $(pub $field: $Role,)* }

            impl $Op {
                #[inline(always)]
                pub fn decode(word: Word) -> Self {
                    let mut _lanes = Lanes::new(word);
                    $Op { $($field: _lanes.take(),)* }
                }

                pub fn encode(self) -> Word {
                    const {
                        assert!(0 $(+ <$Role as Operand>::LANE_BITS)* <= 48, "a row fits the lanes");
                    }
                    #[allow(unused_mut, reason = "rows without operands")]
                    let mut lanes = LaneWriter::new(Op::$Op);
                    $(self.$field.write(&mut lanes);)*
                    lanes.finish()
                }
            }
        )*
    };
}

for_each_op!(define_ops);

const _: () = assert!(Op::ALL.len() <= 256, "an opcode is one byte");
