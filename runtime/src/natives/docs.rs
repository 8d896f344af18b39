//! The reference of all natives and methods as Markdown, made from their declarations.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::method::{MethodDecl, type_methods, updating_methods};
use super::{Native, Param};

/// The text of `docs/natives.md`.
pub fn markdown() -> String {
    let mut out = String::from(
        "# Native functions\n\nMade from the declarations in `runtime/src/natives`; do not edit.\n",
    );
    let mut modules: BTreeMap<&str, Vec<&Native>> = BTreeMap::new();
    for native in super::all().iter().filter(|native| native.alias_of.is_none()) {
        modules.entry(native.module).or_default().push(native);
    }
    for (module, natives) in modules {
        heading(&mut out, module);
        for native in natives {
            function(&mut out, native);
        }
    }
    heading(&mut out, "Methods");
    for decl in type_methods() {
        method(&mut out, decl);
    }
    heading(&mut out, "Methods that change their receiver");
    for decl in updating_methods() {
        method(&mut out, &decl.0);
    }
    out
}

/// All documented texts with the names they belong to; their examples are tests.
pub fn all_docs() -> impl Iterator<Item = (&'static str, &'static str)> {
    let natives = super::all().iter().map(|native| (native.name, native.doc));
    let plain = type_methods().iter().map(|decl| (decl.full_name.as_str(), decl.doc));
    let updating = updating_methods().iter().map(|decl| (decl.0.full_name.as_str(), decl.0.doc));
    natives.chain(plain).chain(updating)
}

fn heading(out: &mut String, title: &str) {
    out.push_str("\n## ");
    out.push_str(title);
    out.push('\n');
}

fn signature(out: &mut String, names: &[&str], params: &[Param], result: &str) {
    out.push_str("\n### `");
    out.push_str(&names.join("` / `"));
    out.push_str("`\n\n`(");
    for (i, param) in params.iter().enumerate() {
        let separator = if i > 0 { ", " } else { "" };
        let dots = if param.is_rest { "..." } else { "" };
        let mark = if param.is_optional { "?" } else { "" };
        let name = param.name.trim_end_matches('_');
        // Writing to a string cannot fail.
        let _ = write!(out, "{separator}{dots}{name}{mark}: {}", param.ty);
    }
    out.push_str(") -> ");
    out.push_str(result);
    out.push_str("`\n\n");
}

/// The text of a declaration, with its examples as code blocks.
fn body(out: &mut String, doc: &str) {
    let mut in_code = false;
    for line in doc.lines() {
        let line = line.strip_prefix(' ').unwrap_or(line);
        let code = line.strip_prefix("    ");
        if code.is_some() != in_code {
            out.push_str(if in_code { "```\n" } else { "```ruff\n" });
            in_code = !in_code;
        }
        out.push_str(code.unwrap_or(line));
        out.push('\n');
    }
    if in_code {
        out.push_str("```\n");
    }
}

fn function(out: &mut String, native: &Native) {
    let mut names = vec![native.name];
    names.extend(super::all().iter().filter(|n| n.alias_of == Some(native.name)).map(|n| n.name));
    signature(out, &names, native.params, native.result);
    body(out, native.doc);
}

fn method(out: &mut String, decl: &MethodDecl) {
    signature(out, &[&decl.full_name], decl.params, decl.result);
    body(out, decl.doc);
}
