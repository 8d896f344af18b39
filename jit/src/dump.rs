//! The stages of a compilation as text, for `ruff dis`.

use std::sync::Arc;

use ruff_runtime::bytecode::{Const, FunctionProto};
use ruff_runtime::objects::function::{CallInfo, FunctionCode, LoadedProto};
use ruff_runtime::value::Value;

use crate::bailout::Bailout;
use crate::build::{self, EntryKind, Request, feedback::Feedback};
use crate::generator::Compiler;
use crate::ir::Form;
use crate::ir::print::print;
use crate::passes;

/// Stages of one compilation as text.
pub struct Dump {
    pub ir: String,
    pub clif: String,
    /// Machine code in the code generator's notation.
    pub asm: String,
}

/// Compiles a function that has not run: without feedback, so that only what follows from its
/// constants is typed.
///
/// # Errors
/// The reason why the compiler refuses the function.
pub fn compile_for_dump(proto: &Arc<FunctionProto>) -> Result<Dump, Bailout> {
    let consts: Box<[Value]> = proto.consts.iter().map(value_of).collect();
    let call = CallInfo {
        code: proto.code.as_ptr(),
        consts: consts.as_ptr(),
        site_delta: 0,
        slots: std::ptr::null_mut(),
        profile: &raw const proto.profile,
        exact_args: u32::MAX,
        n_registers: proto.n_registers.into(),
    };
    let (children, module) = (Box::default(), std::ptr::null());
    let code = FunctionCode {
        info: proto.info.clone(),
        file: proto.source.file.clone(),
        proto: Some(LoadedProto { call, proto: proto.clone(), consts, children, module }),
        tree: None,
        module,
        index: 0,
    };
    let (entry, form) = if proto.info.is_generator {
        (EntryKind::Resumed { pc: 0, tags: Vec::new() }, Form::Resumed)
    } else {
        (EntryKind::Framed { pc: 0, tags: Vec::new() }, Form::Framed)
    };
    let feedback = Feedback::default();
    let feedback_of = |_: *const FunctionCode| &raw const feedback;
    let request = Request {
        feedback_of: &feedback_of,
        bodies: &|_| None,
        chains: &|_, _, _| None,
        methods: &|_| Vec::new(),
        operators: &|_| None,
        fields: &|_| Vec::new(),
        code: &code,
        entry,
        feedback: &feedback,
        callees: &|_| None,
        is_eager: true,
    };
    let mut func = build::build(&request)?;
    passes::run(&mut func, false);
    let ir = print(&func);
    let (clif, asm) = Compiler::new().ok_or(Bailout::Backend)?.text_of(&func, form)?;
    Ok(Dump { ir, clif, asm })
}

fn value_of(value: &Const) -> Value {
    match value {
        Const::Null => Value::NULL,
        Const::Bool(v) => Value::bool(*v),
        Const::Int(v) => Value::int(*v),
        Const::Float(v) => Value::float(*v),
        Const::Str(text) => Value::str(text),
        Const::None => Value::NONE,
    }
}
