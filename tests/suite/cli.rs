//! The command `ruff` as a person uses it: arguments, streams, exit codes.
//!
//! Everything here starts the built binary; what programs mean is tested in the process.

use std::io::{Read, Write};
use std::process::{Command, Output, Stdio};

use libtest_mimic::{Failed, Trial};

use crate::files::Scratch;

const RUFF: &str = env!("CARGO_BIN_EXE_ruff");

/// A test by its name.
type Named = (&'static str, fn() -> Result<(), Failed>);

pub(crate) fn trials() -> Vec<Trial> {
    let tests: [Named; 31] = [
        ("sandbox_refuses_effects", sandbox_refuses_effects),
        ("limits_stop_every_engine", limits_stop_every_engine),
        ("steps_are_counted_alike", steps_are_counted_alike),
        ("runs_a_file", runs_a_file),
        ("file_without_a_subcommand", file_without_a_subcommand),
        ("passes_arguments", passes_arguments),
        ("shebang_line", shebang_line),
        ("program_from_stdin", program_from_stdin),
        ("programs_read_their_input", programs_read_their_input),
        ("program_from_the_command_line", program_from_the_command_line),
        ("denied_on_other_threads", denied_classes_are_denied_on_other_threads),
        ("a_failed_block_is_a_warning", a_failed_block_is_a_warning),
        ("missing_file_is_exit_5", missing_file_is_exit_5),
        ("wrong_usage_is_exit_2", wrong_usage_is_exit_2),
        ("compile_error_is_exit_3", compile_error_is_exit_3),
        ("run_time_error_is_exit_4", run_time_error_is_exit_4),
        ("exit_code_of_the_program", exit_code_of_the_program),
        ("version", version),
        ("help_names_the_subcommands", help_names_the_subcommands),
        ("engines_agree", engines_agree),
        ("no_colour_when_piped", no_colour_when_piped),
        ("invalid_utf8_is_exit_3", invalid_utf8_is_exit_3),
        ("broken_pipe_is_quiet", broken_pipe_is_quiet),
        ("check_reports_without_running", check_reports_without_running),
        ("test_run_reports_tests", test_run_reports_tests),
        ("snapshot_tests_compare_and_update", snapshot_tests_compare_and_update),
        ("dis_shows_bytecode", dis_shows_bytecode),
        ("stats_name_phases", stats_name_phases),
        ("out_of_memory_can_be_caught", out_of_memory_can_be_caught),
        ("natives_keep_to_the_memory_limit", natives_keep_to_the_memory_limit),
        ("every_engine_rejects_large_functions", every_engine_rejects_large_functions),
    ];
    tests.into_iter().map(|(name, test)| Trial::test(format!("cli/{name}"), test)).collect()
}

/// Runs `ruff` in the directory with nothing on stdin.
fn ruff(scratch: &Scratch, arguments: &[&str]) -> Output {
    let mut command = Command::new(RUFF);
    command.args(arguments).current_dir(scratch.path()).stdin(Stdio::null());
    command.output().expect("the binary was built")
}

/// Runs `ruff` in the directory with a text on stdin.
fn ruff_with_input(scratch: &Scratch, arguments: &[&str], input: &str) -> Output {
    let mut command = Command::new(RUFF);
    command.args(arguments).current_dir(scratch.path()).stdin(Stdio::piped());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary was built");
    let mut stdin = child.stdin.take().expect("stdin is piped");
    // A program that ends early does not read all.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    child.wait_with_output().expect("the child ends")
}

fn scratch(files: &[(&str, &str)]) -> Scratch {
    let scratch = Scratch::new();
    for (name, text) in files {
        scratch.write(name, text.as_bytes());
    }
    scratch
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Checks the exit code, stdout and that stderr contains a text.
fn expect(output: &Output, code: i32, stdout: &str, stderr: &str) -> Result<(), Failed> {
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    let same_error = if stderr.is_empty() { err.is_empty() } else { err.contains(stderr) };
    if output.status.code() == Some(code) && out == stdout && same_error {
        return Ok(());
    }
    Err(format!(
        "expected exit {code}, stdout {stdout:?}, stderr {stderr:?}\n\
         got {}, stdout {out:?}, stderr:\n{err}",
        output.status
    )
    .into())
}

fn runs_a_file() -> Result<(), Failed> {
    let scratch = scratch(&[("main.ruff", "print(\"hi\", 1 + 1)\n")]);
    expect(&ruff(&scratch, &["run", "main.ruff"]), 0, "hi 2\n", "")
}

fn file_without_a_subcommand() -> Result<(), Failed> {
    let scratch = scratch(&[("main.ruff", "print(args())\n")]);
    expect(&ruff(&scratch, &["main.ruff", "a", "-b"]), 0, "[a, -b]\n", "")
}

fn passes_arguments() -> Result<(), Failed> {
    let scratch = scratch(&[("main.ruff", "print(args())\n")]);
    let output = ruff(&scratch, &["run", "main.ruff", "one", "--two", "3"]);
    expect(&output, 0, "[one, --two, 3]\n", "")
}

fn shebang_line() -> Result<(), Failed> {
    let scratch = scratch(&[("tool", "#!/usr/bin/env ruff\nprint(\"ran\")\n")]);
    expect(&ruff(&scratch, &["run", "tool"]), 0, "ran\n", "")
}

fn program_from_stdin() -> Result<(), Failed> {
    let scratch = Scratch::new();
    let output = ruff_with_input(&scratch, &["run", "-"], "print(1)\n1 / 0\n");
    expect(&output, 4, "1\n", "--> <stdin>:2:3")
}

fn programs_read_their_input() -> Result<(), Failed> {
    let program = "r := [read_line(), input(), input(\"é? \"), read_line(), read_stdin()]\n\
                   r.push(read_line())\nr.push(read_stdin())\n\
                   r.push(input())\nprint(to_json(r))";
    let scratch = scratch(&[("main.ruff", program)]);
    for engine in ["--engine=tree", "--engine=vm", "--jit=always"] {
        let input = "first\nsecond é\n\n\r\nrest\n\nend";
        let output = ruff_with_input(&scratch, &["run", engine, "main.ruff"], input);
        let wanted = "é? [\"first\",\"second é\",\"\",\"\",\"rest\\n\\nend\",null,\"\",\"\"]\n";
        expect(&output, 0, wanted, "")?;
    }
    Ok(())
}

fn program_from_the_command_line() -> Result<(), Failed> {
    let scratch = Scratch::new();
    expect(&ruff(&scratch, &["-e", "print(6 * 7)"]), 0, "42\n", "")?;
    expect(&ruff(&scratch, &["-e", ""]), 0, "", "")?;
    expect(&ruff(&scratch, &["-e", "nope"]), 4, "", "--> <eval>:1:1")
}

fn denied_classes_are_denied_on_other_threads() -> Result<(), Failed> {
    let scratch = Scratch::new();
    let read = "try { read_file(\"x\") } except e { return e.kind }";
    let spawned = format!("print(await spawn {{ {read} }})");
    let args = ["run", "--deny-read", "-e", &spawned];
    expect(&ruff(&scratch, &args), 0, "PermissionError\n", "")?;
    let mapped = format!("print(parallel_map([1], func(x) {{ {read} }}))");
    expect(&ruff(&scratch, &["run", "--sandbox", "-e", &mapped]), 0, "[PermissionError]\n", "")
}

fn a_failed_block_is_a_warning() -> Result<(), Failed> {
    let scratch = Scratch::new();
    let code = "spawn { throw(\"lost\") }\n\
                try { channel().receive() } except e { print(\"end\") }";
    let warning = "warning[W002]: error in spawned block: lost";
    expect(&ruff(&scratch, &["-e", code]), 0, "end\n", warning)
}

fn missing_file_is_exit_5() -> Result<(), Failed> {
    let scratch = Scratch::new();
    expect(&ruff(&scratch, &["run", "missing.ruff"]), 5, "", "missing.ruff")
}

fn wrong_usage_is_exit_2() -> Result<(), Failed> {
    let scratch = Scratch::new();
    expect(&ruff(&scratch, &["run", "--no-such-option", "x.ruff"]), 2, "", "no-such-option")
}

fn compile_error_is_exit_3() -> Result<(), Failed> {
    let scratch = scratch(&[("main.ruff", "print(\"never\")\nbreak\n")]);
    let message = "error[C004]: break can only be used inside a loop";
    expect(&ruff(&scratch, &["run", "main.ruff"]), 3, "", message)?;
    expect(&ruff(&scratch, &["run", "main.ruff"]), 3, "", "--> main.ruff:2:1")
}

fn run_time_error_is_exit_4() -> Result<(), Failed> {
    let program = "func f(x) { return 1 / x }\nprint(\"first\")\nf(0)\n";
    let scratch = scratch(&[("main.ruff", program)]);
    let output = ruff(&scratch, &["run", "main.ruff"]);
    for part in ["error[R007]: Division by zero", "--> main.ruff:1:22", "  f (main.ruff:1)\n"] {
        expect(&output, 4, "first\n", part)?;
    }
    Ok(())
}

fn exit_code_of_the_program() -> Result<(), Failed> {
    let scratch = scratch(&[("main.ruff", "print(\"out\")\nexit(42)\n")]);
    expect(&ruff(&scratch, &["run", "main.ruff"]), 42, "out\n", "")
}

fn version() -> Result<(), Failed> {
    let scratch = Scratch::new();
    let wanted = format!("ruff {}", env!("CARGO_PKG_VERSION"));
    let output = ruff(&scratch, &["--version"]);
    if output.status.success() && text(&output.stdout).starts_with(&wanted) {
        return Ok(());
    }
    Err(format!("expected {wanted}, got {}", text(&output.stdout)).into())
}

fn help_names_the_subcommands() -> Result<(), Failed> {
    let help = text(&ruff(&Scratch::new(), &["--help"]).stdout);
    let missing =
        ["run", "check", "test", "test-run", "dis"].into_iter().find(|s| !help.contains(s));
    missing.map_or(Ok(()), |name| Err(format!("{name} is not in the help:\n{help}").into()))
}

fn engines_agree() -> Result<(), Failed> {
    let scratch = scratch(&[("main.ruff", "s := 0\nfor i in 5000 { s += i }\nprint(s)\n")]);
    let settings: [&[&str]; 9] = [
        &[],
        &["--engine=tree"],
        &["--engine=vm"],
        &["--engine=jit"],
        &["--jit=off"],
        &["--jit=always"],
        &["--use-vm"],
        &["--use-tree-walking"],
        &["--interpreter"],
    ];
    for options in settings {
        let mut arguments = vec!["run"];
        arguments.extend(options);
        arguments.push("main.ruff");
        expect(&ruff(&scratch, &arguments), 0, "12497500\n", "")?;
    }
    Ok(())
}

fn no_colour_when_piped() -> Result<(), Failed> {
    let scratch = scratch(&[("main.ruff", "1 / 0\n")]);
    let plain = ruff(&scratch, &["run", "main.ruff"]);
    let mut command = Command::new(RUFF);
    command.args(["run", "main.ruff"]).current_dir(scratch.path()).env("NO_COLOR", "1");
    let asked = command.stdin(Stdio::null()).output()?;
    for output in [plain, asked] {
        expect(&output, 4, "", "error[R007]")?;
        if output.stderr.contains(&0x1b) {
            return Err("escape sequences in a pipe".into());
        }
    }
    Ok(())
}

fn invalid_utf8_is_exit_3() -> Result<(), Failed> {
    let scratch = Scratch::new();
    scratch.write("main.ruff", b"x := 1\n\xff\n");
    let message = "error[L007]: Source is not valid UTF-8";
    expect(&ruff(&scratch, &["run", "main.ruff"]), 3, "", message)
}

fn broken_pipe_is_quiet() -> Result<(), Failed> {
    let scratch = scratch(&[("main.ruff", "for i in 1000000 { print(\"line\", i) }\n")]);
    let mut child = Command::new(RUFF)
        .args(["run", "main.ruff"])
        .current_dir(scratch.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut start = [0; 64];
    child.stdout.take().expect("stdout is piped").read_exact(&mut start)?;
    let mut output = child.wait_with_output()?;
    output.stdout.clear();
    expect(&output, 0, "", "")
}

fn check_reports_without_running() -> Result<(), Failed> {
    let good = ("good.ruff", "print(\"never\")\n");
    let scratch = scratch(&[good, ("bad.ruff", "x := 1\ncontinue\n")]);
    let output = ruff(&scratch, &["check", "good.ruff"]);
    if output.status.code() != Some(0) || text(&output.stdout).contains("never") {
        return Err(format!("{output:?}").into());
    }
    let output = ruff(&scratch, &["check", "good.ruff", "bad.ruff"]);
    let shown = text(&output.stdout) + &text(&output.stderr);
    let located = shown.contains("error[C005]") && shown.contains("bad.ruff:2:1");
    if output.status.code() == Some(3) && located { Ok(()) } else { Err(shown.into()) }
}

fn test_run_reports_tests() -> Result<(), Failed> {
    let good = "test_setup { base := 21 }\ntest \"doubles\" { assert_equal(base * 2, 42) }\n";
    let bad = "test_group \"g\" { test \"fails\" { assert(false, \"no\") } }\n";
    let empty = "print(1)\n";
    let scratch = scratch(&[("good.ruff", good), ("bad.ruff", bad), ("empty.ruff", empty)]);
    for (file, code, part) in
        [("good.ruff", 0, "doubles"), ("bad.ruff", 1, "g / fails"), ("empty.ruff", 1, "")]
    {
        let output = ruff(&scratch, &["test-run", file, "-v"]);
        let shown = text(&output.stdout) + &text(&output.stderr);
        if output.status.code() != Some(code) || !shown.contains(part) {
            return Err(format!("{file}: {}\n{shown}", output.status).into());
        }
    }
    Ok(())
}

fn snapshot_tests_compare_and_update() -> Result<(), Failed> {
    let scratch = scratch(&[
        ("tests/ok.ruff", "print(1)\n"),
        ("tests/ok.out", "1\n"),
        ("tests/off.ruff", "print(2)\n"),
        ("tests/off.out", "3\n"),
    ]);
    let codes = [&["test"][..], &["test", "--update"], &["test"]]
        .map(|arguments| ruff(&scratch, arguments).status.code());
    if codes == [Some(1), Some(0), Some(0)] {
        return Ok(());
    }
    Err(format!("exit codes of test, test --update, test: {codes:?}").into())
}

fn dis_shows_bytecode() -> Result<(), Failed> {
    let scratch = scratch(&[("main.ruff", "x := 1 + len(\"a\")\nprint(x)\n")]);
    let output = ruff(&scratch, &["dis", "main.ruff"]);
    let shown = text(&output.stdout);
    if output.status.success() && shown.contains("0000") {
        return Ok(());
    }
    Err(format!("{}\n{shown}", output.status).into())
}

fn every_engine_rejects_large_functions() -> Result<(), Failed> {
    let program = |n: u32| (0..n).map(|i| format!("x := {i}.5\n")).collect::<String>();
    let scratch = scratch(&[("fits.ruff", &program(60_000)), ("large.ruff", &program(60_001))]);
    for engine in ["--engine=tree", "--engine=vm", "--engine=jit"] {
        expect(&ruff(&scratch, &["run", engine, "fits.ruff"]), 0, "", "")?;
        let output = ruff(&scratch, &["run", engine, "large.ruff"]);
        expect(&output, 3, "", "error[C023]: Function too large")?;
    }
    Ok(())
}

fn stats_name_phases() -> Result<(), Failed> {
    let program = "from helper import f\ns := 0\nfor i in 50 { s += f(i) }\nprint(s)\n";
    let helper = "export func f(x) { return x }\n";
    let scratch = scratch(&[("main.ruff", program), ("helper.ruff", helper)]);
    let front = ["read", "lex", "parse", "resolve", "check"];
    let jit = ["compiled:", "recompiled:", "code bytes:"];
    let phases =
        |names: &[&str]| names.iter().map(|name| format!("time {name}:")).collect::<Vec<_>>();
    let fronts = phases(&front);
    let settings = [
        ("--engine=tree", phases(&["run"]), vec![]),
        ("--jit=off", phases(&["compile", "run"]), vec![]),
        ("--engine=jit", phases(&["compile", "run"]), jit.map(str::to_owned).to_vec()),
        ("--jit=always", phases(&["compile", "run", "build", "generate"]), vec![]),
    ];
    for (option, more, counters) in settings {
        let output = ruff(&scratch, &["run", "--stats", option, "main.ruff"]);
        expect(&output, 0, "1225\n", "time read:")?;
        let shown = text(&output.stderr);
        let wanted = fronts.iter().chain(&more).chain(&counters);
        for line in wanted {
            if !shown.lines().any(|found| found.starts_with(line.as_str())) {
                return Err(format!("{option}: no `{line}` in\n{shown}").into());
            }
        }
        let has_jit = shown.contains("compiled:");
        if has_jit != (option == "--engine=jit" || option == "--jit=always") {
            return Err(format!("{option}:\n{shown}").into());
        }
    }
    Ok(())
}

fn out_of_memory_can_be_caught() -> Result<(), Failed> {
    let program = r#"
func attempt(name, f) {
    try {
        f()
        print(name, "fits")
    } except e {
        print(name, e.kind, e.message)
    }
}
attempt("fill", func() { return fill(4000000000, 0) })
attempt("repeat", func() { return "ab" * 500000000 })
attempt("range", func() { return range(100000000) })
attempt("push", func() {
    xs := []
    while true { xs.push(null) }
})
attempt("objects", func() {
    xs := []
    while true { xs.push([xs.len()]) }
})
attempt("concat", func() {
    xs := range(1000)
    while true { xs = xs + xs }
})
attempt("dict", func() {
    d := {}
    i := 0
    while true {
        d[i] := i
        i += 1
    }
})
attempt("text", func() {
    s := "x"
    while true { s = s + s }
})
attempt("small", func() { return range(1000) })
"#;
    let failing = ["fill", "repeat", "range", "push", "objects", "concat", "dict", "text"];
    let mut wanted: String =
        failing.map(|name| format!("{name} MemoryError Out of memory\n")).concat();
    wanted.push_str("small fits\n");
    let scratch = scratch(&[("main.ruff", program)]);
    for engine in ["--engine=tree", "--engine=vm", "--engine=jit", "--jit=always"] {
        let output = ruff(&scratch, &["run", engine, "--max-memory=100M", "main.ruff"]);
        expect(&output, 0, &wanted, "")?;
    }
    Ok(())
}

/// Natives whose results grow while they run.
fn natives_keep_to_the_memory_limit() -> Result<(), Failed> {
    let program = r#"
func attempt(name, f) {
    try {
        f()
        print(name, "fits")
    } except e {
        print(name, e.kind, e.message)
    }
}
text := repeat("a,", 15000000)
attempt("split", func() { return split(text, ",") })
attempt("chars", func() { return text.chars() })
attempt("find", func() { return regex_find_all(text, "a") })
attempt("pad", func() { return pad_left("a", 500000000) })
attempt("replace", func() { return replace(text, ",", "0123456789") })
attempt("join", func() { return join(fill(20, text), "") })
attempt("csv", func() { return parse_csv("a\n" + repeat("1\n", 9000000)) })
attempt("small", func() { return split("a,b", ",") })
"#;
    let failing = ["split", "chars", "find", "pad", "replace", "join", "csv"];
    let mut wanted: String =
        failing.map(|name| format!("{name} MemoryError Out of memory\n")).concat();
    wanted.push_str("small fits\n");
    let scratch = scratch(&[("main.ruff", program)]);
    for engine in ["--engine=tree", "--engine=vm", "--jit=always"] {
        let output = ruff(&scratch, &["run", engine, "--max-memory=120M", "main.ruff"]);
        expect(&output, 0, &wanted, "")?;
    }
    Ok(())
}

fn sandbox_refuses_effects() -> Result<(), Failed> {
    let program = "try { print(len(env_list()) > 0) } except e { print(e.message) }\n\
                   try { print(temp_dir() != \"\") } except e { print(e.message) }\n\
                   try { print(now() > 0) } except e { print(e.message) }\n";
    let scratch = scratch(&[("main.ruff", program)]);
    let denied = |name: &str, class: &str| format!("{name}: capability '{class}' denied\n");
    let (env, read) = (denied("env_list", "env"), denied("temp_dir", "fs-read"));
    let clock = denied("now", "clock");
    let runs: [(&[&str], String); 5] = [
        (&[], "true\ntrue\ntrue\n".to_owned()),
        (&["--sandbox"], format!("{env}{read}true\n")),
        (&["--sandbox", "--allow-read"], format!("{env}true\ntrue\n")),
        (&["--sandbox", "--allow-read", "--allow-env", "--deny-env"], format!("{env}true\ntrue\n")),
        (&["--deny-clock"], format!("true\ntrue\n{clock}")),
    ];
    for (flags, wanted) in runs {
        let mut arguments = vec!["run"];
        arguments.extend(flags);
        arguments.push("main.ruff");
        let got = text(&ruff(&scratch, &arguments).stdout);
        if got != wanted {
            return Err(format!("{flags:?}: {got:?} instead of {wanted:?}").into());
        }
    }
    Ok(())
}

/// No program goes on after a limit, whatever it is doing and whatever it catches.
fn limits_stop_every_engine() -> Result<(), Failed> {
    let busy = "func f(n) { return n + 1 }\nx := 0\nwhile true { x = f(x) % 7 }\n";
    let deaf = "while true { try { sleep(60000) } except e { print(\"caught\") } }\n";
    // What it printed is lost if it has to be killed.
    let nest = "print(\"ready\")
        func f(ends) {
            s := 0
            if ends { return s }
            for i in range(1000) { while s >= 0 { s = (s + i * 3) % 99991 } }
            return s
        }
        for i in range(200) { f(true) }
        f(false)";
    let scratch = scratch(&[("busy.ruff", busy), ("deaf.ruff", deaf), ("nest.ruff", nest)]);
    for engine in ["--engine=tree", "--engine=vm", "--engine=jit", "--jit=always"] {
        for (program, printed) in [("busy.ruff", ""), ("deaf.ruff", ""), ("nest.ruff", "ready\n")] {
            let output = ruff(&scratch, &["run", engine, "--timeout=0.2", program]);
            expect(&output, 7, printed, "error: time limit reached (--timeout)\n")?;
        }
        let output = ruff(&scratch, &["run", engine, "--max-steps=1000", "busy.ruff"]);
        expect(&output, 7, "", "error: step limit reached (--max-steps)\n")?;
    }
    for wrong in ["--timeout=0", "--timeout=x", "--timeout=-1", "--max-steps=-1"] {
        let output = ruff(&scratch, &["run", wrong, "busy.ruff"]);
        if output.status.code() != Some(2) {
            return Err(format!("{wrong}: {output:?}").into());
        }
    }
    Ok(())
}

/// Calls and turns of loops, also of those that are left early.
const STEPS: &str = "func f(n) { if n < 2 { return n }\n return f(n - 1) + f(n - 2) }\n\
    i := 0\nwhile i < 9 {\n i += 1\n if i == 4 { continue }\n\
    for x in [1, 2, 3] { if x == i { break } }\n}\n\
    map([1, 2], func(x) { return x })\nprint(f(9))\n";

fn steps_are_counted_alike() -> Result<(), Failed> {
    let scratch = scratch(&[("main.ruff", STEPS)]);
    let ends = |engine: &str, steps: u32| {
        let limit = format!("--max-steps={steps}");
        ruff(&scratch, &["run", engine, &limit, "main.ruff"]).status.success()
    };
    let mut needed = Vec::new();
    for engine in ["--engine=tree", "--engine=vm", "--engine=jit"] {
        let (mut low, mut high) = (0, 512);
        while high - low > 1 {
            let middle = u32::midpoint(low, high);
            if ends(engine, middle) { high = middle } else { low = middle }
        }
        needed.push(high);
    }
    let is_plausible = (110..400).contains(&needed[0]);
    let is_same = needed.iter().all(|steps| *steps == needed[0]);
    if is_same && is_plausible { Ok(()) } else { Err(format!("steps: {needed:?}").into()) }
}
