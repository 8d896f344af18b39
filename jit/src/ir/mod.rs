//! The compiler's own SSA form, between bytecode and CLIF.
//!
//! A function is a list of blocks of nodes. Values are unboxed ints, floats and bools, and words
//! (pointers, tags); everything else lives in the registers' home slots in the VM's window and
//! is moved by explicit slot nodes, in order. Blocks have parameters, edges pass arguments.
//! A node that can fail names an [`ExitSite`], which says how to go on in the interpreter.
//! Start reading at [`Op`].

mod inputs;
pub mod print;
pub mod verify;

use std::collections::HashMap;

use crate::exit_reason::ExitReason;

/// How a function is entered and left.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// By calls between compiled functions.
    Typed,
    /// By the interpreter, with a frame record on top.
    Framed,
    /// By requests to a generator, which it answers ([`ruff_runtime::tier::Resume`]).
    Resumed,
}

/// Index of a node.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct NodeId(pub u32);

/// Index of a block.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct BlockId(pub u32);

/// Index of an edge.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct EdgeId(pub u32);

/// Index of an exit site.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ExitId(pub u32);

/// The representation of a node's value.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Ty {
    /// An `i64` that is an int of the language.
    Int,
    /// An `f64`.
    Float,
    /// 0 or 1, in eight bits.
    Bool,
    /// A string of one ASCII character: its code, in eight bits.
    Char,
    /// A machine word: pointer, tag, length.
    Word,
    /// No value.
    None,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum IntOp {
    Add,
    Sub,
    Mul,
    /// Truncating; the divisor is neither 0 nor, with the least dividend, -1.
    Div,
    /// Sign of the dividend; as for `Div`.
    Rem,
    And,
    Or,
    Xor,
    /// Shifts by 0 to 63 bits.
    Shl,
    Shr,
    Ushr,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum FloatOp {
    Add,
    Sub,
    Mul,
    Div,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum FloatFn {
    Neg,
    Abs,
    Sqrt,
    Floor,
    Ceil,
}

/// Comparisons of the language.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Cond {
    Eq,
    Ne,
    Lt,
    Gt,
    Le,
    Ge,
}

impl Cond {
    /// The comparison with its operands exchanged.
    pub fn swapped(self) -> Cond {
        match self {
            Cond::Eq => Cond::Eq,
            Cond::Ne => Cond::Ne,
            Cond::Lt => Cond::Gt,
            Cond::Gt => Cond::Lt,
            Cond::Le => Cond::Ge,
            Cond::Ge => Cond::Le,
        }
    }

    /// The comparison that is true when this one is false, for ints.
    pub fn negated(self) -> Cond {
        match self {
            Cond::Eq => Cond::Ne,
            Cond::Ne => Cond::Eq,
            Cond::Lt => Cond::Ge,
            Cond::Gt => Cond::Le,
            Cond::Le => Cond::Gt,
            Cond::Ge => Cond::Lt,
        }
    }
}

/// How elements of an array lie in memory.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Elem {
    Int,
    Float,
    Bool,
    /// The tag word of a boxed element.
    TagWord,
    /// The payload word of a boxed element, read as the node's type.
    Payload,
}

/// Runtime helpers that nodes call in order; see `helpers`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Helper {
    /// `push(slot, tag, payload)`: appends in place; 0 if done, 1 if it declines.
    Push,
    /// `(code, window, closure)`: a closure over a window of the function that runs as `closure`.
    Closure,
    /// `()`: a cell.
    NewCell,
    /// `(slot, count)`: releases what a row of slots holds and leaves null.
    ReleaseRow,
    /// `new_struct(shape, fields)`: makes an instance; takes the fields out of their slots.
    NewStruct,
    /// `(text)`: the bytes of an ASCII text; 0 if it is not one.
    TextData,
    /// `(text, text)`: whether they are equal.
    TextEqual,
    /// `(text, text)`: negative, 0 or positive as the first is below, equal to or above.
    TextOrder,
    /// `(slot, text)`: appends to the text in a slot, in place if it has no other owner.
    TextAppend,
    /// `(slot, code)`: appends a character likewise.
    TextAppendChar,
    /// `(slot, text, text)`: puts the concatenation into a slot.
    TextConcat,
    /// `(slot, index slot, value slot, operator)`: changes the number at an index.
    UpdateIndex,
    /// `(slot, place, window, value slot, is_last)`: stores at a place.
    StorePlace,
    /// `(slot, place, window, value slot, operator)`: changes the number at a place.
    UpdatePlace,
    /// `(slot, place, window, slot)`: reads a place into the last slot.
    LoadPlace,
    /// `(slot, place, window, slot)`: moves the value at a place into the last slot, which holds
    /// the marker of the selected method.
    TakePlace,
    /// `(slot, place, window, slot)`: moves the content of the last slot to a place.
    PutPlace,
    /// `(array slot, item slot)`: takes the last element of an array, or null.
    TakeLast,
    /// `(dict, text)`: whether the dict has a function of its own under a name.
    DictHasOwn,
    /// `(first slot, count)`: an array of what is in a row of slots, which it leaves empty.
    NewArray,
    /// An array of a kind (its number) with so many elements, which are still to be written.
    NewUnboxed,
    /// `(slot)`: the length of a value, or [`crate::abi::NO_LENGTH`].
    Length,
    /// `(dict, int)`: the address of the value under a key, or 0; right until the dict changes.
    DictFindInt,
    /// `(dict, text)`: the same.
    DictFindText,
    /// `(dict, slot)`: the same, or [`crate::abi::NO_KEY`].
    DictFindAny,
    /// `(slot, int, value slot, is_last)`: sets the value under a key.
    DictSetInt,
    /// `(slot, text, value slot, is_last)`: the same.
    DictSetText,
    /// `(array slot, item slot)`: takes the last element of an array.
    Pop,
}

/// The compiled function that a call reaches.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Callee {
    /// The function under compilation, by its own typed entry.
    Itself,
    /// The typed entry that this cell holds.
    Cell(crate::code::CellAddress),
    /// The body of the generator that is the only argument, where it stands. The tag word of the
    /// result is [`crate::abi::ENDED`] if it has ended.
    Generator,
}

/// A call of compiled code.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Call {
    pub callee: Callee,
    /// The register where the callee's window starts.
    pub window: u16,
    pub args: Vec<NodeId>,
    pub pc: u32,
    /// Taken if there is no room for another call.
    pub depth: ExitId,
    /// The expected type of the result, and the exit after the call for others.
    pub expect: Option<(Ty, ExitId)>,
    /// The inlined frame that makes the call.
    pub frame: Option<FrameId>,
    /// An error that a handler of the function takes does not leave it: the tag word is
    /// [`crate::abi::RAISED`] then, and the payload the handler's pc.
    pub catches: bool,
}

/// What a node does.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Op {
    /// A parameter of its block.
    Param,
    /// The bits of a constant of the node's type.
    Const(u64),
    Int(IntOp, NodeId, NodeId),
    /// Add, subtract, multiply; exits on overflow.
    Checked(IntOp, NodeId, NodeId, ExitId),
    Float(FloatOp, NodeId, NodeId),
    FloatFn(FloatFn, NodeId),
    ToFloat(NodeId),
    /// Truncates a float that is known to be in range.
    ToInt(NodeId),
    /// Compares ints, words or bools (as signed numbers).
    ICmp(Cond, NodeId, NodeId),
    /// Whether the first word is below the second, unsigned.
    Below(NodeId, NodeId),
    FCmp(Cond, NodeId, NodeId),
    Not(NodeId),
    /// Of bools.
    Or(NodeId, NodeId),
    /// The second value if the first, a bool, is true; else the third. Words.
    Select(NodeId, NodeId, NodeId),
    /// The payload of a register's home slot, as the node's type.
    LoadSlot(u16),
    /// The tag word of a register's home slot.
    LoadTag(u16),
    /// Boxes a typed value into a home slot, which held nothing that needs a release.
    StoreSlot(u16, NodeId),
    /// Writes tag word and payload word of a home slot.
    StorePair(u16, NodeId, NodeId),
    /// Empties a home slot: its tag becomes null, its payload stays as it is.
    StoreNull(u16),
    /// Moves the content of the second home slot to the first and leaves null.
    MoveSlot(u16, u16),
    /// Takes one more count of the object in a home slot, if it holds one.
    RetainSlot(u16),
    /// Takes one more count of an object.
    Retain(NodeId),
    /// Takes one more count of what a tag word and a payload word mean, if it is an object.
    RetainPair(NodeId, NodeId),
    /// Releases what a home slot holds and leaves null.
    Release(u16),
    /// The word at a pointer plus offset; `Ty::Bool` reads a byte.
    Load(NodeId, i32),
    /// The 32-bit word at a pointer plus offset.
    Load32(NodeId, i32),
    /// A block of so many bytes, of a class of the free lists.
    Alloc(u32),
    /// Releases the value at a pointer plus offset, which is then overwritten.
    ReleaseAt(NodeId, i32),
    /// Makes a home slot, which holds a struct, the only owner of it; the value is the struct.
    Unshare(u16),
    /// Leaves if tag and payload words are a struct with operator methods.
    NoOperators(NodeId, NodeId, ExitId),
    /// Stores a word at a pointer plus offset.
    Store(NodeId, i32, NodeId),
    /// Stores through `Elem`: data, index, value.
    ElemStore(Elem, NodeId, NodeId, NodeId),
    /// Data, index.
    ElemLoad(Elem, NodeId, NodeId),
    /// The 32-bit count of an object.
    LoadCount(NodeId),
    /// The closure that runs: that of the frame on top, or the one below the window.
    Closure,
    /// Leaves if there is no room for the frames of the inlined calls.
    Room(ExitId),
    /// What follows counts as done by a native; leaves if there is no room for that.
    EnterBody(ExitId),
    /// Ends what `EnterBody` began.
    LeaveBody,
    /// Takes the iterator in a slot apart if it has the shape at this address, into the slots from
    /// the last one on; what follows counts as done by a native. Leaves if that cannot be.
    OpenChain(u16, u64, u16, ExitId),
    /// Ends what `OpenChain` began.
    LeaveChain,
    /// Goes on only if the bool is true; else the interpreter answers the request, which has not
    /// begun yet.
    Expect(NodeId, ExitId),
    /// The generator runs from here on, unless the interpreter has to answer the request. These
    /// saved registers own nothing afterwards.
    BeginRequest(NodeId, Vec<u16>),
    /// The generator goes on at the instruction with this address at the next request.
    EndRequest(NodeId, NodeId),
    /// The generator has ended.
    EndGenerator(NodeId),
    /// Goes on only if the bool is true.
    Guard(NodeId, ExitId),
    /// Exits if an interrupt is pending.
    Poll(ExitId),
    /// Runs one instruction through the interpreter; its value is the next pc, if the flag is set
    /// perhaps that of a handler. Other errors return from the function.
    Step(u32, bool),
    /// Runs one instruction that needs no frame, straight on the window; as for `Step`.
    Direct(u32, Option<FrameId>, bool),
    /// A runtime helper; the value is its result word. Arguments are words.
    Help(Helper, Vec<NodeId>),
    /// The code of a character as an int.
    Code(NodeId),
    /// Releases what a tag word and a payload word mean, if it is an object.
    ReleasePair(NodeId, NodeId),
    /// Gives up a count of a struct whose fields hold no objects, with a block of so many bytes.
    ReleaseFlat(NodeId, u32),
    /// The address of a home slot.
    SlotAddr(u16),
    /// The bits of a value as a word.
    Bits(NodeId),
    /// Calls compiled code; the value is the payload word.
    Call(Box<Call>),
    /// Appends a typed value to the array in a home slot, which is known to hold one.
    Push(u16, NodeId, ExitId),
    /// The tag word that came with the payload of the call right before.
    CallTag(NodeId),
    /// The word of a call as a value of the node's type.
    FromBits(NodeId),
}

#[derive(Clone, Debug)]
pub struct Node {
    pub op: Op,
    pub ty: Ty,
}

/// An edge: target and arguments.
#[derive(Clone, Debug, Default)]
pub struct Edge {
    pub to: Option<BlockId>,
    pub args: Vec<NodeId>,
}

/// How a block ends.
#[derive(Clone, Debug)]
pub enum Term {
    /// Not finished yet; never in a verified function.
    Open,
    Jump(EdgeId),
    Branch(NodeId, EdgeId, EdgeId),
    /// Returns payload and tag word.
    Return(NodeId, NodeId),
    /// Leaves for the interpreter.
    Exit(ExitId),
}

#[derive(Clone, Debug)]
pub struct Block {
    pub params: Vec<NodeId>,
    pub nodes: Vec<NodeId>,
    pub term: Term,
    /// The bytecode it came from.
    pub pc: u32,
    /// Entered by a back edge.
    pub is_loop: bool,
}

/// Where an exit finds the value of a register.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Source {
    /// An unboxed node.
    Node(NodeId),
    /// The home slot of another register, from which it is moved.
    Slot(u16),
    /// The home slot of another register, which keeps it too.
    Copy(u16),
    /// The payload and tag words of a call's result.
    Pair(NodeId, NodeId),
    /// Payload and tag words with their count. As with nodes, nothing in the slot is released;
    /// this holds for those that follow too.
    Owned(NodeId, NodeId),
    /// Payload and tag words, of which the exit takes a count.
    Shared(NodeId, NodeId),
    /// Null.
    Null,
    /// A new instance of the shape at this address; so many fields follow.
    Fresh(u64, u16),
    /// Payload and tag words of a field, which is no object.
    Field(NodeId, NodeId),
}

/// What is known of the instances of a shape.
#[derive(Clone, Copy, Debug)]
pub struct Instance {
    pub n_fields: u16,
    /// The address of the declaration, if code may contain it.
    pub def: u64,
}

impl Source {
    /// Calls `f` with the place of each node that is written.
    pub fn each_node(&mut self, mut f: impl FnMut(&mut NodeId)) {
        match self {
            Source::Node(node) => f(node),
            Source::Pair(payload, tag)
            | Source::Owned(payload, tag)
            | Source::Field(payload, tag)
            | Source::Shared(payload, tag) => [payload, tag].into_iter().for_each(f),
            Source::Slot(_) | Source::Copy(_) | Source::Null | Source::Fresh(..) => {}
        }
    }

    /// The nodes that are written.
    pub fn nodes(mut self) -> Vec<NodeId> {
        let mut nodes = Vec::new();
        self.each_node(|node| nodes.push(*node));
        nodes
    }
}

/// Index of an inlined frame.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct FrameId(pub u32);

/// A call that was inlined: what its frame would be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct InlinedFrame {
    /// The address of the `FunctionCode`.
    pub code: usize,
    /// Where its registers start among those of the function under compilation.
    pub window: u16,
    /// The inlined frame that made the call; else the function under compilation.
    pub caller: Option<FrameId>,
    /// The call in the caller.
    pub call_pc: u32,
    /// The register that owns the closure that runs, if it has captured variables.
    pub closure: Option<u16>,
    /// That register keeps its count; the frame takes one of its own.
    pub borrows_closure: bool,
    /// The receiver survives the frame.
    pub keeps_receiver: bool,
    /// What a native does: no call for depth and tracebacks.
    pub is_body: bool,
    /// What ends a chain of lazy stages, which is a body too.
    pub is_chain: bool,
}

/// How to go on in the interpreter: resume at `pc` after writing these registers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ExitSite {
    pub pc: u32,
    /// The instruction whose speculation failed (where exits are counted).
    pub site: u32,
    pub reason: ExitReason,
    pub writes: Vec<(u16, Source)>,
    /// The inlined frame that `pc` belongs to.
    pub frame: Option<FrameId>,
}

/// A function under compilation.
#[derive(Default)]
pub struct Func {
    pub nodes: Vec<Node>,
    pub blocks: Vec<Block>,
    pub edges: Vec<Edge>,
    pub exits: Vec<ExitSite>,
    pub frames: Vec<InlinedFrame>,
    /// Calls inlined into each other at most.
    pub inline_depth: u32,
    /// It is what ends a chain of lazy stages, with a frame record of its own.
    pub is_chain: bool,
    /// Registers, with those of inlined calls.
    pub n_registers: u16,
    /// Instances, by the number of their shape and by its address.
    pub instances: HashMap<u64, Instance>,
    /// Types of the typed entry's parameters and the entry block's parameters.
    pub params: Vec<Ty>,
}

impl Func {
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0 as usize]
    }

    pub fn ty(&self, id: NodeId) -> Ty {
        self.node(id).ty
    }

    pub fn block(&self, id: BlockId) -> &Block {
        &self.blocks[id.0 as usize]
    }

    pub fn edge(&self, id: EdgeId) -> &Edge {
        &self.edges[id.0 as usize]
    }

    /// Calls inlined around a frame, with its own.
    pub fn depth_of(&self, frame: Option<FrameId>) -> u32 {
        let mut depth = 0;
        let mut at = frame;
        while let Some(id) = at {
            let frame = &self.frames[id.0 as usize];
            depth += u32::from(!frame.is_body);
            at = frame.caller;
        }
        depth
    }

    pub fn new_block(&mut self, pc: u32) -> BlockId {
        let (params, nodes) = (Vec::new(), Vec::new());
        self.blocks.push(Block { params, nodes, term: Term::Open, pc, is_loop: false });
        BlockId(self.blocks.len() as u32 - 1)
    }

    pub fn new_edge(&mut self) -> EdgeId {
        self.edges.push(Edge::default());
        EdgeId(self.edges.len() as u32 - 1)
    }

    pub fn new_node(&mut self, op: Op, ty: Ty) -> NodeId {
        self.nodes.push(Node { op, ty });
        NodeId(self.nodes.len() as u32 - 1)
    }

    /// The edges out of a block.
    pub fn edges_of(&self, block: BlockId) -> Vec<EdgeId> {
        match self.block(block).term {
            Term::Jump(edge) => vec![edge],
            Term::Branch(_, yes, no) => vec![yes, no],
            Term::Open | Term::Return(..) | Term::Exit(_) => Vec::new(),
        }
    }
}

impl Helper {
    /// Whether it only looks something up.
    pub fn is_lookup(self) -> bool {
        matches!(self, Helper::DictFindInt | Helper::DictFindText)
    }
}
