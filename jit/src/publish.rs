//! Entries of compiled code in the profiles of functions, where the interpreter finds them.

use ruff_runtime::interp::Vm;
use ruff_runtime::objects::function::LoadedProto;
use ruff_runtime::tier::{Entry, RESUMPTION, Resume};
use ruff_runtime::value::Tag;

use crate::functions::Part;

/// Iterations after which a loop is hot once a loop inside it has been compiled.
const OUTER_ITERATIONS: u64 = 60;

/// The pc where a generator goes on, if the part is that.
fn resumption(part: Part) -> Option<usize> {
    part.filter(|at| at & RESUMPTION != 0).map(|at| (at & !RESUMPTION) as usize)
}

/// Whether there is compiled code for a part.
pub(crate) fn is_published(loaded: &LoadedProto, part: Part) -> bool {
    let profile = &loaded.proto.profile;
    match (part, resumption(part)) {
        (None, _) => profile.entry().is_some(),
        (_, Some(pc)) => profile.has_resumption(pc),
        (Some(header), None) => profile.osr_entry(header as usize).is_some(),
    }
}

/// Takes compiled code away from the interpreter.
pub(crate) fn withdraw(loaded: &LoadedProto, part: Part) {
    let profile = &loaded.proto.profile;
    match (part, resumption(part)) {
        (None, _) => profile.set_entry(None),
        (_, Some(pc)) => profile.set_resumption(pc, None),
        (Some(header), None) => profile.set_osr_entry(header as usize, None),
    }
}

/// The interpreter asks at the next call or iteration.
pub(crate) fn ask_again(loaded: &LoadedProto, part: Part) {
    let profile = &loaded.proto.profile;
    if profile.is_bailed_out() {
        return;
    }
    match part {
        None => profile.stay_hot(),
        Some(at) if at & RESUMPTION != 0 => profile.stay_hot(),
        Some(header) => profile.set_site(header as usize, 1),
    }
}

/// Gives an entry to the interpreter, which enters it at the next call or iteration.
pub(crate) fn publish(loaded: &LoadedProto, part: Part, address: usize) {
    let profile = &loaded.proto.profile;
    if let Some(at) = part.filter(|at| at & RESUMPTION != 0) {
        let pc = (at & !RESUMPTION) as usize;
        return profile.set_resumption(pc, Some(as_resumption(address)));
    }
    let entry = as_entry(address);
    ask_again(loaded, part);
    let Some(header) = part else { return profile.set_entry(Some(entry)) };
    profile.set_osr_entry(header as usize, Some(entry));
    // Each iteration of the loops around it is now a return to the interpreter.
    for (last, instr) in loaded.proto.code.iter().enumerate() {
        let target = instr.word().jump_target(last);
        let Some(outer) = target.and_then(|to| usize::try_from(to).ok()) else { continue };
        let is_around = outer < header as usize && header as usize <= last;
        if is_around && profile.site(outer) > OUTER_ITERATIONS {
            profile.set_site(outer, OUTER_ITERATIONS);
        }
    }
}

/// The tags of the registers of the frame on top.
pub(crate) fn frame_tags(vm: &Vm, n_registers: u16) -> Vec<Tag> {
    // SAFETY: the VM asks with the function's frame on top, whose registers are valid values.
    unsafe {
        let base = (*vm.frame).base;
        (0..n_registers).map(|r| (*base.add(r.into())).tag()).collect()
    }
}

/// The code at an address as the compiled body of a generator.
fn as_resumption(address: usize) -> Resume {
    // SAFETY: the code at the address was compiled with this signature.
    unsafe { std::mem::transmute::<usize, Resume>(address) }
}

/// The code at an address as an entry.
fn as_entry(address: usize) -> Entry {
    // SAFETY: the code at the address was compiled with the signature of entries.
    unsafe { std::mem::transmute::<usize, Entry>(address) }
}
