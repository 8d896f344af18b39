//! Restricted runs: every native that has an effect, with nothing granted, with its arguments
//! granted, with something else granted, and with its arguments refused inside what is granted.
//!
//! The calls are made from the declarations. What a granted call does is compared with an
//! unrestricted run; what a refused call does is read from the trace of its system calls.

use std::fmt::Write;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use libtest_mimic::{Failed, Trial};
use ruff::engine;
use ruff::syntax::source::Source;
use ruff_runtime::natives::method::{self, MethodDecl};
use ruff_runtime::natives::{self, Param};
use ruff_runtime::permissions::{Class, Permissions};

use crate::arguments::{SETUP, argument, expression, is_handle};
use crate::files::Scratch;
use crate::settings::Setting;

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    for scenario in Scenario::ALL {
        for setting in &Setting::ALL[..3] {
            let name = format!("sandbox/{}::{}", scenario.name(), setting.name());
            trials.push(Trial::test(name, move || run(scenario, *setting)));
        }
    }
    for class in Class::ALL {
        for setting in &Setting::ALL[..3] {
            let name = format!("sandbox/only_{}_refused::{}", class.name(), setting.name());
            trials.push(Trial::test(name, move || only(class, *setting)));
        }
    }
    trials.push(Trial::test("sandbox/arguments_of_effects_are_declared", declared));
    trials.push(Trial::test("sandbox/refused_calls_reach_nothing", || traced(&["--sandbox"])));
    trials.push(Trial::test("sandbox/calls_elsewhere_reach_nothing", || traced(ELSEWHERE)));
    trials
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Scenario {
    Nothing,
    Granted,
    Elsewhere,
    RefusedInside,
}

impl Scenario {
    const ALL: [Scenario; 4] =
        [Scenario::Nothing, Scenario::Granted, Scenario::Elsewhere, Scenario::RefusedInside];

    fn name(self) -> &'static str {
        match self {
            Scenario::Nothing => "nothing_granted",
            Scenario::Granted => "granted",
            Scenario::Elsewhere => "granted_elsewhere",
            Scenario::RefusedInside => "refused_inside_granted",
        }
    }

    fn rules(self, folder: &Path) -> Permissions {
        let here = |name: &str| folder.join(name).display().to_string();
        let mut rules = Permissions::sandbox();
        let parts = |inside: bool| {
            [
                (Class::FsRead, here(if inside { "in" } else { "out" })),
                (Class::FsWrite, here(if inside { "in" } else { "out" })),
                (Class::NetClient, (if inside { "127.0.0.1" } else { "10.9.8.7" }).to_owned()),
                (Class::Env, (if inside { "RUFF_INSIDE" } else { "RUFF_OTHER" }).to_owned()),
                (Class::Process, (if inside { "true" } else { "ls" }).to_owned()),
            ]
        };
        if self == Scenario::Nothing {
            for class in [Class::Clock, Class::Random] {
                rules.refuse(class, None).expect("whole classes can be refused");
            }
            return rules;
        }
        for class in [Class::NetServer, Class::Db] {
            rules.grant(class, None).expect("whole classes can be granted");
        }
        if self == Scenario::RefusedInside {
            for (class, part) in parts(true) {
                let whole = (class == Class::FsRead || class == Class::FsWrite).then(|| here(""));
                rules.grant(class, whole.as_deref()).expect("a valid part");
                rules.refuse(class, Some(&part)).expect("a valid part");
            }
            rules.refuse(Class::Process, Some("sh")).expect("a program");
            return rules;
        }
        for (class, part) in parts(self == Scenario::Granted) {
            rules.grant(class, Some(&part)).expect("a valid part");
        }
        if self == Scenario::Granted {
            rules.grant(Class::Process, Some("sh")).expect("a program");
        }
        rules
    }
}

/// One call of a native or method.
struct Call {
    name: &'static str,
    text: String,
    capability: &'static str,
    /// What its arguments lead to, with parts that can be granted.
    leads: Vec<&'static str>,
    /// Whether an argument must be made by other natives, which may be refused themselves.
    has_handle: bool,
}

/// Servers wait for requests until they are stopped; hashing passwords takes long.
const LEFT_OUT: [&str; 4] =
    ["httpserver.listen", "httpserver.start", "hash_password", "rsa_generate_keypair"];

fn method_call(decl: &'static MethodDecl) -> Option<Call> {
    let capability = decl.capability?;
    let required = &decl.params[..decl.n_required];
    let args: Vec<_> = required.iter().map(argument).collect();
    Some(Call {
        name: &decl.full_name,
        text: format!("{}.{}({})", expression(decl.word), decl.name, args.join(", ")),
        capability,
        leads: required.iter().map(|p| p.leads_to).filter(|lead| !lead.is_empty()).collect(),
        has_handle: true,
    })
}

fn calls() -> Vec<Call> {
    let functions = natives::all().iter().filter_map(|native| {
        let capability = native.capability?;
        let required = &native.params[..native.n_required.min(native.params.len())];
        let args: Vec<_> = required.iter().map(argument).collect();
        Some(Call {
            name: native.name,
            text: format!("{}({})", native.name, args.join(", ")),
            capability,
            leads: required.iter().map(|p| p.leads_to).filter(|lead| !lead.is_empty()).collect(),
            has_handle: required.iter().any(|p| is_handle(p.ty)),
        })
    });
    functions.chain(method::type_methods().iter().filter_map(method_call)).collect()
}

/// Calls that may be granted.
fn short_calls() -> Vec<Call> {
    calls().into_iter().filter(|call| !LEFT_OUT.contains(&call.name)).collect()
}

/// Every native with a path among its arguments, and a line for each such argument in which
/// `PATH` stands for it; the other paths are granted ones.
pub(crate) fn path_calls() -> Vec<(&'static str, String)> {
    let of_path = |param: &Param| ["read", "write"].contains(&param.leads_to);
    let functions = natives::all().iter().map(|n| (n.name, n.params, String::new()));
    let methods = method::type_methods().iter().filter(|decl| decl.params.iter().any(of_path));
    let methods = methods.map(|decl| {
        (&*decl.full_name, decl.params, format!("{}.{}", expression(decl.word), decl.name))
    });
    let mut found = Vec::new();
    for (name, params, callee) in functions.chain(methods) {
        let mut lines = Vec::new();
        for at in (0..params.len()).filter(|at| of_path(&params[*at])) {
            let shown = |i: usize, param: &Param| match (i == at, param.ty.starts_with("array")) {
                (true, true) => "[PATH]".to_owned(),
                (true, false) => "PATH".to_owned(),
                (false, _) => argument(param),
            };
            let last = params.iter().rposition(|p| !p.is_optional && !p.is_rest).unwrap_or(0);
            let given = params.iter().enumerate().take(last.max(at) + 1);
            let args: Vec<_> = given.map(|(i, param)| shown(i, param)).collect();
            let callee = if callee.is_empty() { name } else { &callee };
            lines.push(format!("{callee}({})", args.join(", ")));
        }
        if !lines.is_empty() {
            found.push((name, lines.join("\n")));
        }
    }
    found
}

fn program(calls: &[Call], folder: &Path) -> String {
    let mut text = format!("IN := \"{}/in\"\n{SETUP}", folder.display());
    for call in calls {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "print(outcome(func() {{ return {} }}))", call.text);
    }
    text
}

/// A folder with what the calls expect.
fn scratch() -> Scratch {
    let scratch = Scratch::new();
    for dir in ["in", "out"] {
        std::fs::create_dir(scratch.path().join(dir)).expect("a new folder");
    }
    std::fs::write(scratch.path().join("in/f"), "content").expect("a new file");
    scratch
}

/// The outcome of each call.
fn outcomes(
    calls: &[Call],
    setting: Setting,
    rules: impl FnOnce(&Path) -> Permissions,
) -> Result<Vec<String>, Failed> {
    let scratch = scratch();
    let folder = std::fs::canonicalize(scratch.path()).expect("the folder exists");
    let source = Source::new("main.ruff", &program(calls, &folder));
    let mut options = setting.options();
    options.permissions = Arc::new(rules(&folder));
    let finished = engine::run_captured(source, folder.clone(), &options);
    if finished.exit_code != 0 {
        return Err(finished.stderr.into());
    }
    let text = String::from_utf8_lossy(&finished.stdout);
    let folder = folder.display().to_string();
    Ok(text.lines().map(|line| line.replace(&folder, "DIR")).collect())
}

/// Whether a scenario must refuse a call.
fn is_refused(call: &Call, scenario: Scenario) -> bool {
    match scenario {
        Scenario::Nothing => true,
        Scenario::Granted => call.leads.contains(&"directory"),
        Scenario::Elsewhere | Scenario::RefusedInside => !call.leads.is_empty(),
    }
}

fn run(scenario: Scenario, setting: Setting) -> Result<(), Failed> {
    let is_nothing = scenario == Scenario::Nothing;
    let calls = if is_nothing { calls() } else { short_calls() };
    let free = if is_nothing {
        vec![String::new(); calls.len()]
    } else {
        outcomes(&calls, setting, |_| Permissions::default())?
    };
    let found = outcomes(&calls, setting, |folder| scenario.rules(folder))?;
    if found.len() != calls.len() || free.len() != calls.len() {
        return Err("calls without outcome".into());
    }
    let mut wrong = String::new();
    for ((call, free), found) in calls.iter().zip(&free).zip(&found) {
        let is_denied = call.capability.split(", ").any(|class| {
            let message = format!("{}: capability '{class}' denied", call.name);
            *found == format!("PermissionError {message}")
        });
        // What makes a handle may be refused before the call itself.
        let is_refused_before = call.has_handle && found.starts_with("PermissionError ");
        let is_right = if is_refused(call, scenario) {
            is_denied || is_refused_before
        } else {
            found == free || call.has_handle && is_refused_before
        };
        if !is_right {
            let _ = writeln!(wrong, "{}: {found}; without restrictions {free}", call.text);
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.into()) }
}

/// Refuses one class of an unrestricted run: the calls that need it are refused by its name, also
/// those that take handles, and all others do what they did.
fn only(class: Class, setting: Setting) -> Result<(), Failed> {
    let needs = |call: &Call| call.capability.split(", ").any(|name| name == class.name());
    let calls: Vec<_> =
        calls().into_iter().filter(|c| needs(c) || !LEFT_OUT.contains(&c.name)).collect();
    let (needing, other): (Vec<_>, Vec<_>) = calls.into_iter().partition(needs);
    let rules = |_: &Path| {
        let mut rules = Permissions::default();
        rules.refuse(class, None).expect("whole classes can be refused");
        rules
    };
    let mut wrong = String::new();
    let mut n_by_itself = 0;
    for (call, found) in needing.iter().zip(outcomes(&needing, setting, rules)?) {
        let ending = format!(": capability '{}' denied", class.name());
        let is_denied = found.starts_with("PermissionError ") && found.ends_with(&ending);
        let by_itself = found == format!("PermissionError {}{ending}", call.name);
        n_by_itself += u32::from(by_itself);
        if !(by_itself || is_denied && call.has_handle) {
            let _ = writeln!(wrong, "{}: {found}", call.text);
        }
    }
    let free = outcomes(&other, setting, |_| Permissions::default())?;
    for ((call, free), found) in other.iter().zip(&free).zip(outcomes(&other, setting, rules)?) {
        let is_refused_before = call.has_handle && found.starts_with("PermissionError ");
        if found != *free && !is_refused_before {
            let _ = writeln!(wrong, "{}: {found}; without restrictions {free}", call.text);
        }
    }
    if n_by_itself == 0 {
        let _ = writeln!(wrong, "nothing needs {} by itself", class.name());
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.into()) }
}

/// Effects without an argument that says where they go.
const NOWHERE: [&str; 9] = [
    "temp_dir",
    "os_getcwd",
    "env_list",
    "os_environ",
    "zip_close",
    "tcp_close",
    "tcp_send",
    "tcp_receive",
    "tcp_receive_bytes",
];

/// Every native whose class has parts says which of its arguments is such a part.
fn declared() -> Result<(), Failed> {
    let with_parts = ["fs-read", "fs-write", "env", "process", "net-client"];
    let missing: Vec<_> = natives::all()
        .iter()
        .filter(|native| {
            native.capability.is_some_and(|c| with_parts.iter().any(|w| c.contains(w)))
        })
        .filter(|native| !native.params.iter().any(|param| !param.leads_to.is_empty()))
        .filter(|native| !NOWHERE.contains(&native.name) && !native.name.starts_with("tcp_set_"))
        .map(|native| native.name)
        .collect();
    if missing.is_empty() { Ok(()) } else { Err(format!("{missing:?}").into()) }
}

const ELSEWHERE: &[&str] = &[
    "--sandbox",
    "--allow-read=out",
    "--allow-write=out",
    "--allow-env=RUFF_OTHER",
    "--allow-run=no-such-program",
    "--allow-net=10.9.8.7",
];

/// Runs all calls under `strace`: nothing of what they name may reach the operating system, except
/// that links on the way to a path are read where parts of a class are granted.
#[expect(clippy::print_stdout, reason = "whoever runs the tests is to know what was left out")]
fn traced(flags: &[&str]) -> Result<(), Failed> {
    if Command::new("strace").arg("-V").output().is_err() {
        println!("skipped: `strace` is missing (apt-get install strace)");
        return Ok(());
    }
    let calls: Vec<_> = short_calls()
        .into_iter()
        .filter(|call| flags.len() == 1 || !call.leads.is_empty() && !call.has_handle)
        .filter(|call| !["clock", "random"].contains(&call.capability))
        .collect();
    let scratch = scratch();
    std::fs::write(scratch.path().join("main.ruff"), program(&calls, scratch.path()))?;
    let ran = Command::new("strace")
        .args(["-f", "-qq", "-o", "trace", "-e", "trace=%file,%network,%process"])
        .arg(env!("CARGO_BIN_EXE_ruff"))
        .arg("run")
        .args(flags)
        .arg("main.ruff")
        .current_dir(scratch.path())
        .output()?;
    let shown = String::from_utf8_lossy(&ran.stdout);
    let Ok(trace) = std::fs::read_to_string(scratch.path().join("trace")) else {
        println!("skipped: `strace` may not trace here (it needs the right to use ptrace)");
        return Ok(());
    };
    if !trace.contains("execve(") {
        println!("skipped: `strace` may not trace here (it needs the right to use ptrace)");
        return Ok(());
    }
    let n_refused = shown.lines().filter(|line| line.starts_with("PermissionError ")).count();
    if n_refused != calls.len() || calls.len() < 50 {
        return Err(format!("{n_refused} of {} calls refused: {shown}", calls.len()).into());
    }
    let inside = scratch.path().join("in").display().to_string();
    let is_forbidden = |line: &&str| {
        let is_lookup = flags.len() > 1 && line.contains("readlink");
        let names_path = line.contains(&inside) && !is_lookup;
        let reaches_out = ["socket(", "connect(", "bind(", "chdir(", "unlink", "rename", "mkdir"];
        names_path || reaches_out.iter().any(|call| line.contains(call))
    };
    let n_programs = trace.lines().filter(|line| line.contains("execve(")).count();
    match trace.lines().find(is_forbidden) {
        Some(line) => Err(format!("a refused call did: {line}").into()),
        None if n_programs != 1 => Err(format!("{n_programs} programs were started").into()),
        None => Ok(()),
    }
}
