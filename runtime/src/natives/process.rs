//! Starting programs and waiting for them.
//!
//! Both output streams of every child are drained by threads of their own, so that no child
//! waits for us; what they read and how the children end comes through one channel.

use std::ffi::OsString;
use std::io::{self, IsTerminal, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use super::Cx;
use super::access::{Argv, Commands, Guard, ShellCommand};
use super::args::string_value;
use super::disk::reason;
use super::library_args::{Options, data_of, library_struct, text_of};
use crate::error::{Error, Kind, Result};
use crate::heap::has_room;
use crate::objects::dict::Dict;
use crate::permissions::Class;
use crate::semantics::arith::out_of_memory;
use crate::value::{Value, View};

natives! {
    module "system";

    /// Runs a command with `sh -c` and returns its standard output.
    ///
    ///     print(execute("echo hi") == "hi\n")   # expect: true
    fn execute(command: ShellCommand<'_>, options: Option<&Dict>) -> "string" [Other, "process"; cx];

    /// As execute; a struct tells how the command ended.
    ///
    ///     print(execute_status("exit 3").exitcode)   # expect: 3
    fn execute_status(command: ShellCommand<'_>, options: Option<&Dict>)
        -> "struct ProcessResult" [Other, "process"; cx];

    /// Runs a program without shell and waits for its end.
    ///
    ///     print(spawn_process(["echo", "a b"]).stdout == "a b\n")   # expect: true
    fn spawn_process(argv: Argv<'_>, options: Option<&Dict>)
        -> "struct ProcessResult" [Other, "process"; cx];

    /// Runs programs as one pipeline and returns the last standard output.
    ///
    ///     print(pipe_commands([["echo", "hi"], ["cat"]]) == "hi\n")   # expect: true
    fn pipe_commands(commands: Commands<'_>, options: Option<&Dict>)
        -> "string" [Other, "process"; cx];
}

const OPTIONS: [&str; 8] = [
    "timeout_ms",
    "max_output_bytes",
    "cwd",
    "stdin",
    "inherit_env",
    "env",
    "env_allow",
    "env_deny",
];

/// Bytes kept of each output stream.
const MAX_OUTPUT: i64 = 64 << 20;

/// How long an interruption may go unnoticed.
const SLICE: Duration = Duration::from_millis(20);

/// How long killed children have to let go of their streams.
const GRACE: Duration = Duration::from_secs(1);

/// The declaration number of `ProcessResult`.
const RESULT_ID: u64 = u64::MAX - 1;

struct Settings {
    timeout: Option<Duration>,
    max_output: usize,
    /// More output is an error, so nobody waits for it.
    must_be_whole: bool,
    cwd: Option<PathBuf>,
    stdin: Option<Vec<u8>>,
    env: Vec<(OsString, OsString)>,
}

/// How one child ended.
#[derive(Default)]
struct Outcome {
    status: Option<ExitStatus>,
    stderr: Captured,
}

#[derive(Default)]
struct Captured {
    data: Vec<u8>,
    is_truncated: bool,
}

struct Finished {
    children: Vec<Outcome>,
    stdout: Captured,
    timed_out: bool,
}

/// What threads report; numbers are those of the children.
enum Event {
    Output(Captured),
    Errors(usize, Captured),
    End(usize, io::Result<ExitStatus>),
}

fn settings(cx: &mut Cx<'_>, options: Option<&Dict>, must_be_whole: bool) -> Result<Settings> {
    let options = Options::new(cx, "options", options, &OPTIONS)?;
    let timeout = options.positive(cx, "timeout_ms")?;
    let stdin = match options.get("stdin") {
        None => None,
        Some(value) => match data_of(value) {
            Some(data) => Some(data.to_vec()),
            None => return Err(options.bad_type(cx, "stdin", "string|bytes")),
        },
    };
    let cwd = match options.text(cx, "cwd")? {
        None => None,
        Some(path) => {
            let path = cx.path("options[\"cwd\"]", path)?;
            if !path.is_dir() {
                return Err(cx.path_error(path, "not a directory"));
            }
            Some(path.to_owned())
        }
    };
    Ok(Settings {
        timeout: timeout
            .map(|ms| Duration::try_from_secs_f64(ms / 1000.0).unwrap_or(Duration::MAX)),
        max_output: options.whole(cx, "max_output_bytes", 0)?.unwrap_or(MAX_OUTPUT) as usize,
        must_be_whole,
        cwd,
        stdin,
        env: environment(cx, &options)?,
    })
}

/// The variables of the children.
fn environment(cx: &mut Cx<'_>, options: &Options<'_>) -> Result<Vec<(OsString, OsString)>> {
    let mut all = super::env::variables();
    if !options.bool(cx, "inherit_env")?.unwrap_or(true) {
        all.clear();
    }
    if let Some(allowed) = options.text_list(cx, "env_allow")? {
        all.retain(|name, _| allowed.iter().any(|allowed| name == allowed.as_str()));
    }
    if let Some(denied) = options.text_list(cx, "env_deny")? {
        all.retain(|name, _| !denied.iter().any(|denied| name == denied.as_str()));
    }
    for (name, value) in options.texts(cx, "env")? {
        if name.is_empty() || name.contains(['=', '\0']) || value.contains('\0') {
            return Err(options.bad_value(cx, "env", "variables without NUL"));
        }
        all.insert(name.into(), value.into());
    }
    let guard = cx.guard();
    let is_changed = |(name, value): (&OsString, &OsString)| {
        name.as_encoded_bytes().starts_with(b"LD_")
            && std::env::var_os(name).as_ref() != Some(value)
    };
    if !guard.permissions.allows_all(Class::Process) && all.iter().any(is_changed) {
        // These make an allowed program load the code of others.
        return Err(guard.denied(Class::Process));
    }
    Ok(all.into_iter().collect())
}

fn checked_argv(cx: &Cx<'_>, param: &str, argv: &[String]) -> Result<()> {
    match argv.first() {
        None => return Err(cx.failure(Kind::ValueError, format!("argument '{param}' is empty"))),
        Some(program) if program.is_empty() => {
            return Err(cx.bad_value(&format!("{param}[0]"), "the name of a program", ""));
        }
        Some(_) => {}
    }
    match argv.iter().position(|arg| arg.contains('\0')) {
        None => Ok(()),
        Some(i) => {
            let path = format!("{param}[{i}]");
            Err(cx.bad_value(&path, "a text without NUL", argv[i].as_str()))
        }
    }
}

fn shell(cx: &Cx<'_>, command: &str) -> Result<Vec<String>> {
    if command.contains('\0') {
        return Err(cx.bad_value("command", "a text without NUL", command));
    }
    Ok(["sh", "-c", command].map(str::to_owned).into())
}

/// Starts the programs as a pipeline and waits until all have ended.
fn run(
    cx: &mut Cx<'_>,
    commands: &[Vec<String>],
    settings: Settings,
    inherits_stdin: bool,
) -> Result<Finished> {
    cx.host.isolate().out.flush()?;
    let guard = cx.guard();
    let deadline = settings.timeout.and_then(|limit| Instant::now().checked_add(limit));
    let (sender, events) = channel();
    let must_be_whole = settings.must_be_whole;
    let mut pipeline = Pipeline { group: None, n_children: 0, must_be_whole, sender };
    let mut children = Vec::with_capacity(commands.len());
    if let Err(error) =
        pipeline.start((cx, &guard), commands, settings, inherits_stdin, &mut children)
    {
        for child in &mut children {
            // One that has ended already needs no signal.
            let _ = child.kill();
            let _ = child.wait();
        }
        return Err(error);
    }
    let n_events = 2 * pipeline.n_children + 1;
    pipeline.wait(cx, &events, n_events, deadline)
}

struct Pipeline {
    /// The process group of the children.
    group: Option<Pid>,
    n_children: usize,
    must_be_whole: bool,
    sender: Sender<Event>,
}

impl Pipeline {
    fn start(
        &mut self,
        (cx, guard): (&Cx<'_>, &Guard),
        commands: &[Vec<String>],
        settings: Settings,
        inherits_stdin: bool,
        children: &mut Vec<Child>,
    ) -> Result<()> {
        let inherits = inherits_stdin && settings.stdin.is_none();
        // A group of its own could not read from the terminal.
        let has_group = !(inherits && io::stdin().is_terminal());
        let mut input = match &settings.stdin {
            Some(_) => Stdio::piped(),
            None if inherits => Stdio::inherit(),
            None => Stdio::null(),
        };
        let mut stdin = settings.stdin;
        for (i, argv) in commands.iter().enumerate() {
            let mut command = Command::new(guard.program(&argv[0])?);
            command.arg0(&argv[0]).args(&argv[1..]).env_clear().envs(settings.env.iter().cloned());
            command.stdin(input).stdout(Stdio::piped()).stderr(Stdio::piped());
            if let Some(cwd) = &settings.cwd {
                command.current_dir(cwd);
            }
            if has_group {
                command.process_group(self.group.map_or(0, |group| group.as_raw_nonzero().get()));
            }
            let mut child = command
                .spawn()
                .map_err(|e| cx.failure(Kind::IoError, format!("'{}': {}", argv[0], reason(&e))))?;
            if has_group && self.group.is_none() {
                self.group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
            }
            self.n_children += 1;
            if let (Some(data), Some(mut pipe)) = (stdin.take(), child.stdin.take()) {
                // A child that does not read all of it is not an error of the caller.
                std::thread::spawn(move || pipe.write_all(&data));
            }
            input = match child.stdout.take() {
                Some(output) if i + 1 < commands.len() => output.into(),
                output => {
                    let (max, must_be_whole) = (settings.max_output, self.must_be_whole);
                    self.report(move || Event::Output(capture(output, max, must_be_whole)));
                    Stdio::null()
                }
            };
            children.push(child);
        }
        // A group exists until its first member is waited for, so this comes last.
        for (i, child) in children.drain(..).enumerate() {
            self.watch(i, child, settings.max_output);
        }
        Ok(())
    }

    fn report(&self, work: impl FnOnce() -> Event + Send + 'static) {
        let sender = self.sender.clone();
        // Nobody listens any more when the time limit was reached.
        std::thread::spawn(move || drop(sender.send(work())));
    }

    fn watch(&self, number: usize, mut child: Child, max_output: usize) {
        let errors = child.stderr.take();
        let must_be_whole = self.must_be_whole;
        self.report(move || Event::Errors(number, capture(errors, max_output, must_be_whole)));
        self.report(move || Event::End(number, child.wait()));
    }

    fn kill(&self) {
        if let Some(group) = self.group {
            // A group that has ended already needs no signal.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }

    fn wait(
        &self,
        cx: &mut Cx<'_>,
        events: &Receiver<Event>,
        n_events: usize,
        deadline: Option<Instant>,
    ) -> Result<Finished> {
        let mut finished = Finished {
            children: (0..self.n_children).map(|_| Outcome::default()).collect(),
            stdout: Captured::default(),
            timed_out: false,
        };
        let mut deadline = deadline;
        let mut n_seen = 0;
        while n_seen < n_events {
            let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
            match events.recv_timeout(left.map_or(SLICE, |left| left.min(SLICE))) {
                Ok(event) => {
                    n_seen += 1;
                    finished.note(cx, event)?;
                    if self.must_be_whole && finished.is_cut() {
                        self.kill();
                        return Ok(finished);
                    }
                }
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {}
            }
            if cx.host.isolate().interrupt.stop.load(Ordering::Relaxed) {
                self.kill();
                return Err(Error::interrupted());
            }
            if !has_room(0) {
                self.kill();
                return Err(out_of_memory());
            }
            if n_seen < n_events && deadline.is_some_and(|at| Instant::now() >= at) {
                if finished.timed_out {
                    break;
                }
                finished.timed_out = true;
                self.kill();
                deadline = Instant::now().checked_add(GRACE);
            }
        }
        Ok(finished)
    }
}

/// Reads a stream to its end and keeps the first `max` bytes; no further if it must be whole.
fn capture(stream: Option<impl Read>, max: usize, must_be_whole: bool) -> Captured {
    let mut captured = Captured::default();
    let Some(mut stream) = stream else { return captured };
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let n = match stream.read(&mut buffer) {
            Ok(0) => return captured,
            Ok(n) => n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => return captured,
        };
        let room = max - captured.data.len();
        captured.data.extend_from_slice(&buffer[..n.min(room)]);
        captured.is_truncated |= n > room;
        if captured.is_truncated && must_be_whole {
            return captured;
        }
    }
}

impl Finished {
    /// Whether an output was longer than what is kept.
    fn is_cut(&self) -> bool {
        self.stdout.is_truncated || self.children.iter().any(|child| child.stderr.is_truncated)
    }

    fn note(&mut self, cx: &Cx<'_>, event: Event) -> Result<()> {
        match event {
            Event::Output(output) => self.stdout = output,
            Event::Errors(child, errors) => self.children[child].stderr = errors,
            Event::End(child, status) => {
                let status = status.map_err(|e| cx.failure(Kind::IoError, reason(&e)))?;
                self.children[child].status = Some(status);
            }
        }
        Ok(())
    }
}

/// The exit status; -1 if a signal or the time limit ended the child.
fn exit_code(outcome: &Outcome) -> i64 {
    outcome.status.and_then(|status| status.code()).map_or(-1, i64::from)
}

fn text(data: &[u8]) -> String {
    String::from_utf8_lossy(data).into_owned()
}

/// The output of commands that must succeed.
fn output_of(
    cx: &Cx<'_>,
    finished: &Finished,
    limits: (Option<Duration>, usize),
) -> Result<String> {
    if finished.timed_out {
        let ms = limits.0.unwrap_or_default().as_secs_f64() * 1000.0;
        return Err(cx.failure(Kind::TimeoutError, format!("time limit of {ms} ms reached")));
    }
    if finished.is_cut() {
        let what = format!("more than {} bytes of output", limits.1);
        return Err(cx.failure(Kind::IoError, what));
    }
    Ok(text(&finished.stdout.data))
}

fn execute(cx: &mut Cx<'_>, command: ShellCommand<'_>, options: Option<&Dict>) -> Result<String> {
    let argv = shell(cx, command.0)?;
    let settings = settings(cx, options, true)?;
    let limits = (settings.timeout, settings.max_output);
    let finished = run(cx, &[argv], settings, false)?;
    let child = &finished.children[0];
    let code = exit_code(child);
    if code != 0 && !finished.timed_out && !finished.is_cut() {
        let errors = text(&child.stderr.data);
        let what = format!("command failed with exit code {code}: {}", errors.trim_end());
        return Err(cx.failure(Kind::IoError, what));
    }
    output_of(cx, &finished, limits)
}

fn process_result(cx: &mut Cx<'_>, mut finished: Finished) -> Value {
    let child = finished.children.pop().unwrap_or_default();
    let code = if finished.timed_out { -1 } else { exit_code(&child) };
    let fields = [
        ("exitcode", Value::int(code)),
        ("stdout", string_value(text(&finished.stdout.data))),
        ("stderr", string_value(text(&child.stderr.data))),
        ("success", Value::bool(code == 0)),
        ("timed_out", Value::bool(finished.timed_out)),
        ("stdout_truncated", Value::bool(finished.stdout.is_truncated)),
        ("stderr_truncated", Value::bool(child.stderr.is_truncated)),
    ];
    library_struct(cx, RESULT_ID, "ProcessResult", fields)
}

fn execute_status(
    cx: &mut Cx<'_>,
    command: ShellCommand<'_>,
    options: Option<&Dict>,
) -> Result<Value> {
    let argv = shell(cx, command.0)?;
    let settings = settings(cx, options, false)?;
    let finished = run(cx, &[argv], settings, false)?;
    Ok(process_result(cx, finished))
}

fn spawn_process(cx: &mut Cx<'_>, argv: Argv<'_>, options: Option<&Dict>) -> Result<Value> {
    let argv = argv.0.to_vec();
    checked_argv(cx, "argv", &argv)?;
    let settings = settings(cx, options, false)?;
    let finished = run(cx, &[argv], settings, true)?;
    Ok(process_result(cx, finished))
}

fn pipe_commands(
    cx: &mut Cx<'_>,
    commands: Commands<'_>,
    options: Option<&Dict>,
) -> Result<String> {
    let mut all = Vec::with_capacity(commands.0.len());
    for (i, argv) in commands.0.iter().enumerate() {
        let path = format!("commands[{i}]");
        let View::Array(words) = argv.view() else {
            return Err(cx.bad_type(&path, "array", &argv));
        };
        let mut argv = Vec::with_capacity(words.len());
        for (j, word) in words.iter().enumerate() {
            let Some(text) = text_of(&word) else {
                return Err(cx.bad_type(&format!("{path}[{j}]"), "string", &word));
            };
            argv.push(text.to_owned());
        }
        checked_argv(cx, &path, &argv)?;
        all.push(argv);
    }
    if all.is_empty() {
        return Err(cx.failure(Kind::ValueError, "argument 'commands' is empty"));
    }
    let settings = settings(cx, options, true)?;
    let limits = (settings.timeout, settings.max_output);
    let finished = run(cx, &all, settings, false)?;
    if !finished.timed_out
        && !finished.is_cut()
        && let Some((argv, child)) = all.iter().zip(&finished.children).find(|(_, c)| has_failed(c))
    {
        let (line, errors) = (argv.join(" "), text(&child.stderr.data));
        let code = exit_code(child);
        let what = format!("'{line}' failed with exit code {code}: {}", errors.trim_end());
        return Err(cx.failure(Kind::IoError, what));
    }
    output_of(cx, &finished, limits)
}

/// Whether a part of a pipeline failed, other than by having nobody who reads on.
fn has_failed(child: &Outcome) -> bool {
    let is_broken_pipe = |status: ExitStatus| status.signal() == Some(Signal::PIPE.as_raw());
    child.status.is_some_and(|status| !status.success() && !is_broken_pipe(status))
}
