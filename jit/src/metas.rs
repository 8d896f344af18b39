//! The descriptions that compiled code refers to: who makes them and who owns them.
//!
//! The program's thread makes them before code is generated and keeps them as long as the code;
//! the code generator, perhaps on another thread, only writes their addresses into the code.

use ruff_runtime::mutant;
use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use ruff_runtime::interp::flags;
use ruff_runtime::objects::function::FunctionCode;

use crate::exit::{EntryMeta, ExitMeta, FrameMeta, InlinedMeta, Shared, StressCounter};
use crate::exit_reason::ExitReason;
use crate::ir::{ExitId, Form, FrameId, Func, InlinedFrame};
use crate::lower::write_kind;

/// The descriptions of one compiled form.
pub(crate) struct Metas {
    pub frame: Box<FrameMeta>,
    /// One per inlined call.
    frames: Box<[FrameMeta]>,
    /// One per exit site.
    pub exits: Box<[ExitMeta]>,
    /// As `exits`, with the reason `Stress`; empty unless exits are stressed.
    stress_exits: Box<[ExitMeta]>,
    /// For typed functions.
    pub entry: Option<Box<EntryMeta>>,
}

/// Where the descriptions of one compiled form are.
#[derive(Clone, Default)]
pub(crate) struct MetaAddresses {
    pub frame: usize,
    frames: usize,
    exits: usize,
    stress_exits: usize,
    /// Counts down to a forced exit.
    pub stress: Option<Arc<StressCounter>>,
}

impl MetaAddresses {
    /// Of an inlined call.
    pub(crate) fn inlined(&self, frame: FrameId) -> usize {
        self.frames + frame.0 as usize * size_of::<FrameMeta>()
    }

    /// Of an exit.
    pub(crate) fn exit(&self, exit: ExitId, is_stress: bool) -> usize {
        let first = if is_stress { self.stress_exits } else { self.exits };
        first + exit.0 as usize * size_of::<ExitMeta>()
    }
}

impl Metas {
    pub(crate) fn new(
        func: &Func,
        code: *const FunctionCode,
        form: Form,
        shared_of: &mut dyn FnMut(*const FunctionCode) -> Rc<Shared>,
        is_stressed: bool,
    ) -> Metas {
        let shared = shared_of(code);
        let frame = Box::new(FrameMeta { code, form, shared, inlined: None });
        let frames = inlined_metas(func, &frame, shared_of);
        let exits = exit_metas(func, (&frame, &frames), false);
        let stress_exits =
            if is_stressed { exit_metas(func, (&frame, &frames), true) } else { Box::default() };
        Metas { frame, frames, exits, stress_exits, entry: None }
    }

    pub(crate) fn addresses(&self, stress: Option<Arc<StressCounter>>) -> MetaAddresses {
        MetaAddresses {
            frame: std::ptr::from_ref(&*self.frame) as usize,
            frames: self.frames.as_ptr() as usize,
            exits: self.exits.as_ptr() as usize,
            stress_exits: self.stress_exits.as_ptr() as usize,
            stress,
        }
    }
}

/// The flags of the frame that the interpreter gets for an inlined call.
fn frame_flags(frame: &InlinedFrame) -> u64 {
    match (frame.is_body, frame.keeps_receiver) {
        (true, _) if frame.is_chain => flags::BODY | flags::CHAIN,
        (true, _) if mutant!("frame-flags") => flags::USER,
        (true, _) => flags::BODY,
        (false, true) => flags::USER | flags::KEEP_RECEIVER,
        (false, false) => flags::USER,
    }
}

fn inlined_metas(
    func: &Func,
    root: &FrameMeta,
    shared_of: &mut dyn FnMut(*const FunctionCode) -> Rc<Shared>,
) -> Box<[FrameMeta]> {
    // Descriptions point to each other, so the vector must not grow.
    let mut metas: Vec<FrameMeta> = Vec::with_capacity(func.frames.len());
    for frame in &func.frames {
        let caller = frame.caller.map_or(&raw const *root, |id| &raw const metas[id.0 as usize]);
        let inlined = Some(InlinedMeta {
            caller,
            call_pc: frame.call_pc,
            window: frame.window,
            closure: frame.closure,
            borrows_closure: frame.borrows_closure,
            flags: frame_flags(frame),
        });
        let code = frame.code as *const FunctionCode;
        metas.push(FrameMeta { code, form: Form::Typed, shared: shared_of(code), inlined });
    }
    metas.into_boxed_slice()
}

fn exit_metas(
    func: &Func,
    (root, frames): (&FrameMeta, &[FrameMeta]),
    is_stress: bool,
) -> Box<[ExitMeta]> {
    let metas = func.exits.iter().map(|exit| {
        let writes = exit.writes.iter().map(|&(reg, source)| {
            (reg + u16::from(mutant!("exit-wrong-slot")), write_kind(func, source).0)
        });
        let writes = writes.collect();
        let reason = if is_stress { ExitReason::Stress } else { exit.reason };
        // A forced exit at a loop header resumes behind it, or it would come back at once.
        let skips_header = is_stress && exit.reason == ExitReason::Interrupt;
        let pc = exit.pc + u32::from(skips_header || mutant!("exit-wrong-pc"));
        let frame = exit.frame.map_or(&raw const *root, |id| &raw const frames[id.0 as usize]);
        let (site, count) = (exit.site, Cell::new(0));
        ExitMeta { frame, pc, site, reason, writes, count }
    });
    metas.collect()
}
