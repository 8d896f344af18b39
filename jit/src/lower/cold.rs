//! Cold routines: trampolines that preserve every register around a routine.

use cranelift_codegen::ir::{self, AbiParam, InstBuilder, Signature, types};
use cranelift_codegen::isa::{CallConv, TargetIsa};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};

use super::memory::trusted;
use crate::helpers::Routine;

/// Routines that are called on cold paths of hot code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(usize)]
pub(crate) enum ColdRoutine {
    /// [`super::free`]; calls [`ColdRoutine::ReleaseAny`].
    Release,
    ReleaseAny,
    Push,
    Unshare,
    Allocate,
}

impl ColdRoutine {
    /// Those that others call come first.
    pub(crate) const ALL: [ColdRoutine; 5] = [
        ColdRoutine::ReleaseAny,
        ColdRoutine::Release,
        ColdRoutine::Push,
        ColdRoutine::Unshare,
        ColdRoutine::Allocate,
    ];

    fn routine(self) -> (Routine, usize) {
        match self {
            ColdRoutine::Release | ColdRoutine::ReleaseAny => (Routine::ReleasePair, 2),
            ColdRoutine::Push => (Routine::Push, 3),
            ColdRoutine::Unshare => (Routine::Unshare, 1),
            ColdRoutine::Allocate => (Routine::Allocate, 1),
        }
    }
}

/// Where the trampolines are.
#[derive(Default)]
pub(crate) struct Cold {
    addresses: [usize; ColdRoutine::ALL.len()],
    places: Places,
}

/// Addresses in the program's thread that code contains.
#[derive(Clone, Copy, Default)]
pub(crate) struct Places {
    /// The result word of the last routine.
    pub result: usize,
    /// The free lists of the heap.
    pub lists: usize,
}

impl Cold {
    /// Without trampolines.
    pub(crate) fn new(places: Places) -> Cold {
        Cold { places, ..Cold::default() }
    }

    pub(crate) fn set(&mut self, routine: ColdRoutine, address: usize) {
        self.addresses[routine as usize] = address;
    }

    pub(crate) fn address(&self, routine: ColdRoutine) -> usize {
        self.addresses[routine as usize]
    }

    pub(crate) fn result(&self) -> usize {
        self.places.result
    }

    pub(crate) fn lists(&self) -> usize {
        self.places.lists
    }
}

/// Writes the trampoline of a routine.
pub(crate) fn lower_trampoline(
    isa: &dyn TargetIsa,
    routine: ColdRoutine,
    result: usize,
    target: &mut ir::Function,
    context: &mut FunctionBuilderContext,
) {
    let (routine, n_args) = routine.routine();
    let mut preserving = Signature::new(CallConv::PreserveAll);
    preserving.params.extend((0..n_args).map(|_| AbiParam::new(types::I64)));
    target.signature = preserving;
    let mut b = FunctionBuilder::new(target, context);
    let entry = b.create_block();
    b.append_block_params_for_function_params(entry);
    b.switch_to_block(entry);
    let args = b.block_params(entry).to_vec();
    let mut plain = Signature::new(isa.default_call_conv());
    plain.params.extend((0..n_args).map(|_| AbiParam::new(types::I64)));
    plain.returns.push(AbiParam::new(types::I64));
    let plain = b.import_signature(plain);
    let address = b.ins().iconst(types::I64, routine.address() as i64);
    let call = b.ins().call_indirect(plain, address, &args);
    let word = b.inst_results(call)[0];
    let at = b.ins().iconst(types::I64, result as i64);
    b.ins().store(trusted(), word, at, 0);
    b.ins().return_(&[]);
    b.seal_all_blocks();
    b.finalize(isa.frontend_config());
}
