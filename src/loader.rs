//! Finds, reads, parses and resolves source files (LS 18.2, 18.3).
//!
//! One loader serves one program. It keeps every file it has read, so that messages can show
//! source lines, and remembers nothing else: whether a module has run already is the engine's
//! business, which knows modules by the real path found here.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use ruff_runtime::error::{Error, Kind, Result};
use ruff_runtime::natives;

use crate::check::recovered;
use crate::compile;
use crate::phases::{Phase, Phases};
use crate::report::{Shown, Sources};
use crate::resolve::{self, Export, Outside, Resolved};
use crate::syntax::ast::File;
use crate::syntax::diagnostic::Diagnostic;
use crate::syntax::lexer;
use crate::syntax::parser;
use crate::syntax::source::{self, Source};

/// A file that has been parsed and resolved without errors.
pub struct Checked {
    pub source: Arc<Source>,
    pub file: Arc<File>,
    pub resolved: Arc<Resolved>,
}

/// A module file as found by an import.
pub struct Found {
    /// As written in the import, with dots.
    pub name: Arc<str>,
    /// The path as shown in messages.
    pub shown: Arc<str>,
    /// After resolving links; identifies the module.
    pub real: PathBuf,
}

/// Shared by everything that loads files for one program.
#[derive(Clone)]
pub struct Loader(Rc<Shared>);

struct Shared {
    /// The directory of the main program.
    main_dir: PathBuf,
    sources: RefCell<Sources>,
    /// Exports by real path, as the resolver asks for them.
    exports: RefCell<HashMap<PathBuf, Option<Vec<Export>>>>,
    phases: Phases,
}

impl Loader {
    /// A loader for a program whose main file is in `main_dir`.
    pub fn new(main_dir: PathBuf) -> Loader {
        Loader(Rc::new(Shared {
            main_dir,
            sources: RefCell::default(),
            exports: RefCell::default(),
            phases: Phases::default(),
        }))
    }

    /// The directory of the main program.
    pub fn main_dir(&self) -> &Path {
        &self.0.main_dir
    }

    /// How long the phases of this program took.
    pub fn phases(&self) -> &Phases {
        &self.0.phases
    }

    /// The sources read so far, by the name that messages use.
    pub fn sources(&self) -> Sources {
        self.0.sources.borrow().clone()
    }

    /// Parses and resolves a source text.
    ///
    /// # Errors
    /// The diagnostics, if there is an error among them.
    pub fn check(&self, source: Arc<Source>) -> std::result::Result<Checked, Vec<Diagnostic>> {
        self.show(&source, None);
        let phases = &self.0.phases;
        let lexed = phases.time(Phase::Lex, || lexer::lex(&source));
        let parsed = phases.time(Phase::Parse, || parser::parse_tokens(&source, lexed));
        let has_errors = !parsed.diagnostics.is_empty();
        if has_errors && !recovered::keeps_blocks(&parsed) {
            return Err(parsed.diagnostics);
        }
        let outside = View { loader: self, importer: &source.name };
        let (resolved, diagnostics) =
            phases.time(Phase::Resolve, || resolve::resolve(&parsed.file, &outside));
        if has_errors {
            let more = recovered::independent(&source, &parsed, diagnostics);
            return Err(parsed.diagnostics.into_iter().chain(more).collect());
        }
        if !diagnostics.is_empty() {
            return Err(diagnostics);
        }
        let too_large = phases.time(Phase::Check, || compile::check_size(&parsed.file, &resolved));
        if !too_large.is_empty() {
            return Err(too_large);
        }
        let resolved = Arc::new(resolved);
        self.show(&source, Some(resolved.clone()));
        Ok(Checked { source, file: Arc::new(parsed.file), resolved })
    }

    /// Keeps a file for messages.
    fn show(&self, source: &Arc<Source>, resolved: Option<Arc<Resolved>>) {
        let shown = Shown { source: source.clone(), resolved };
        self.0.sources.borrow_mut().insert(source.name.clone(), shown);
    }

    /// Finds, reads, parses and resolves the module `path` for the file `importer`.
    ///
    /// # Errors
    /// ImportError `Module not found`, `Unsafe module import` or `Failed to parse module`.
    pub fn load(&self, path: &[Arc<str>], importer: &str) -> Result<(Found, Checked)> {
        let found = self.find(path, importer)?;
        let failed = |diagnostic: &Diagnostic, source: &Source| {
            let (line, col) = source.line_col(diagnostic.span.start);
            let name = &found.name;
            let text =
                format!("Failed to parse module '{name}': {line}:{col}: {}", diagnostic.message);
            Error::new(Kind::ImportError, text)
        };
        let read = || fs::read(&found.real);
        let bytes = self.0.phases.time(Phase::Read, read).map_err(|_| not_found(&found.name))?;
        let source = source::decode(&found.shown, bytes)
            .map_err(|rejected| failed(&rejected.diagnostic, &rejected.source))?;
        let source = Arc::new(source);
        let checked = self.check(source.clone()).map_err(|list| {
            let first = list.iter().min_by_key(|d| d.span.start);
            failed(first.expect("a failed check has a diagnostic"), &source)
        })?;
        Ok((found, checked))
    }

    /// Searches the directories of LS 18.2 in order.
    ///
    /// # Errors
    /// ImportError if the module is not found or lies outside the directory searched.
    pub fn find(&self, path: &[Arc<str>], importer: &str) -> Result<Found> {
        let name: Arc<str> = path.join(".").into();
        let importer_dir = Path::new(importer).parent().unwrap_or(Path::new("")).to_path_buf();
        let dirs = [importer_dir, self.0.main_dir.clone(), PathBuf::new(), "modules".into()];
        for dir in dirs {
            let candidates = [format!("{name}.ruff"), path.join("/") + ".ruff"];
            for file in candidates {
                let shown = dir.join(&file);
                let Ok(real) = shown.canonicalize() else { continue };
                if !real.is_file() {
                    continue;
                }
                let root = if dir.as_os_str().is_empty() { Path::new(".") } else { &dir };
                let inside = root.canonicalize().is_ok_and(|root| real.starts_with(root));
                if !inside {
                    let text = format!("Unsafe module import '{name}'");
                    return Err(Error::new(Kind::ImportError, text));
                }
                return Ok(Found { name, shown: shown.to_string_lossy().into(), real });
            }
        }
        Err(not_found(&name))
    }

    fn exports(&self, path: &[Arc<str>], importer: &str) -> Option<Vec<Export>> {
        let found = self.find(path, importer).ok()?;
        if let Some(known) = self.0.exports.borrow().get(&found.real) {
            return known.clone();
        }
        let exports = read_exports(&found);
        self.0.exports.borrow_mut().insert(found.real, exports.clone());
        exports
    }
}

fn not_found(name: &str) -> Error {
    Error::new(Kind::ImportError, format!("Module not found: {name}"))
}

fn read_exports(found: &Found) -> Option<Vec<Export>> {
    let bytes = fs::read(&found.real).ok()?;
    let source = source::decode(&found.shown, bytes).ok()?;
    let parsed = parser::parse(&source);
    parsed.diagnostics.is_empty().then(|| resolve::exports_of(&parsed.file))
}

/// What the resolver sees of the world, from one file.
struct View<'a> {
    loader: &'a Loader,
    importer: &'a str,
}

impl Outside for View<'_> {
    fn is_native(&self, name: &str) -> bool {
        natives::is_predefined(name)
    }

    fn native_names(&self) -> Vec<&str> {
        natives::all().iter().map(|native| native.name).collect()
    }

    fn exports(&self, path: &[Arc<str>]) -> Option<Vec<Export>> {
        self.loader.exports(path, self.importer)
    }
}
