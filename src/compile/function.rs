//! The state of compiling one function: registers, variables, temporaries.
//!
//! Every block's variables get registers when the block is entered; temporaries are allocated
//! above them like a stack and freed at the end of each expression. So above the arguments of a
//! call nothing is alive, which is where the callee's window lies.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use ruff_runtime::bytecode::operand::Root;
use ruff_runtime::bytecode::{Capture, Const};
use ruff_runtime::error::Kind;

use crate::resolve::{FuncId, Ref, Storage, VarId};
use crate::syntax::ast::NodeId;

use super::Unit;
use super::code::{Code, Label};
use super::cold::Cold;
use super::definite::Assigned;

/// Where the current function finds a variable.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Home {
    Register(u16),
    /// The cell in a register.
    Cell(u16),
    /// A captured value that never changes.
    Captured(u16),
    /// A captured cell.
    Upvalue(u16),
    Module(u16),
}

/// A value that is not necessarily in a register of its own.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Val {
    /// In the register of a variable.
    Var(u16),
    /// In a temporary.
    Temp(u16),
    Const(Const),
}

/// Where a value is wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Want {
    /// Anywhere; a temporary is the next free one.
    Any,
    /// In the next free temporary.
    Temp,
    /// In a temporary that may be written at any time.
    Into(u16),
    /// In a variable's register, written once, when nothing can go wrong any more.
    Final(u16),
    /// Nowhere, it is not used.
    Nothing,
}

/// What a function is, as far as `return` and `?` are concerned.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Role {
    Function,
    /// The top level of a module or a test body: `?` raises.
    Outermost,
}

/// A loop around the current position.
#[derive(Clone, Copy)]
pub(super) struct Loop {
    pub on_break: Label,
    pub on_continue: Label,
}

/// A block whose variables have registers.
#[derive(Clone, Copy)]
pub(super) struct Scope {
    block: NodeId,
    top: u32,
    late: u32,
}

/// Registers that a function can have; leaves room below the 16 bits of an operand.
const MAX_REGISTERS: u32 = 65_000;

/// A function being compiled.
pub(super) struct Builder<'a> {
    pub unit: &'a Unit<'a>,
    pub func: FuncId,
    pub role: Role,
    pub code: Code,
    pub state: Assigned,
    pub loops: Vec<Loop>,
    /// Code to be placed out of line.
    pub cold: Vec<Cold>,
    /// `try` blocks around the current position.
    pub tries: u32,
    /// R0 is a receiver that the caller reads back.
    pub mutates_receiver: bool,
    /// The cell that `self` lives in while the body runs.
    pub self_cell: Option<u16>,
    regs: HashMap<VarId, u16>,
    /// Variables that are read where they may be unassigned.
    checked: HashSet<VarId>,
    top: u32,
    max_top: u32,
}

impl<'a> Builder<'a> {
    pub(super) fn new(unit: &'a Unit<'a>, func: FuncId, role: Role) -> Self {
        Builder {
            unit,
            func,
            role,
            code: Code::default(),
            state: Assigned::default(),
            loops: Vec::new(),
            cold: Vec::new(),
            tries: 0,
            mutates_receiver: false,
            self_cell: None,
            regs: HashMap::new(),
            checked: HashSet::new(),
            top: 0,
            max_top: 0,
        }
    }

    // ---- registers

    /// The next free register.
    pub(super) fn top(&self) -> u16 {
        self.top as u16
    }

    /// Takes the next free register.
    pub(super) fn alloc(&mut self) -> u16 {
        let reg = self.top;
        self.top += 1;
        self.max_top = self.max_top.max(self.top);
        if self.max_top > MAX_REGISTERS {
            self.code.overflow = true;
            self.top = 0;
            return 0;
        }
        reg as u16
    }

    /// Makes sure that the frame has `n` registers above the allocated ones.
    pub(super) fn reserve(&mut self, n: u32) {
        self.max_top = self.max_top.max(self.top + n);
        self.code.overflow |= self.max_top > MAX_REGISTERS;
    }

    /// Frees the registers from `mark` on.
    pub(super) fn free_to(&mut self, mark: u16) {
        self.top = u32::from(mark);
    }

    pub(super) fn n_registers(&self) -> u16 {
        self.max_top.min(MAX_REGISTERS + 1) as u16
    }

    /// The register in which a result goes.
    pub(super) fn target(&mut self, want: Want) -> u16 {
        match want {
            Want::Any | Want::Temp | Want::Nothing => self.alloc(),
            Want::Into(reg) | Want::Final(reg) => reg,
        }
    }

    // ---- values

    /// Brings a value to where it is wanted.
    pub(super) fn deliver(&mut self, val: Val, want: Want) -> Val {
        match want {
            Want::Any | Want::Nothing => val,
            Want::Into(dst) | Want::Final(dst) => {
                self.put(&val, dst);
                Val::Temp(dst)
            }
            Want::Temp => {
                let dst = self.alloc();
                self.put(&val, dst);
                Val::Temp(dst)
            }
        }
    }

    /// Copies or loads a value into `dst`.
    pub(super) fn put(&mut self, val: &Val, dst: u16) {
        match val {
            Val::Var(reg) | Val::Temp(reg) => {
                if *reg != dst {
                    self.code.mov(dst, *reg);
                }
            }
            Val::Const(value) => self.load(dst, value),
        }
    }

    /// Loads a constant.
    pub(super) fn load(&mut self, dst: u16, value: &Const) {
        match value {
            Const::Null => self.code.load_null(dst),
            Const::Bool(value) => self.code.load_bool(dst, u16::from(*value)),
            Const::Int(value) if i32::try_from(*value).is_ok() => {
                self.code.load_int(dst, *value as i32)
            }
            Const::Int(_) | Const::Float(_) | Const::Str(_) | Const::None => {
                let index = self.code.constant(value);
                self.code.load_const(dst, index)
            }
        };
    }

    /// The register of a value; constants get a temporary.
    pub(super) fn reg(&mut self, val: &Val) -> u16 {
        match val {
            Val::Var(reg) | Val::Temp(reg) => *reg,
            Val::Const(value) => {
                let reg = self.alloc();
                self.load(reg, value);
                reg
            }
        }
    }

    /// Emits an instruction that always raises.
    pub(super) fn fail(&mut self, kind: Kind, message: String, offset: u32) {
        let message = self.code.constant(&Const::Str(message.into()));
        self.code.at(offset);
        self.code.fail(kind as u16, message);
    }

    // ---- variables

    /// Where a variable lives, seen from this function.
    pub(super) fn home(&self, var: VarId) -> Home {
        let info = self.unit.resolved.var(var);
        if let Storage::Module(slot) = info.storage {
            return Home::Module(slot as u16);
        }
        let by_value = info.storage == Storage::CapturedValue;
        match self.regs.get(&var) {
            Some(&reg) if info.storage == Storage::Cell => Home::Cell(reg),
            Some(&reg) => Home::Register(reg),
            None if by_value => Home::Captured(self.upvalue(var)),
            None => Home::Upvalue(self.upvalue(var)),
        }
    }

    fn upvalue(&self, var: VarId) -> u16 {
        let captures = &self.unit.resolved.func_info(self.func).captures;
        captures.iter().position(|&captured| captured == var).unwrap_or(0) as u16
    }

    /// The variable as the root of a place that is changed.
    pub(super) fn root(&self, var: VarId) -> Root {
        match self.home(var) {
            Home::Register(reg) => Root::register(reg),
            Home::Cell(reg) => Root::cell(reg),
            Home::Captured(index) | Home::Upvalue(index) => Root::upvalue(index),
            Home::Module(slot) => Root::module(slot),
        }
    }

    /// What a child function captures, in the order of its upvalues.
    pub(super) fn captures_of(&self, child: FuncId) -> Vec<Capture> {
        let captures = &self.unit.resolved.func_info(child).captures;
        captures
            .iter()
            .map(|&var| match self.home(var) {
                Home::Register(reg) | Home::Cell(reg) => Capture::Register(reg),
                Home::Captured(index) | Home::Upvalue(index) => Capture::Upvalue(index),
                Home::Module(slot) => Capture::Upvalue(slot),
            })
            .collect()
    }

    /// The variable is in the given register.
    pub(super) fn place_var(&mut self, var: VarId, reg: u16) {
        self.regs.insert(var, reg);
    }

    /// Emits the check of a variable in a register that may be unassigned.
    pub(super) fn check(&mut self, var: VarId, offset: u32) {
        let Home::Register(reg) = self.home(var) else { return };
        if !self.state.has(var) {
            self.checked.insert(var);
            let name = self.code.name(&self.unit.resolved.var(var).name);
            self.code.at(offset);
            self.code.check_assigned(reg, name);
        }
    }

    /// Reads a variable.
    pub(super) fn read(&mut self, var: VarId, offset: u32, want: Want) -> Val {
        let home = self.home(var);
        if let Home::Register(reg) = home {
            self.check(var, offset);
            return self.deliver(Val::Var(reg), want);
        }
        let dst = self.target(want);
        self.code.at(offset);
        match home {
            Home::Register(_) => {}
            Home::Cell(cell) => {
                let name = self.code.name(&self.unit.resolved.var(var).name);
                self.code.get_cell(dst, cell, name);
            }
            Home::Captured(index) => {
                self.code.get_captured(dst, index);
            }
            Home::Upvalue(index) => {
                self.code.get_upvalue(dst, index);
            }
            Home::Module(slot) => {
                self.code.get_module(dst, slot);
            }
        }
        Val::Temp(dst)
    }

    /// Assigns a variable.
    pub(super) fn write(&mut self, var: VarId, val: &Val, offset: u32) {
        match self.home(var) {
            Home::Register(reg) => self.put(val, reg),
            Home::Cell(cell) => {
                let src = self.reg(val);
                let name = self.code.name(&self.unit.resolved.var(var).name);
                self.code.at(offset);
                self.code.set_cell(cell, src, name);
            }
            Home::Captured(index) | Home::Upvalue(index) => {
                let src = self.reg(val);
                self.code.at(offset);
                self.code.set_upvalue(index, src);
            }
            Home::Module(slot) => {
                let src = self.reg(val);
                self.code.at(offset);
                self.code.set_module(slot, src);
            }
        }
        self.state.assign(var);
    }

    /// Assigns the variable that a declaring node refers to.
    pub(super) fn write_node(&mut self, node: NodeId, val: &Val, offset: u32) {
        if let Ref::Var(var) = self.unit.resolved.get(node) {
            self.write(var, val, offset);
        }
    }

    /// The register of a variable that lives in one of this function.
    pub(super) fn register_of(&self, var: VarId) -> Option<u16> {
        match self.home(var) {
            Home::Register(reg) => Some(reg),
            Home::Cell(_) | Home::Captured(_) | Home::Upvalue(_) | Home::Module(_) => None,
        }
    }

    // ---- blocks

    /// Gives the variables of a block registers and new cells.
    pub(super) fn enter(&mut self, block: NodeId) -> Scope {
        let top = self.top;
        let resolved = self.unit.resolved;
        for &var in resolved.vars_of_block(block) {
            if self.regs.contains_key(&var) {
                continue;
            }
            match resolved.var(var).storage {
                Storage::Module(_) => {}
                Storage::Register | Storage::CapturedValue => {
                    let reg = self.alloc();
                    self.regs.insert(var, reg);
                }
                Storage::Cell => {
                    let reg = self.alloc();
                    self.regs.insert(var, reg);
                    self.code.new_cell(reg);
                }
            }
        }
        Scope { block, top, late: self.code.later() }
    }

    /// Ends a block; its variables that were read too early are unassigned at its start.
    pub(super) fn leave(&mut self, scope: Scope) {
        let Scope { block, top, late } = scope;
        let vars = self.unit.resolved.vars_of_block(block);
        let checked: Vec<u16> = vars
            .iter()
            .filter(|var| self.checked.contains(var))
            .map(|var| self.regs[var])
            .collect();
        self.code.fill(late, checked.into_iter());
        self.top = top;
    }
}

/// A name of a variable that is not declared anywhere.
pub(super) fn undefined_variable(name: &Arc<str>) -> String {
    format!("Undefined variable: {name}")
}
