//! The syntax tree: plain data with a span on every node, no values and no meaning.
//!
//! Every expression, name and block carries a [`NodeId`], dense within one file, so that the
//! resolver and other analyses keep their facts in side tables instead of in the tree.
//!
//! **Depth.** Two things are long without being nested: left-leaning chains of binary operators
//! and postfix steps (up to `parser::MAX_CHAIN` = 10,000 links, see [`Expr::left`]) and
//! `else if` chains (no limit). Code that walks the tree must walk these in a loop. Everything
//! else may recurse: brackets and prefix operators are at most `parser::MAX_TOTAL_NESTING` deep
//! counted through all enclosing blocks, blocks at most `parser::MAX_BLOCKS`.

use std::mem;
use std::sync::Arc;

use super::source::Span;

/// Identifies a node within one file; ids are dense and start at 0.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub struct NodeId(pub u32);

impl NodeId {
    /// The id as an index into a side table.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A parsed file.
#[derive(Debug, Clone)]
pub struct File {
    pub body: Block,
    /// Number of node ids handed out; side tables have this length.
    pub n_nodes: u32,
}

/// An identifier where it is written.
#[derive(Debug, Clone)]
pub struct Ident {
    pub name: Arc<str>,
    pub span: Span,
    pub id: NodeId,
}

/// `{ ... }`, or the whole file.
#[derive(Debug, Clone)]
pub struct Block {
    pub id: NodeId,
    pub stmts: Vec<Stmt>,
    pub span: Span,
}

#[derive(Debug, Clone)]
pub struct Stmt {
    pub kind: StmtKind,
    pub span: Span,
}

#[derive(Debug, Clone)]
pub enum StmtKind {
    Expr(Expr),
    /// `let p := e`, `let mut p := e`, `mut p := e`.
    Let {
        pattern: Pattern,
        ty: Option<Type>,
        value: Expr,
    },
    Const {
        name: Ident,
        ty: Option<Type>,
        value: Expr,
    },
    /// `place := e`; a bare name may create its variable.
    Assign {
        place: Place,
        ty: Option<Type>,
        value: Expr,
    },
    /// `[a, b] := e` and `{a, b} := e` without a keyword.
    Destructure {
        pattern: Pattern,
        value: Expr,
    },
    /// `place op= e`; `op_span` is the position of an operator error.
    Compound {
        place: Place,
        op: BinaryOp,
        op_span: Span,
        value: Expr,
    },
    Func {
        name: Ident,
        func: Arc<Func>,
    },
    Struct(Arc<StructDecl>),
    Enum(EnumDecl),
    Import(Import),
    /// `export` before one of the declaring statements.
    Export(Box<Stmt>),
    If {
        cond: Expr,
        then: Block,
        otherwise: Option<Box<Else>>,
    },
    /// `while c {}` and `loop while c {}`.
    While {
        cond: Expr,
        body: Block,
    },
    Loop {
        body: Block,
    },
    /// `for_span` is the keyword: the position of "Cannot iterate over".
    For {
        for_span: Span,
        pattern: Pattern,
        iterable: Expr,
        body: Block,
    },
    Match(Match),
    Try {
        body: Block,
        name: Option<Ident>,
        handler: Block,
    },
    Return {
        value: Option<Expr>,
    },
    Break,
    Continue,
    Test(Test),
}

#[derive(Debug, Clone)]
#[allow(clippy::large_enum_variant, reason = "always boxed by the statement that owns it")]
pub enum Else {
    /// A statement whose kind is `If`.
    If(Stmt),
    Block(Block),
}

#[derive(Debug, Clone)]
pub struct Import {
    pub span: Span,
    /// `["a", "b"]` for `from a.b import …`; one element for `import a`.
    pub path: Vec<Ident>,
    pub what: ImportWhat,
}

#[derive(Debug, Clone)]
pub enum ImportWhat {
    /// `import m`: declares every export and the module name itself.
    /// `id` keys the resolver's list of declared variables.
    Module { id: NodeId },
    /// `from m import a, b`.
    Names(Vec<Ident>),
}

#[derive(Debug, Clone)]
pub struct Test {
    pub kind: TestKind,
    pub body: Block,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TestKind {
    Test(Arc<str>),
    Group(Arc<str>),
    Setup,
    Teardown,
}

#[derive(Debug, Clone)]
pub struct Match {
    pub subject: Expr,
    /// In text order, `default` not among them.
    pub cases: Vec<Case>,
    pub default: Option<Block>,
}

#[derive(Debug, Clone)]
pub struct Case {
    /// At least one; more than one is `A | B`.
    pub patterns: Vec<CasePattern>,
    pub guard: Option<Expr>,
    /// The bindings of the pattern are declared in this block.
    pub body: Block,
}

#[derive(Debug, Clone)]
pub struct CasePattern {
    pub kind: CasePatternKind,
    pub span: Span,
}

#[derive(Debug, Clone)]
pub enum CasePatternKind {
    Wildcard,
    /// A literal; a number's sign is already applied.
    Literal(Literal),
    /// `Name` or `Name(...)`: `binds` is `None` without parentheses.
    Name {
        name: Ident,
        binds: Option<Vec<Bind>>,
    },
    /// `E::V` or `E::V(...)`.
    Variant {
        enum_name: Ident,
        variant: Ident,
        binds: Option<Vec<Bind>>,
    },
}

/// A name bound by a pattern, or `_` (`None`).
pub type Bind = Option<Ident>;

/// Target of a destructuring, loop or `let`.
#[derive(Debug, Clone)]
pub enum Pattern {
    Name(Ident),
    Wildcard(Span),
    Array { items: Vec<Pattern>, rest: Option<Bind>, span: Span },
    Dict { items: Vec<Ident>, rest: Option<Bind>, span: Span },
}

/// A variable or `self`, followed by steps.
#[derive(Debug, Clone)]
pub struct Place {
    pub root: PlaceRoot,
    pub steps: Vec<Step>,
    pub span: Span,
}

#[derive(Debug, Clone)]
pub enum PlaceRoot {
    Name(Ident),
    SelfRef { span: Span, id: NodeId },
}

#[derive(Debug, Clone)]
pub enum Step {
    Field(Ident),
    /// `open` is the span of `[`, the position of an index error.
    Index {
        open: Span,
        index: Expr,
    },
}

#[derive(Debug, Clone)]
pub struct Func {
    pub id: NodeId,
    /// `None` for a function expression.
    pub name: Option<Ident>,
    pub is_async: bool,
    pub is_generator: bool,
    /// For methods declared with `self` or `mut self` as the first parameter.
    pub receiver: Option<Receiver>,
    /// Without `self`.
    pub params: Vec<Param>,
    pub rest: Option<Ident>,
    pub result: Option<Type>,
    /// Parameters are declared in this block.
    pub body: Block,
    pub span: Span,
}

#[derive(Debug, Clone)]
pub struct Receiver {
    pub is_mut: bool,
    pub span: Span,
    pub id: NodeId,
}

#[derive(Debug, Clone)]
pub struct Param {
    /// `None` for `_`.
    pub name: Option<Ident>,
    pub ty: Option<Type>,
    pub default: Option<Expr>,
    pub span: Span,
}

#[derive(Debug, Clone)]
pub struct StructDecl {
    pub name: Ident,
    pub fields: Vec<FieldDecl>,
    pub methods: Vec<Arc<Func>>,
    pub span: Span,
}

#[derive(Debug, Clone)]
pub struct FieldDecl {
    pub name: Ident,
    pub ty: Option<Type>,
    pub default: Option<Expr>,
}

#[derive(Debug, Clone)]
pub struct EnumDecl {
    pub name: Ident,
    pub variants: Vec<VariantDecl>,
}

#[derive(Debug, Clone)]
pub struct VariantDecl {
    pub name: Ident,
    /// `None` without a parameter list.
    pub params: Option<Vec<Type>>,
}

/// A type annotation; it has no run-time effect.
#[derive(Debug, Clone)]
pub struct Type {
    pub kind: TypeKind,
    pub nullable: bool,
    pub span: Span,
}

#[derive(Debug, Clone)]
pub enum TypeKind {
    Name { name: Ident, args: Vec<Type> },
    Null,
    Array(Box<Type>),
    Func { params: Option<Vec<Type>>, result: Option<Box<Type>> },
}

#[derive(Debug, Clone)]
pub struct Expr {
    pub id: NodeId,
    pub kind: ExprKind,
    pub span: Span,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Str(Arc<str>),
}

#[derive(Debug, Clone)]
pub enum ExprKind {
    Literal(Literal),
    /// `"a${e}b"`: at least one part is an expression.
    Interpolation(Vec<StrPart>),
    /// Resolved through the expression's own id.
    Name(Arc<str>),
    SelfRef,
    /// `(e)`: kept because a parenthesised call is not "syntactically a call" for `|>`.
    Paren(Box<Expr>),
    Array(Vec<Elem>),
    Dict(Vec<Entry>),
    Func(Arc<Func>),
    /// `S { f: e }`, `m.S { f: e }`.
    StructLit {
        module: Option<Ident>,
        name: Ident,
        fields: Vec<(Ident, Expr)>,
    },
    /// `E::V`, `E::V(args)`, `m.E::V`: `args` is `None` without parentheses.
    Tag {
        module: Option<Ident>,
        enum_name: Ident,
        variant: Ident,
        args: Option<Vec<Arg>>,
    },
    Unary {
        op: UnaryOp,
        op_span: Span,
        operand: Box<Expr>,
    },
    Binary {
        op: BinaryOp,
        op_span: Span,
        lhs: Box<Expr>,
        rhs: Box<Expr>,
    },
    /// `&&`, `||`, `??`.
    Logic {
        op: LogicOp,
        lhs: Box<Expr>,
        rhs: Box<Expr>,
    },
    Pipe {
        op_span: Span,
        lhs: Box<Expr>,
        rhs: Box<Expr>,
    },
    Await {
        await_span: Span,
        operand: Box<Expr>,
    },
    Yield {
        yield_span: Span,
        value: Option<Box<Expr>>,
    },
    Spawn {
        body: Arc<Block>,
    },
    /// `callee_end` is the last token of the callee before `(`: the position of call errors.
    Call {
        callee: Box<Expr>,
        callee_end: Span,
        args: Vec<Arg>,
    },
    /// `x.m(args)`, with `null_safe` `x?.m(args)`.
    Method {
        receiver: Box<Expr>,
        null_safe: bool,
        name: Ident,
        args: Vec<Arg>,
    },
    /// `x.f`, with `null_safe` `x?.f`.
    Field {
        object: Box<Expr>,
        null_safe: bool,
        name: Ident,
    },
    Index {
        object: Box<Expr>,
        open: Span,
        index: Box<Expr>,
    },
    /// `e?`.
    Try {
        operand: Box<Expr>,
        question: Span,
    },
    /// Stands where the parser recovered from an error; never reaches an engine.
    Error,
}

#[derive(Debug, Clone)]
pub enum StrPart {
    Text(Arc<str>),
    Expr(Expr),
}

#[derive(Debug, Clone)]
pub enum Elem {
    Value(Expr),
    /// `...e`; the span is that of the dots.
    Spread(Span, Expr),
}

/// An argument of a call.
pub type Arg = Elem;

#[derive(Debug, Clone)]
pub enum Entry {
    /// `name: e`: the name may mean a variable (LS 12.2); resolved through the ident's id.
    Bare(Ident, Expr),
    /// `"text": e`, `(e): e`, `3: e`; a key that is `null true false self` is an expression too.
    Keyed(Expr, Expr),
    Spread(Span, Expr),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UnaryOp {
    Neg,
    Not,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BinaryOp {
    Add,
    Sub,
    Mul,
    Div,
    Mod,
    Eq,
    Ne,
    Lt,
    Gt,
    Le,
    Ge,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LogicOp {
    And,
    Or,
    Coalesce,
}

impl Expr {
    /// The expression this one continues: the left operand, callee, receiver or object.
    ///
    /// Following it until `None` walks a chain from its last link to its first.
    pub fn left(&self) -> Option<&Expr> {
        match &self.kind {
            ExprKind::Binary { lhs: left, .. }
            | ExprKind::Logic { lhs: left, .. }
            | ExprKind::Pipe { lhs: left, .. }
            | ExprKind::Call { callee: left, .. }
            | ExprKind::Method { receiver: left, .. }
            | ExprKind::Field { object: left, .. }
            | ExprKind::Index { object: left, .. }
            | ExprKind::Try { operand: left, .. } => Some(left),
            ExprKind::Literal(_)
            | ExprKind::Interpolation(_)
            | ExprKind::Name(_)
            | ExprKind::SelfRef
            | ExprKind::Paren(_)
            | ExprKind::Array(_)
            | ExprKind::Dict(_)
            | ExprKind::Func(_)
            | ExprKind::StructLit { .. }
            | ExprKind::Tag { .. }
            | ExprKind::Unary { .. }
            | ExprKind::Await { .. }
            | ExprKind::Yield { .. }
            | ExprKind::Spawn { .. }
            | ExprKind::Error => None,
        }
    }

    /// Takes the kind of the left neighbour if that is itself a link of a chain.
    fn detach_left(&mut self) -> Option<ExprKind> {
        self.left()?.left()?;
        match &mut self.kind {
            ExprKind::Binary { lhs: left, .. }
            | ExprKind::Logic { lhs: left, .. }
            | ExprKind::Pipe { lhs: left, .. }
            | ExprKind::Call { callee: left, .. }
            | ExprKind::Method { receiver: left, .. }
            | ExprKind::Field { object: left, .. }
            | ExprKind::Index { object: left, .. }
            | ExprKind::Try { operand: left, .. } => {
                Some(mem::replace(&mut left.kind, ExprKind::Error))
            }
            _ => None,
        }
    }
}

/// Drops a chain link by link: the compiler's own drop would recurse once per link.
impl Drop for Expr {
    fn drop(&mut self) {
        let mut next = self.detach_left();
        while let Some(kind) = next {
            let mut link = Expr { id: self.id, kind, span: self.span };
            next = link.detach_left();
        }
    }
}

impl Else {
    fn detach_next(&mut self) -> Option<Box<Else>> {
        match self {
            Else::If(Stmt { kind: StmtKind::If { otherwise, .. }, .. }) => otherwise.take(),
            Else::If(_) | Else::Block(_) => None,
        }
    }
}

/// Drops an `else if` chain arm by arm, for the same reason.
impl Drop for Else {
    fn drop(&mut self) {
        let mut next = self.detach_next();
        while let Some(mut arm) = next {
            next = arm.detach_next();
        }
    }
}
