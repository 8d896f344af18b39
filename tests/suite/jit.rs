//! The JIT from outside: what its options show, and that it gives the results of the VM while
//! code is compiled beside the program or has no room.

use std::process::{Command, Stdio};

use libtest_mimic::{Failed, Trial};

use crate::files::Scratch;

/// A hot loop, a hot function, and values of a type that neither has seen.
const PROGRAM: &str = "\
func twice(x) { for i in range(1) { x := x + x }
    return x }
func sum(n, last) {
    total := 0
    for i in range(n) {
        value := i
        if i >= n - 20 { value = last }
        total := total + twice(value)
    }
    return total
}
print(sum(200000, 1), sum(200000, 0.5))
";
const RESULT: &str = "39991800460 39991800440\n";

/// Fields that a function names only to write into what they hold.
const WRITER: &str = "\
struct Marks { seen, n = 0
    func mark(mut self, at) { self.seen[at] = at }
    func count(mut self, at) { self.n += at }
}
marks := Marks { seen: fill(100, 0) }
for i in range(20000) {
    marks.mark(i % 100)
    marks.count(i % 3)
}
print(marks.n, sum(marks.seen))
";

type Check = fn() -> Result<(), Failed>;

pub(crate) fn trials() -> Vec<Trial> {
    let tests: [(&str, Check); 6] = [
        ("log_of_lines", log_of_lines),
        ("log_of_json", log_of_json),
        ("small_code_memory", small_code_memory),
        ("perf_map", perf_map),
        ("beside_the_program", beside_the_program),
        ("fields_that_are_only_written", fields_that_are_only_written),
    ];
    tests.into_iter().map(|(name, test)| Trial::test(format!("jit/{name}"), test)).collect()
}

/// Runs the program with options and gives the process id and what it wrote to stderr.
fn run(options: &[&str]) -> Result<(u32, String), Failed> {
    run_program((PROGRAM, RESULT), options)
}

fn run_program((program, result): (&str, &str), options: &[&str]) -> Result<(u32, String), Failed> {
    let scratch = Scratch::new();
    scratch.write("main.ruff", program.as_bytes());
    let mut command = Command::new(env!("CARGO_BIN_EXE_ruff"));
    command.arg("run").args(options).arg("main.ruff").current_dir(scratch.path());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn()?;
    let id = child.id();
    let output = child.wait_with_output()?;
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    if !output.status.success() || stdout != result {
        return Err(format!("{}, stdout {stdout:?}, stderr:\n{stderr}", output.status).into());
    }
    Ok((id, stderr))
}

fn expect_all(text: &str, parts: &[&str]) -> Result<(), Failed> {
    match parts.iter().find(|&&part| !text.contains(part)) {
        Some(part) => Err(format!("no {part:?} in\n{text}").into()),
        None => Ok(()),
    }
}

fn log_of_lines() -> Result<(), Failed> {
    let (_, log) = run(&["--jit-sync", "--jit-log"])?;
    expect_all(
        &log,
        &[
            "jit: compile what=loop function=sum line=5\n",
            "jit: compile what=function function=twice line=1\n",
            "jit: installed what=loop function=sum line=5 us=",
            "jit: exit function=",
            "reason=WrongType\n",
        ],
    )
}

fn log_of_json() -> Result<(), Failed> {
    let (_, log) = run(&["--jit-sync", "--jit-log=json"])?;
    if let Some(line) = log.lines().find(|line| !line.starts_with('{') || !line.ends_with('}')) {
        return Err(format!("not a line of JSON: {line}").into());
    }
    expect_all(
        &log,
        &[
            "{\"event\":\"compile\",\"what\":\"loop\",\"function\":\"sum\",\"line\":5}\n",
            "{\"event\":\"installed\",\"what\":\"function\",\"function\":\"twice\",\"line\":1,\"us\":",
            "{\"event\":\"exit\",\"function\":",
        ],
    )
}

fn small_code_memory() -> Result<(), Failed> {
    let (_, stats) = run(&["--jit-sync", "--jit-code-limit=4096", "--stats"])?;
    expect_all(&stats, &["bailouts CodeMemory: "])
}

fn perf_map() -> Result<(), Failed> {
    let (id, _) = run(&["--jit-sync", "--jit-perf-map"])?;
    let path = format!("/tmp/perf-{id}.map");
    let map = std::fs::read_to_string(&path)?;
    std::fs::remove_file(&path)?;
    expect_all(&map, &[" ruff:sum:5:loop\n", " ruff:twice:1\n"])
}

fn beside_the_program() -> Result<(), Failed> {
    let (_, stats) = run(&["--stats"])?;
    expect_all(&stats, &["compiled: ", "longest wait: ", "time build: "])
}

/// No routine looks for their slots.
fn fields_that_are_only_written() -> Result<(), Failed> {
    let program = (WRITER, "19999 4950\n");
    let (_, ir) = run_program(program, &["--jit", "--jit-sync", "--jit-dump=ir"])?;
    match ir.lines().find(|line| line.contains("StorePlace") || line.contains("UpdatePlace")) {
        Some(line) => Err(format!("a routine is called:\n{line}").into()),
        None => expect_all(&ir, &["function Marks.mark", "ElemStore(Int"]),
    }
}
