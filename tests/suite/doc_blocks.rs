//! Programs shown to people: the `ruff` blocks of `README.md` and `docs/`, and `examples/`.
//!
//! A block is a golden program in which `# -> text` stands for `# expect: text`; every block
//! must be a complete program with at least one expectation. Other fences are not looked at.

use libtest_mimic::Trial;

use crate::check;
use crate::files;
use crate::golden::{self, Golden};
use crate::settings::Setting;

/// Its examples are run from the table of natives.
const GENERATED: &str = "docs/natives.md";
/// Opens a block that is run.
const OPEN: &str = "```ruff";
const CLOSE: &str = "```";

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    let mut pages = files::below("docs", "md");
    pages.push(files::root("README.md"));
    for page in pages.iter().filter(|page| files::shown(page) != GENERATED) {
        for (line, program) in blocks(&files::read(page)) {
            add(&mut trials, &format!("{}:{line}", files::shown(page)), &program);
        }
    }
    for path in files::below("examples", "ruff") {
        add(&mut trials, &files::shown(&path), &files::read(&path));
    }
    trials
}

fn add(trials: &mut Vec<Trial>, name: &str, program: &str) {
    for setting in [Setting::Tree, Setting::Vm] {
        let program = program.to_owned();
        trials.push(Trial::test(format!("{name}::{}", setting.name()), move || {
            let golden = Golden::parse(&program)?;
            check::compare(&golden, &golden::run_program(&golden, setting))
        }));
    }
}

/// The programs of a page, each with the line of its first statement.
fn blocks(page: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (index, line) in page.lines().enumerate() {
        match &mut open {
            None if line == OPEN => open = Some((index + 2, String::new())),
            None => {}
            Some(_) if line == CLOSE => found.extend(open.take()),
            Some((_, program)) => {
                program.push_str(&line.replace("# ->", "# expect:"));
                program.push('\n');
            }
        }
    }
    found
}
