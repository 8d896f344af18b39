//! Entries of typed functions for the interpreter: check and unbox the arguments, take the
//! frame record off, call, and box the result.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{self, AbiParam, InstBuilder, Signature, types};
use cranelift_codegen::isa::TargetIsa;
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use ruff_runtime::tier::Status;
use ruff_runtime::value::Tag;

use super::memory::trusted;
use super::{clif_type, entry_signature, typed_signature};
use crate::abi;
use crate::exit::EntryMeta;
use crate::helpers::Routine;
use crate::ir::Ty;

/// The tag of values of a type.
pub(crate) fn tag_of_ty(ty: Ty) -> Tag {
    match ty {
        Ty::Float => Tag::Float,
        Ty::Bool => Tag::Bool,
        Ty::Char => Tag::Str,
        Ty::Int | Ty::Word | Ty::None => Tag::Int,
    }
}

fn call_routine(
    b: &mut FunctionBuilder<'_>,
    isa: &dyn TargetIsa,
    routine: Routine,
    args: &[ir::Value],
) -> ir::Value {
    let mut signature = Signature::new(isa.default_call_conv());
    signature.params.extend(args.iter().map(|_| AbiParam::new(types::I64)));
    signature.returns.push(AbiParam::new(types::I64));
    let signature = b.import_signature(signature);
    let address = b.ins().iconst(types::I64, routine.address() as i64);
    let call = b.ins().call_indirect(signature, address, args);
    b.inst_results(call)[0]
}

fn ret(b: &mut FunctionBuilder<'_>, status: Status) {
    let status = b.ins().iconst(types::I32, status as i64);
    b.ins().return_(&[status]);
}

/// Writes the entry of the typed function at `address`.
pub(crate) fn lower_entry(
    isa: &dyn TargetIsa,
    address: *const u8,
    params: &[Option<Ty>],
    meta: &EntryMeta,
    (target, context): (&mut ir::Function, &mut FunctionBuilderContext),
) {
    target.signature = entry_signature(isa);
    let mut b = FunctionBuilder::new(target, context);
    let entry = b.create_block();
    b.append_block_params_for_function_params(entry);
    b.switch_to_block(entry);
    let (vm, base) = (b.block_params(entry)[0], b.block_params(entry)[1]);
    let (miss, stay) = (b.create_block(), b.create_block());
    b.set_cold_block(miss);
    b.set_cold_block(stay);
    let mut args = Vec::new();
    for (i, param) in params.iter().enumerate() {
        let Some(ty) = *param else { continue };
        let at = i as i32 * abi::VALUE_SIZE;
        let tag = b.ins().load(types::I64, trusted(), base, at + abi::TAG_OFFSET);
        let wanted = b.ins().iconst(types::I64, tag_of_ty(ty) as i64);
        let same = b.ins().icmp(IntCC::Equal, tag, wanted);
        let on = b.create_block();
        b.ins().brif(same, on, [].iter(), miss, [].iter());
        b.switch_to_block(on);
        args.push(b.ins().load(clif_type(ty), trusted(), base, at + abi::PAYLOAD_OFFSET));
    }
    let depth = call_routine(&mut b, isa, Routine::Enter, &[vm]);
    let left = b.ins().iconst(types::I64, abi::LEFT as i64);
    let must_stay = b.ins().icmp(IntCC::Equal, depth, left);
    let call = b.create_block();
    b.ins().brif(must_stay, stay, [].iter(), call, [].iter());

    b.switch_to_block(call);
    let typed: Vec<Ty> = params.iter().flatten().copied().collect();
    let signature = b.import_signature(typed_signature(&typed));
    let callee = b.ins().iconst(types::I64, address as i64);
    let mut all = vec![vm, base, depth];
    all.extend(args);
    let inst = b.ins().call_indirect(signature, callee, &all);
    let (payload, tag) = (b.inst_results(inst)[0], b.inst_results(inst)[1]);
    let raised = b.ins().iconst(types::I64, abi::RAISED as i64);
    let is_raised = b.ins().icmp(IntCC::Equal, tag, raised);
    let (error, done) = (b.create_block(), b.create_block());
    b.set_cold_block(error);
    b.ins().brif(is_raised, error, [].iter(), done, [].iter());
    b.switch_to_block(done);
    b.ins().store(trusted(), tag, vm, abi::CONTEXT_RESULT + abi::TAG_OFFSET);
    b.ins().store(trusted(), payload, vm, abi::CONTEXT_RESULT + abi::PAYLOAD_OFFSET);
    ret(&mut b, Status::Done);
    b.switch_to_block(error);
    ret(&mut b, Status::Raised);

    b.switch_to_block(miss);
    let meta = b.ins().iconst(types::I64, &raw const *meta as i64);
    call_routine(&mut b, isa, Routine::Miss, &[base, meta]);
    b.ins().jump(stay, [].iter());
    b.switch_to_block(stay);
    ret(&mut b, Status::Exited);
    b.seal_all_blocks();
    b.finalize(isa.frontend_config());
}
