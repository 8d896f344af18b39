//! The end of programs with tasks and threads: Ctrl-C, `--timeout`, `exit`, the end of main, and
//! what happens where something grows without bound.
//!
//! Everything here starts the built binary. However a program ends, what it has printed comes
//! out, and nothing of it goes on.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use libtest_mimic::{Failed, Trial};

use crate::files::Scratch;

const RUFF: &str = env!("CARGO_BIN_EXE_ruff");
const ENGINES: [&str; 4] = ["--engine=tree", "--engine=vm", "--engine=jit", "--jit=always"];
/// The longest that a program which is to end may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// Programs that never end by themselves, whatever waits or computes in them. Each prints `ready`
/// when it has got there.
const ENDLESS: [(&str, &str); 8] = [
    (
        "a_task_that_sleeps",
        "async func f() { sleep(1000000) }\np := f()\nprint(\"ready\")\nawait p",
    ),
    (
        "many_tasks_that_wait",
        "ch := channel()\nasync func f() { ch.receive() }\nfor i in 1000 { f() }\n\
         print(\"ready\")\nsleep(1000000)",
    ),
    (
        "a_thread_that_computes",
        "spawn { x := 0\n while true { x = (x + 1) % 7 } }\nprint(\"ready\")\nsleep(1000000)",
    ),
    (
        "main_that_computes_beside_threads_that_wait",
        "ch := channel()\nfor i in 8 { spawn { ch.receive() } }\nprint(\"ready\")\n\
         while true { ch.len() }",
    ),
    ("a_wait_in_a_callback", "print(\"ready\")\nmap([1], func(x) { sleep(1000000) })"),
    (
        "a_parallel_map",
        "print(\"ready\")\nparallel_map([1, 2], func(x) { while true { x = (x + 1) % 7 } })",
    ),
    (
        "a_pool_with_tasks_that_wait_for_their_turn",
        "set_task_pool_size(2)\nfor i in 20 { spawn_task(func() { sleep(1000000) }) }\n\
         print(\"ready\")\nsleep(1000000)",
    ),
    (
        "ping_pong_of_threads",
        "a := channel(1)\nb := channel(1)\nspawn { for v in a { b.send(v) } }\n\
         a.send(1)\nprint(\"ready\")\nfor v in b { a.send(v) }",
    ),
];

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    for (name, program) in ENDLESS {
        let endings: [(&str, Ending); 3] =
            [("ctrl_c", ctrl_c), ("timeout", timeout), ("exit", exit_on_another_thread)];
        for (how, ending) in endings {
            let trial = move || ENGINES.iter().try_for_each(|engine| ending(engine, program));
            trials.push(Trial::test(format!("ending/{how}_ends_{name}"), trial));
        }
    }
    for (name, program, wanted) in GROWING {
        let trial = move || ENGINES.iter().try_for_each(|engine| grows(engine, program, wanted));
        trials.push(Trial::test(format!("ending/growth_of_{name}"), trial));
    }
    trials.push(Trial::test("ending/end_of_main_stops_threads", end_of_main));
    trials
}

/// A way to end a program, on an engine.
type Ending = fn(&str, &str) -> Result<(), Failed>;

fn start(scratch: &Scratch, flags: &[&str]) -> Child {
    let mut command = Command::new(RUFF);
    command.arg("run").args(flags).arg("main.ruff").current_dir(scratch.path());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("the binary was built")
}

/// Waits for the end of a program that is to end soon.
fn finish(mut child: Child) -> Result<Output, Failed> {
    let begin = Instant::now();
    while child.try_wait()?.is_none() {
        if begin.elapsed() > PATIENCE {
            child.kill()?;
            child.wait()?;
            return Err("the program goes on".into());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(child.wait_with_output()?)
}

fn with_main(program: &str) -> Scratch {
    let scratch = Scratch::new();
    scratch.write("main.ruff", program.as_bytes());
    scratch
}

fn expect(output: &Output, code: i32, stdout: &str, stderr: &str) -> Result<(), Failed> {
    let out = String::from_utf8_lossy(&output.stdout);
    let err = String::from_utf8_lossy(&output.stderr);
    if output.status.code() == Some(code) && out == stdout && err.contains(stderr) {
        return Ok(());
    }
    Err(format!("{}, stdout {out:?}, stderr {err:?}", output.status).into())
}

/// Ctrl-C when the program has said that it is ready.
fn ctrl_c(engine: &str, program: &str) -> Result<(), Failed> {
    // A pipe gets the line when main waits.
    let program = program.replace("print(\"ready\")", "print(\"ready\")\nsleep(0)");
    let scratch = with_main(&program);
    let mut child = start(&scratch, &[engine]);
    let stdout = child.stdout.take().expect("stdout is a pipe");
    let mut stdout = BufReader::new(stdout);
    let mut text = String::new();
    let line = stdout.read_line(&mut text);
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    let output = finish(child)?;
    line?;
    if !sent?.success() {
        return Err("kill fails".into());
    }
    stdout.read_to_string(&mut text)?;
    if text != "ready\n" {
        return Err(format!("{engine}: stdout {text:?}").into());
    }
    expect(&output, 130, "", "")
}

fn timeout(engine: &str, program: &str) -> Result<(), Failed> {
    let output = finish(start(&with_main(program), &[engine, "--timeout=0.3"]))?;
    expect(&output, 7, "ready\n", "error: time limit reached (--timeout)\n")
}

/// `exit` on another thread, after main has got to its endless part.
fn exit_on_another_thread(engine: &str, program: &str) -> Result<(), Failed> {
    let program = format!("spawn {{ sleep(100)\n exit(9) }}\n{program}");
    expect(&finish(start(&with_main(&program), &[engine]))?, 9, "ready\n", "")
}

fn end_of_main() -> Result<(), Failed> {
    let program = "spawn { while true { } }\nspawn { sleep(1000000) }\n\
                   async func last() { sleep(20)\n print(\"last\") }\nlast()\nprint(\"main\")";
    ENGINES.iter().try_for_each(|engine| {
        expect(&finish(start(&with_main(program), &[engine]))?, 0, "main\nlast\n", "")
    })
}

/// Programs in which something grows without bound until a limit raises an error, which they
/// catch.
const GROWING: [(&str, &str, &str); 5] = [
    (
        "a_channel",
        "ch := channel()\ntry { loop { ch.send(1) } } except e { print(e.kind, e.message) }",
        "MemoryError Out of memory\n",
    ),
    (
        "a_channel_between_threads",
        "ch := channel()\nspawn { sleep(1000000)\n ch.receive() }\n\
         try { loop { ch.send([1, \"x\"]) } } except e { print(e.kind, e.message) }\nexit(0)",
        "MemoryError Out of memory\n",
    ),
    (
        "tasks",
        "async func f() { sleep(1000000) }\n\
         try { loop { f() } } except e { print(e.kind, e.message) }\nexit(0)",
        "MemoryError Out of memory\n",
    ),
    (
        "the_task_pool",
        "try { loop { spawn_task(func() { sleep(1000000) }) } } except e { print(e.kind, e.message) }\
         \nexit(0)",
        "MemoryError Out of memory\n",
    ),
    (
        "blocks_that_start_blocks",
        "func bomb() { return spawn { return await bomb() } }\n\
         try { await bomb() } except e { print(e.kind, e.message) }",
        "ConcurrencyError Too many threads (limit 2000)\n",
    ),
];

fn grows(engine: &str, program: &str, wanted: &str) -> Result<(), Failed> {
    let scratch = with_main(program);
    let child = start(&scratch, &[engine, "--max-memory=150M", "--timeout=60"]);
    let output = child.wait_with_output()?;
    expect(&output, 0, wanted, "")
}
