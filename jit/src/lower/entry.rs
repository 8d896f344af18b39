//! Entries of typed functions for the interpreter: check and unbox the arguments, take the
//! frame record off, call, and box the result.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{self, AbiParam, InstBuilder, Signature, types};
use cranelift_codegen::isa::TargetIsa;
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use ruff_runtime::mutant;
use ruff_runtime::tier::Status;
use ruff_runtime::value::Tag;

use super::memory::trusted;
use super::{clif_type, entry_signature, typed_signature};
use crate::abi;
use crate::code::CellAddress;
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

/// Writes the entry of the typed function that `cell` leads to.
pub(crate) fn lower_entry(
    isa: &dyn TargetIsa,
    cell: CellAddress,
    params: &[Option<Ty>],
    (meta, is_method, is_closure): (usize, bool, bool),
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
        let other = if mutant!("entry-unchecked") { on } else { miss };
        b.ins().brif(same, on, [].iter(), other, [].iter());
        b.switch_to_block(on);
        args.push(b.ins().load(clif_type(ty), trusted(), base, at + abi::PAYLOAD_OFFSET));
    }
    let depth = call_routine(&mut b, isa, Routine::Enter, &[vm]);
    let left = b.ins().iconst(types::I64, abi::LEFT as i64);
    let must_stay = b.ins().icmp(IntCC::Equal, depth, left);
    let call = b.create_block();
    b.ins().brif(must_stay, stay, [].iter(), call, [].iter());

    b.switch_to_block(call);
    let (depth, keeps) = if is_method {
        let keeps = b.ins().ushr_imm_u(depth, i64::from(abi::KEEP_SHIFT));
        let narrow = b.ins().ireduce(types::I32, depth);
        (b.ins().uextend(types::I64, narrow), Some(keeps))
    } else {
        (depth, None)
    };
    let typed: Vec<Ty> = params.iter().flatten().copied().collect();
    let signature = b.import_signature(typed_signature(&typed));
    let callee = entry_of(&mut b, cell);
    let mut all = vec![vm, base, depth];
    all.extend(args);
    let inst = b.ins().call_indirect(signature, callee, &all);
    let (payload, tag) = (b.inst_results(inst)[0], b.inst_results(inst)[1]);
    if let Some(keeps) = keeps {
        // The receiver is the caller's, or else to be released.
        let (release, on) = (b.create_block(), b.create_block());
        let no = if mutant!("receiver-kept") { on } else { release };
        let yes = if mutant!("receiver-released") { release } else { on };
        b.ins().brif(keeps, yes, [].iter(), no, [].iter());
        b.switch_to_block(release);
        call_routine(&mut b, isa, Routine::Release, &[base]);
        b.ins().jump(on, [].iter());
        b.switch_to_block(on);
    }
    if is_closure {
        let size = b.ins().iconst(types::I64, i64::from(abi::VALUE_SIZE));
        let below = b.ins().isub(base, size);
        call_routine(&mut b, isa, Routine::Release, &[below]);
    }
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
    let meta = b.ins().iconst(types::I64, meta as i64);
    call_routine(&mut b, isa, Routine::Miss, &[base, meta]);
    b.ins().jump(stay, [].iter());
    b.switch_to_block(stay);
    ret(&mut b, Status::Exited);
    b.seal_all_blocks();
    b.finalize(isa.frontend_config());
}

/// What a cell leads to now.
fn entry_of(b: &mut FunctionBuilder<'_>, cell: CellAddress) -> ir::Value {
    let cell = b.ins().iconst(types::I64, cell.0 as i64);
    b.ins().load(types::I64, trusted(), cell, 0)
}

/// Writes a typed function with parameters `from` that calls the one that `cell` leads to, whose
/// parameters are the same but for some that it takes in their home slots.
pub(crate) fn lower_adapter(
    isa: &dyn TargetIsa,
    from: &[Option<Ty>],
    (cell, to): (CellAddress, &[Option<Ty>]),
    (target, context): (&mut ir::Function, &mut FunctionBuilderContext),
) {
    let typed = |params: &[Option<Ty>]| -> Vec<Ty> { params.iter().flatten().copied().collect() };
    target.signature = typed_signature(&typed(from));
    let mut b = FunctionBuilder::new(target, context);
    let entry = b.create_block();
    b.append_block_params_for_function_params(entry);
    b.switch_to_block(entry);
    let params = b.block_params(entry).to_vec();
    let (base, mut args) = (params[1], params[..3].to_vec());
    let mut given = params[3..].iter().copied();
    for (i, (from, to)) in from.iter().zip(to).enumerate() {
        let Some(ty) = *from else { continue };
        let Some(value) = given.next() else { continue };
        if to.is_some() {
            args.push(value);
            continue;
        }
        let at = i as i32 * abi::VALUE_SIZE;
        let tag = b.ins().iconst(types::I64, tag_of_ty(ty) as i64);
        let word = if ty == Ty::Bool { b.ins().uextend(types::I64, value) } else { value };
        b.ins().store(trusted(), tag, base, at + abi::TAG_OFFSET);
        b.ins().store(trusted(), word, base, at + abi::PAYLOAD_OFFSET);
    }
    let callee = entry_of(&mut b, cell);
    let signature = b.import_signature(typed_signature(&typed(to)));
    let inst = b.ins().call_indirect(signature, callee, &args);
    let results = b.inst_results(inst).to_vec();
    b.ins().return_(&results);
    b.seal_all_blocks();
    b.finalize(isa.frontend_config());
}
