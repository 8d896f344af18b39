//! What is kept for each function: its speculations, its typed entry, its installed code.

use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;

use ruff_runtime::objects::function::FunctionCode;

use crate::build::feedback::Feedback;
use crate::code::{CodeHeap, Piece, TypedCell};
use crate::exit::{Shared, StressCounter};
use crate::ir::Ty;
use crate::log::Log;
use crate::metas::Metas;
use crate::stats::Stats;

/// A loop by its header, or the whole function.
pub(crate) type Part = Option<u32>;

/// Code that is installed, with what it refers to.
pub(crate) struct Installed {
    pub pieces: Vec<Piece>,
    pub metas: Metas,
}

/// A typed function, as callers see it.
pub(crate) struct Typed {
    pub cell: Box<TypedCell>,
    pub params: Vec<Option<Ty>>,
}

/// What is kept for a function.
pub(crate) struct FunctionState {
    pub shared: Rc<Shared>,
    pub typed: Option<Typed>,
    /// Cells that lead to adapters; callers may still use them.
    pub older: Vec<Typed>,
    /// Code of adapters, which stay until all code goes.
    pub adapters: Vec<Piece>,
    /// Times that the function as a whole was left alone, for the sake of its loops.
    pub n_put_off: u32,
    pub recompilations: u32,
    /// Parts that are left to the interpreter.
    pub declined: HashSet<Part>,
    /// Parts that are being compiled.
    pub pending: HashSet<Part>,
    pub installed: HashMap<Part, Installed>,
    /// Parts of other functions that call this one and would be faster if it were typed.
    pub callers: HashSet<(*const FunctionCode, Part)>,
}

/// Exits at a site after which a recompilation for another reason gives it up too.
const EXITS_TO_GENERALISE: u32 = 4;

impl FunctionState {
    pub(crate) fn new(
        stats: &Rc<Stats>,
        stress: &Option<Arc<StressCounter>>,
        log: &Rc<Log>,
    ) -> FunctionState {
        let shared = Shared {
            feedback: Feedback::default(),
            is_stale: Cell::new(false),
            generation: Cell::new(0),
            stats: stats.clone(),
            stress: stress.clone(),
            log: log.clone(),
        };
        FunctionState {
            shared: Rc::new(shared),
            typed: None,
            older: Vec::new(),
            adapters: Vec::new(),
            n_put_off: 0,
            recompilations: 0,
            declined: HashSet::new(),
            pending: HashSet::new(),
            installed: HashMap::new(),
            callers: HashSet::new(),
        }
    }

    /// Before another recompilation: gives up the sites at which code was left repeatedly, the
    /// more eagerly the more often the function has been compiled.
    pub(crate) fn generalise(&self) {
        let least = EXITS_TO_GENERALISE.saturating_sub(self.recompilations).max(1);
        for installed in self.installed.values() {
            for exit in &installed.metas.exits {
                if exit.count.get() >= least {
                    exit.feedback().block(exit.site, exit.reason);
                }
            }
        }
    }

    /// The parameters of the next typed form, if there is one already: types are only given up,
    /// so that callers of older forms can be led to it. Registers say nothing about them, which
    /// may be those of a call that is on its way.
    pub(crate) fn known_params(&self) -> Option<Vec<Option<Ty>>> {
        let feedback = &self.shared.feedback;
        let kept = |(i, &ty)| Option::filter(ty, |_| feedback.may_type_param(i));
        self.typed.as_ref().map(|known| known.params.iter().enumerate().map(kept).collect())
    }
}

/// Code that has been replaced; freed when no frame of it can be active.
#[derive(Default)]
pub(crate) struct Retired(Vec<Installed>);

impl Retired {
    pub(crate) fn add(&mut self, installed: Installed) {
        self.0.push(installed);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Frees everything; no compiled frame may be active.
    pub(crate) fn free(&mut self, heap: &mut CodeHeap) {
        for piece in self.0.drain(..).flat_map(|installed| installed.pieces) {
            heap.free(piece);
        }
    }
}
