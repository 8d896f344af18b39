//! IR as text, for dumps.

use std::fmt::Write;

use super::{EdgeId, Func, Term};

/// The function, block by block.
pub fn print(func: &Func) -> String {
    let mut out = String::new();
    for (i, block) in func.blocks.iter().enumerate() {
        let params: Vec<String> =
            block.params.iter().map(|&p| format!("v{}: {:?}", p.0, func.ty(p))).collect();
        let kind = if block.is_loop { " loop" } else { "" };
        let _ = writeln!(out, "b{i}({}):{kind} ; pc {}", params.join(", "), block.pc);
        for &id in &block.nodes {
            let node = func.node(id);
            let _ = writeln!(out, "    v{}: {:?} = {:?}", id.0, node.ty, node.op);
        }
        let _ = match &block.term {
            Term::Open => writeln!(out, "    open"),
            Term::Jump(edge) => writeln!(out, "    jump {}", edge_text(func, *edge)),
            Term::Branch(cond, yes, no) => writeln!(
                out,
                "    branch v{} {} {}",
                cond.0,
                edge_text(func, *yes),
                edge_text(func, *no)
            ),
            Term::Return(payload, tag) => writeln!(out, "    return v{} v{}", payload.0, tag.0),
            Term::Exit(exit) => writeln!(out, "    exit x{}", exit.0),
        };
    }
    for (i, exit) in func.exits.iter().enumerate() {
        let _ = writeln!(out, "x{i}: pc {} {} {:?}", exit.pc, exit.reason.name(), exit.writes);
    }
    out
}

fn edge_text(func: &Func, edge: EdgeId) -> String {
    let edge = func.edge(edge);
    let args: Vec<String> = edge.args.iter().map(|arg| format!("v{}", arg.0)).collect();
    let to = edge.to.map_or(-1, |to| i64::from(to.0));
    format!("b{to}({})", args.join(", "))
}
