//! From IR to CLIF.
//!
//! Two forms of functions: typed ones take the VM, the window, the call depth and unboxed
//! arguments, and return payload and tag words; framed ones are entries for the interpreter,
//! take the VM and the window and return a status. All checked arithmetic goes through
//! [`emit`]; exits become cold blocks in [`exits`].
//! Start reading at [`lower`].

mod arrays;
mod calls;
mod cold;
mod dicts;
mod emit;
mod entry;
mod exits;
mod free;
mod generators;
mod memory;
mod nodes;
mod texts;

use std::collections::HashMap;

use cranelift_codegen::ir::{
    self, AbiParam, BlockArg, ExtFuncData, ExternalName, InstBuilder, Signature, UserExternalName,
    types,
};
use cranelift_codegen::isa::{CallConv, TargetIsa};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};

use crate::abi;
use crate::ir::{BlockId, EdgeId, ExitId, Form, Func, NodeId, Term, Ty};
use crate::metas::MetaAddresses;

pub(crate) use cold::{Cold, ColdRoutine, Places, lower_trampoline};
pub(crate) use entry::{lower_adapter, lower_entry, tag_of_ty};
pub(crate) use exits::write_kind;
pub(crate) use free::lower_release;

/// What the lowering needs besides the IR.
pub(crate) struct Input<'a> {
    pub func: &'a Func,
    pub isa: &'a dyn TargetIsa,
    pub form: Form,
    /// Where the descriptions of the function and its exits are.
    pub metas: MetaAddresses,
    pub cold: &'a Cold,
}

/// Blocks at the end of cold paths, made when first needed.
#[derive(Default)]
struct Tails {
    /// Leaves by the exit whose description is its parameter.
    exit: Option<ir::Block>,
    /// A call left an error in the context; its parameters are frame description and pc.
    raised: Option<ir::Block>,
    /// Returns what the exit buffer says.
    left: Option<ir::Block>,
}

pub(crate) struct Lowering<'a, 'b> {
    input: &'a Input<'a>,
    func: &'a Func,
    b: FunctionBuilder<'b>,
    blocks: Vec<ir::Block>,
    values: HashMap<NodeId, ir::Value>,
    /// Tag words of calls.
    tags: HashMap<NodeId, ir::Value>,
    vm: ir::Value,
    base: ir::Value,
    depth: ir::Value,
    itself: Option<ir::FuncRef>,
    /// Cold blocks to be filled in at the end, by exit and whether it is a stress exit.
    exit_blocks: HashMap<(ExitId, bool), ir::Block>,
    exit_order: Vec<(ExitId, bool)>,
    /// Ends that cold blocks share.
    tails: Tails,
}

/// The signature of a typed function.
pub(crate) fn typed_signature(params: &[Ty]) -> Signature {
    let mut signature = Signature::new(CallConv::Fast);
    for _ in 0..3 {
        signature.params.push(AbiParam::new(types::I64));
    }
    signature.params.extend(params.iter().map(|&ty| AbiParam::new(clif_type(ty))));
    signature.returns.push(AbiParam::new(types::I64));
    signature.returns.push(AbiParam::new(types::I64));
    signature
}

/// The signature of an entry for the interpreter.
pub(crate) fn entry_signature(isa: &dyn TargetIsa) -> Signature {
    let mut signature = Signature::new(isa.default_call_conv());
    signature.params.push(AbiParam::new(types::I64));
    signature.params.push(AbiParam::new(types::I64));
    signature.returns.push(AbiParam::new(types::I32));
    signature
}

/// The signature of the compiled body of a generator.
pub(crate) fn resumed_signature(isa: &dyn TargetIsa) -> Signature {
    let mut signature = Signature::new(isa.default_call_conv());
    signature.params.extend([AbiParam::new(types::I64); 4]);
    signature.returns.extend([AbiParam::new(types::I64); 2]);
    signature
}

pub(crate) fn clif_type(ty: Ty) -> ir::Type {
    match ty {
        Ty::Int | Ty::Word | Ty::None => types::I64,
        Ty::Float => types::F64,
        Ty::Bool | Ty::Char => types::I8,
    }
}

/// Writes the function into `target`.
pub(crate) fn lower(
    input: &Input<'_>,
    target: &mut ir::Function,
    context: &mut FunctionBuilderContext,
) {
    target.signature = match input.form {
        Form::Framed => entry_signature(input.isa),
        Form::Typed => typed_signature(&input.func.params),
        Form::Resumed => resumed_signature(input.isa),
    };
    let mut b = FunctionBuilder::new(target, context);
    let blocks: Vec<ir::Block> = input.func.blocks.iter().map(|_| b.create_block()).collect();
    let entry = b.create_block();
    b.append_block_params_for_function_params(entry);
    b.switch_to_block(entry);
    let params = b.block_params(entry).to_vec();
    let depth = if input.form == Form::Framed {
        let flags = memory::trusted();
        let depth = b.ins().load(types::I32, flags, params[0], abi::CONTEXT_DEPTH);
        b.ins().uextend(types::I64, depth)
    } else {
        params[2]
    };
    let args: Vec<BlockArg> = params.iter().skip(3).map(|&p| p.into()).collect();
    b.ins().jump(blocks[0], args.iter());
    let mut lowering = Lowering {
        input,
        func: input.func,
        b,
        blocks,
        values: HashMap::new(),
        tags: HashMap::new(),
        vm: params[0],
        base: params[1],
        depth,
        itself: None,
        exit_blocks: HashMap::new(),
        exit_order: Vec::new(),
        tails: Tails::default(),
    };
    lowering.run();
    lowering.finish_exits();
    lowering.b.seal_all_blocks();
    lowering.b.finalize(input.isa.frontend_config());
}

impl Lowering<'_, '_> {
    fn run(&mut self) {
        let func = self.func;
        for (i, block) in func.blocks.iter().enumerate() {
            for &param in &block.params {
                let value = self.b.append_block_param(self.blocks[i], clif_type(func.ty(param)));
                self.values.insert(param, value);
            }
        }
        for i in reachable(func) {
            let block = func.block(i);
            self.b.switch_to_block(self.blocks[i.0 as usize]);
            for &node in &block.nodes {
                self.node(node);
            }
            self.term(&block.term);
        }
    }

    fn term(&mut self, term: &Term) {
        match term {
            Term::Open => {
                self.left_return();
            }
            Term::Jump(edge) => {
                let (to, args) = self.edge(*edge);
                self.b.ins().jump(to, args.iter());
            }
            Term::Branch(cond, yes, no) => {
                let cond = self.value(*cond);
                let (yes, yes_args) = self.edge(*yes);
                let (no, no_args) = self.edge(*no);
                self.b.ins().brif(cond, yes, yes_args.iter(), no, no_args.iter());
            }
            Term::Return(payload, tag) => self.ret(*payload, *tag),
            Term::Exit(exit) => {
                let block = self.exit_block(*exit, false);
                self.b.ins().jump(block, [].iter());
            }
        }
    }

    fn edge(&mut self, edge: EdgeId) -> (ir::Block, Vec<BlockArg>) {
        let edge = self.func.edge(edge);
        let to = edge.to.unwrap_or(BlockId(0));
        let args = edge.args.iter().map(|&arg| self.values[&arg].into()).collect();
        (self.blocks[to.0 as usize], args)
    }

    fn value(&self, node: NodeId) -> ir::Value {
        self.values[&node]
    }

    /// The function itself, for direct recursion.
    fn itself(&mut self) -> ir::FuncRef {
        if let Some(known) = self.itself {
            return known;
        }
        let signature = self.b.import_signature(typed_signature(&self.func.params));
        let name =
            self.b.func.declare_imported_user_function(UserExternalName { namespace: 0, index: 0 });
        let data = ExtFuncData {
            name: ExternalName::user(name),
            signature,
            colocated: true,
            patchable: false,
        };
        let itself = self.b.import_function(data);
        self.itself = Some(itself);
        itself
    }
}

/// The reachable blocks, each after one of its predecessors and, but for back edges, all of
/// them.
pub(crate) fn reachable(func: &Func) -> Vec<BlockId> {
    let mut order = Vec::new();
    let mut seen = vec![false; func.blocks.len()];
    let mut stack = vec![(BlockId(0), false)];
    while let Some((block, is_done)) = stack.pop() {
        if is_done {
            order.push(block);
            continue;
        }
        if std::mem::replace(&mut seen[block.0 as usize], true) {
            continue;
        }
        stack.push((block, true));
        for edge in func.edges_of(block) {
            if let Some(to) = func.edge(edge).to
                && !seen[to.0 as usize]
            {
                stack.push((to, false));
            }
        }
    }
    order.reverse();
    order
}
