//! The little that depends on the machine: relocations and visibility of new code.

use cranelift_codegen::binemit::Reloc;

/// A byte that, repeated, is an instruction that traps.
#[cfg(target_arch = "x86_64")]
pub(crate) const TRAP: u8 = 0xcc;
/// A byte that, repeated, is an instruction that traps.
#[cfg(target_arch = "aarch64")]
pub(crate) const TRAP: u8 = 0;

/// Patches a call from `offset` to the start of its own function; false for other relocations.
pub(crate) fn patch_self_call(code: &mut [u8], kind: Reloc, offset: u32, addend: i64) -> bool {
    let at = offset as usize;
    let Some(word) = code.get_mut(at..at + 4) else { return false };
    let distance = addend - i64::from(offset);
    match kind {
        Reloc::X86CallPCRel4 => {
            word.copy_from_slice(&(distance as i32).to_le_bytes());
            true
        }
        Reloc::Arm64Call => {
            let old = u32::from_le_bytes([word[0], word[1], word[2], word[3]]);
            let field = (distance >> 2) as u32 & 0x03ff_ffff;
            word.copy_from_slice(&(old & 0xfc00_0000 | field).to_le_bytes());
            true
        }
        _ => false,
    }
}

/// Makes freshly written code visible to instruction fetch.
#[cfg(target_arch = "x86_64")]
pub(crate) fn make_visible(_start: *const u8, _len: usize) {}

/// Lets the present thread fetch code that another one made visible.
pub(crate) fn synchronise() {
    // SAFETY: a barrier.
    #[cfg(target_arch = "aarch64")]
    unsafe {
        std::arch::asm!("isb");
    }
}

/// Makes freshly written code visible to instruction fetch.
#[cfg(target_arch = "aarch64")]
pub fn make_visible(start: *const u8, len: usize) {
    use std::arch::asm;
    const LINE: usize = 16;
    let (from, to) = (start as usize & !(LINE - 1), start as usize + len);
    // SAFETY: cache maintenance of memory that is mapped.
    unsafe {
        for at in (from..to).step_by(LINE) {
            asm!("dc cvau, {0}", in(reg) at);
        }
        asm!("dsb ish");
        for at in (from..to).step_by(LINE) {
            asm!("ic ivau, {0}", in(reg) at);
        }
        asm!("dsb ish", "isb");
    }
}
