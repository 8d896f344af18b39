//! The interpreter loop: one `match` made from the opcode table.
//!
//! Each opcode's handler is the method of [`Machine`] with the row's name; handlers live in one
//! file per family and are always inlined here.

use super::Vm;
use super::machine::{Machine, Step, Stop};
use crate::bytecode::operand::{Op, Word};
use crate::bytecode::ops;
use crate::for_each_op;
use crate::tier::Status;

macro_rules! define_step {
    ($(
        $(#[doc = $doc:literal])*
        $method:ident = $Op:ident { $($field:ident: $Role:ident),* } [$($effect:ident)|*];
    )*) => {
        impl Machine {
            /// Executes one instruction; `pc` is already behind it.
            #[inline(always)]
            pub(super) fn step(&mut self, word: Word) -> Step {
                match word.op() {
                    $(Op::$Op => self.$method(ops::$Op::decode(word)),)*
                }
            }
        }
    };
}

for_each_op!(define_step);

impl Machine {
    /// The next instruction's word; `pc` goes behind it.
    #[inline(always)]
    pub(super) fn fetch(&mut self) -> Word {
        // SAFETY: the verifier made sure that control never runs off the code.
        unsafe {
            let word = (*self.pc).word();
            self.pc = self.pc.add(1);
            word
        }
    }
}

impl Vm {
    /// Runs the frame on top, from its `pc`, until a boundary frame returns or an error leaves
    /// it. The result or the error is then in the context and the boundary frame is popped.
    pub(super) fn run(&mut self) -> Status {
        self.loops += 1;
        self.can_finish_later = false;
        let status = self.run_loop();
        self.loops -= 1;
        status
    }

    #[inline(always)]
    fn run_loop(&mut self) -> Status {
        let mut machine = Machine::new(self);
        loop {
            let word = machine.fetch();
            match machine.step(word) {
                Ok(()) => {}
                Err(Stop::Returned) => return Status::Done,
                Err(Stop::RaisedOut) => return Status::Raised,
                Err(Stop::Raised) => {
                    let pc = machine.pc;
                    if !machine.vm().unwind(pc) {
                        return Status::Raised;
                    }
                    machine.reload();
                }
            }
        }
    }
}
