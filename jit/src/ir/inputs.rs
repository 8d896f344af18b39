//! What each operation reads, where it may leave, and whether it has effects.

use super::{ExitId, NodeId, Op};

impl Op {
    /// The nodes whose values it reads, besides those of its exit.
    pub fn inputs(&self) -> Vec<NodeId> {
        let mut inputs = Vec::new();
        self.clone().each_input(|input| inputs.push(*input));
        inputs
    }

    /// Calls `f` with the place of each node that it reads, besides those of its exit.
    pub fn each_input(&mut self, mut f: impl FnMut(&mut NodeId)) {
        match self {
            Op::Param | Op::Const(_) | Op::LoadSlot(_) | Op::LoadTag(_) | Op::Closure => {}
            Op::StoreNull(_) | Op::MoveSlot(..) | Op::RetainSlot(_) | Op::Release(_) => {}
            Op::Poll(_) | Op::Step(..) | Op::Direct(..) | Op::SlotAddr(_) => {}
            Op::EnterBody(_) | Op::LeaveBody | Op::OpenChain(..) | Op::LeaveChain => {}
            Op::Unshare(_) | Op::Room(_) | Op::Alloc(_) => {}
            Op::FloatFn(_, a) | Op::ToFloat(a) | Op::ToInt(a) | Op::Not(a) | Op::Code(a) => f(a),
            Op::StoreSlot(_, a) | Op::Retain(a) | Op::Load(a, _) | Op::LoadCount(a) => f(a),
            Op::Guard(a, _) | Op::Bits(a) | Op::CallTag(a) | Op::FromBits(a) => f(a),
            Op::Expect(a, _) | Op::BeginRequest(a, _) | Op::EndGenerator(a) => f(a),
            Op::Push(_, a, _) | Op::Load32(a, _) | Op::ReleaseAt(a, _) => f(a),
            Op::ReleaseFlat(a, _) => f(a),
            Op::Int(_, a, b)
            | Op::Checked(_, a, b, _)
            | Op::Float(_, a, b)
            | Op::ICmp(_, a, b)
            | Op::FCmp(_, a, b)
            | Op::Below(a, b)
            | Op::Or(a, b)
            | Op::StorePair(_, a, b)
            | Op::Store(a, _, b)
            | Op::ElemLoad(_, a, b)
            | Op::NoOperators(a, b, _)
            | Op::EndRequest(a, b)
            | Op::RetainPair(a, b)
            | Op::ReleasePair(a, b) => [a, b].into_iter().for_each(f),
            Op::Select(a, b, c) | Op::ElemStore(_, a, b, c) => [a, b, c].into_iter().for_each(f),
            Op::Help(_, args) => args.iter_mut().for_each(f),
            Op::Call(call) => call.args.iter_mut().for_each(f),
        }
    }

    /// The exits it may take.
    pub fn exits(&self) -> Vec<ExitId> {
        match self {
            Op::Checked(.., exit) | Op::Guard(_, exit) | Op::Poll(exit) => vec![*exit],
            Op::Push(_, _, exit) | Op::NoOperators(_, _, exit) | Op::Room(exit) => vec![*exit],
            Op::EnterBody(exit) | Op::Expect(_, exit) => vec![*exit],
            Op::OpenChain(_, _, _, exit) => vec![*exit],
            Op::Call(call) => {
                let after = call.expect.map(|(_, exit)| exit);
                std::iter::once(call.depth).chain(after).collect()
            }
            _ => vec![],
        }
    }

    /// Changes the exit that it may take, if there is just one.
    pub fn set_exit(&mut self, new: ExitId) {
        match self {
            Op::Checked(.., exit) | Op::Guard(_, exit) | Op::Poll(exit) => *exit = new,
            Op::Push(_, _, exit) | Op::NoOperators(_, _, exit) | Op::Room(exit) => *exit = new,
            Op::EnterBody(exit) | Op::Expect(_, exit) => *exit = new,
            Op::OpenChain(_, _, _, exit) => *exit = new,
            _ => {}
        }
    }

    /// Whether it may be dropped when nobody reads its value.
    pub fn is_pure(&self) -> bool {
        match self {
            Op::Const(_) | Op::Int(..) | Op::Float(..) | Op::FloatFn(..) | Op::ToFloat(_) => true,
            Op::ToInt(_) | Op::ICmp(..) | Op::Below(..) | Op::FCmp(..) | Op::Not(_) => true,
            Op::LoadSlot(_) | Op::LoadTag(_) | Op::Load(..) | Op::ElemLoad(..) => true,
            Op::LoadCount(_) | Op::SlotAddr(_) | Op::Bits(_) | Op::CallTag(_) => true,
            Op::FromBits(_)
            | Op::Select(..)
            | Op::Load32(..)
            | Op::Or(..)
            | Op::Closure
            | Op::Code(_) => true,
            Op::Param | Op::Checked(..) | Op::StoreSlot(..) | Op::StorePair(..) => false,
            Op::StoreNull(_) | Op::MoveSlot(..) | Op::RetainSlot(_) | Op::Retain(_) => false,
            Op::Release(_) | Op::Store(..) | Op::ElemStore(..) | Op::Guard(..) => false,
            Op::Poll(_) | Op::Step(..) | Op::Help(..) | Op::Call(_) | Op::Push(..) => false,
            Op::RetainPair(..) | Op::ReleaseAt(..) | Op::Unshare(_) => false,
            Op::NoOperators(..) | Op::Room(_) | Op::EnterBody(_) | Op::LeaveBody => false,
            Op::ReleasePair(..) | Op::ReleaseFlat(..) | Op::Direct(..) | Op::Alloc(_) => false,
            Op::Expect(..) | Op::BeginRequest(..) | Op::EndRequest(..) => false,
            Op::EndGenerator(_) | Op::OpenChain(..) | Op::LeaveChain => false,
        }
    }
}
