//! Isolates: threads of a program with a heap of their own.
//!
//! A new isolate gets a snapshot of what its code can reach ([`super::pack`]) and runs on an OS
//! thread with an engine like that of its parent ([`Engine`]). It reports its outcome to a
//! promise of the parent through the parent's mailbox. All isolates end with the program.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::mailbox::{Event, Mailbox};
use super::parcel::{ErrorParcel, Outcome, Parcel};
use super::program::{Failure, MAX_ISOLATES, Program};
use super::{deadlock, pack, pool, promises, tasks, unpack};
use crate::error::{Error, Exit, Kind, Result};
use crate::heap;
use crate::host::{Host, Interrupt, Isolate, Output};
use crate::limits::Limits;
use crate::objects::promise::PromiseBody;
use crate::permissions::Permissions;
use crate::sync::thread;
use crate::value::{Value, View};

/// Bytes of native stack of a thread; the main task of an isolate has one of its own.
const STACK: usize = 8 << 20;

/// What a new isolate is to do with its engine.
pub type Work<'a> = Box<dyn FnOnce(&mut dyn Host) + 'a>;

/// Makes further engines of the kind that runs the program.
pub trait Engine: Send + Sync {
    /// Makes an engine on the present thread and lets `work` use it.
    ///
    /// # Errors
    /// MemoryError; the work has not begun then.
    fn run(&self, isolate: Isolate, work: Work<'_>) -> Result<()>;
}

/// An isolate's place in its program.
#[derive(Clone)]
pub struct Membership {
    pub program: Arc<Program>,
    pub mailbox: Arc<Mailbox>,
    /// It is the first isolate.
    pub is_root: bool,
}

impl Membership {
    /// Delivers an event to this isolate; gives it back if it has ended.
    ///
    /// # Errors
    /// The event.
    pub fn post(&self, event: Event) -> std::result::Result<(), Event> {
        self.mailbox.post(&self.program, event)
    }
}

impl Isolate {
    /// The isolate's place among those of the program.
    pub fn membership(&mut self) -> Membership {
        let interrupt = &self.interrupt;
        let made = self.membership.get_or_insert_with(|| {
            let mailbox = Mailbox::new(interrupt.clone(), true);
            let program = Arc::new(Program::new(mailbox.clone(), MAX_ISOLATES));
            Membership { program, mailbox, is_root: true }
        });
        made.clone()
    }

    /// Whether it is the first isolate of the program.
    pub(super) fn is_root(&self) -> bool {
        self.membership.as_ref().is_none_or(|membership| membership.is_root)
    }

    /// Whether other isolates have been made.
    pub(super) fn is_forked(&self) -> bool {
        let membership = self.membership.as_ref();
        membership.is_some_and(|own| own.program.has_forked.load(Ordering::Relaxed))
    }
}

/// What a new isolate runs: it gets the value of the snapshot.
pub(super) type Body = Box<dyn FnOnce(&mut dyn Host, Value) -> Result<Value> + Send>;
/// Hears of the outcome; of none if the isolate was stopped.
pub(super) type OnEnd = Box<dyn FnOnce(&Program, Option<Outcome>) + Send>;

/// What it takes to start an isolate from any thread.
pub(super) struct Seed {
    program: Arc<Program>,
    engine: Arc<dyn Engine>,
    out: Output,
    args: Vec<String>,
    limits: Limits,
    permissions: Arc<Permissions>,
    snapshot: Parcel,
    body: Body,
    on_end: OnEnd,
    /// It takes a place in the task pool.
    is_pooled: bool,
}

impl Seed {
    /// The same, counted by the task pool.
    pub(super) fn pooled(self) -> Seed {
        Seed { is_pooled: true, ..self }
    }
}

/// Prepares an isolate with a snapshot of `value`.
///
/// # Errors
/// RecursionError for a value that is nested too deeply; ConcurrencyError where threads are not
/// to be had.
pub(super) fn seed(host: &mut dyn Host, value: &Value, body: Body, on_end: OnEnd) -> Result<Seed> {
    let snapshot = pack::pack_snapshot(host, value)?;
    seed_with(host, snapshot, body, on_end)
}

/// As [`seed`], with a snapshot that has been made.
pub(super) fn seed_with(
    host: &mut dyn Host,
    snapshot: Parcel,
    body: Body,
    on_end: OnEnd,
) -> Result<Seed> {
    let isolate = host.isolate();
    let program = isolate.membership().program;
    program.has_forked.store(true, Ordering::Relaxed);
    let Some(engine) = isolate.engine.clone() else {
        return Err(Error::new(Kind::ConcurrencyError, "Threads are not available here"));
    };
    let (args, limits) = (isolate.args.clone(), isolate.limits);
    let (permissions, out) = (isolate.permissions.clone(), isolate.out.share());
    Ok(Seed {
        program,
        engine,
        out,
        args,
        limits,
        permissions,
        snapshot,
        body,
        on_end,
        is_pooled: false,
    })
}

/// Starts an isolate.
///
/// # Errors
/// ConcurrencyError if there are too many threads; the end of the program. The seed is dropped.
pub(super) fn start(seed: Seed) -> Result<Arc<Mailbox>> {
    let mailbox = Mailbox::new(Arc::<Interrupt>::default(), false);
    start_at(seed, &mailbox)?;
    Ok(mailbox)
}

/// As [`start`], with a mailbox that has been made.
///
/// # Errors
/// As for [`start`].
pub(super) fn start_at(seed: Seed, mailbox: &Arc<Mailbox>) -> Result<()> {
    seed.program.enter(mailbox)?;
    let (program, own) = (seed.program.clone(), mailbox.clone());
    let thread = thread::Builder::new().name("spawn".to_owned()).stack_size(STACK);
    let run = move || {
        let (program, mailbox, is_pooled) = (seed.program.clone(), own.clone(), seed.is_pooled);
        let _place = Place { program, mailbox, is_pooled };
        // A bug in the engine costs a thread, not the program.
        let program = seed.program.clone();
        let run = std::panic::AssertUnwindSafe(|| run(seed, own));
        drop(std::panic::catch_unwind(run));
        heap::release_thread_memory();
        program.n_leaked.fetch_add(heap::live_objects(), Ordering::Relaxed);
    };
    if let Err(error) = thread.spawn(run) {
        program.leave(mailbox);
        let message = format!("Cannot start a thread: {error}");
        return Err(Error::new(Kind::ConcurrencyError, message));
    }
    Ok(())
}

/// Gives an isolate's place back when its thread ends, however it does.
struct Place {
    program: Arc<Program>,
    mailbox: Arc<Mailbox>,
    is_pooled: bool,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.mailbox.close();
        if self.is_pooled {
            pool::ended(&self.program);
        }
        self.program.leave(&self.mailbox);
    }
}

/// Tells the outcome once, also if the thread ends by a panic.
struct Report {
    program: Arc<Program>,
    on_end: Option<OnEnd>,
}

impl Report {
    fn tell(&mut self, outcome: Option<Outcome>) {
        if let Some(on_end) = self.on_end.take() {
            on_end(&self.program, outcome);
        }
    }
}

impl Drop for Report {
    fn drop(&mut self) {
        self.tell(Some(Err(Box::new(ErrorParcel::internal()))));
    }
}

/// The life of an isolate.
fn run(seed: Seed, mailbox: Arc<Mailbox>) {
    let Seed { program, engine, out, args, limits, permissions, snapshot, body, on_end, .. } = seed;
    let mut isolate = Isolate::new(out, args, limits, mailbox.interrupt.clone());
    isolate.permissions = permissions;
    isolate.engine = Some(engine.clone());
    let membership = Membership { program: program.clone(), mailbox, is_root: false };
    isolate.membership = Some(membership.clone());
    let mut report = Report { program, on_end: Some(on_end) };
    let told = &mut report;
    let work = move |host: &mut dyn Host| {
        let body = |host: &mut dyn Host| {
            let value = unpack::unpack(host, snapshot)?;
            body(host, value)
        };
        let result = tasks::run_main_value(host, Box::new(body));
        let is_over = tell(host, told, result);
        if !is_over {
            end(host, &membership);
        }
    };
    if let Err(error) = engine.run(isolate, Box::new(work)) {
        report.tell(Some(Err(Box::new(ErrorParcel::without_values(&error)))));
    }
}

/// Reports how the main task of an isolate has ended; true if nothing else is to run.
fn tell(host: &mut dyn Host, report: &mut Report, result: Result<Value>) -> bool {
    match result.as_ref().map_or_else(|error| error.cause_of_exit, |_| Exit::Raised) {
        Exit::Exit(code) => {
            report.program.exit(code);
            report.on_end = None;
            return true;
        }
        Exit::Interrupted | Exit::Suspended => {
            report.tell(None);
            return true;
        }
        Exit::Raised => {}
    }
    let outcome = pack::pack_outcome(host, result);
    report.tell(Some(outcome));
    false
}

/// The tasks of an isolate that are left, and failures that nobody has seen.
fn end(host: &mut dyn Host, membership: &Membership) {
    if let Err(error) = tasks::drain(host)
        && let Exit::Exit(code) = error.cause_of_exit
    {
        membership.program.exit(code);
        return;
    }
    for event in membership.mailbox.close() {
        handle(host, event);
    }
    for unobserved in tasks::unobserved(host.isolate()) {
        let error = Box::new(pack::pack_error(host, &unobserved.error));
        let (is_thread, promise) = (unobserved.is_thread, unobserved.shared);
        membership.program.fail(Failure { error, is_thread, promise });
    }
}

/// `spawn` (LS 17): runs a closure without parameters on a thread of its own; gives a promise.
///
/// # Errors
/// As for [`seed`] and [`start`].
pub fn spawn(host: &mut dyn Host, block: &Value) -> Result<Value> {
    let (promise, on_end) = reported_promise(host);
    let body: Body = Box::new(|host, block| host.run_block(&block));
    let started = seed(host, block, body, on_end).and_then(start);
    match started {
        Ok(_) => Ok(promise),
        Err(error) => {
            forget(host, &promise);
            Err(error)
        }
    }
}

/// A pending promise of this isolate, and what settles it from another thread.
pub(super) fn reported_promise(host: &mut dyn Host) -> (Value, OnEnd) {
    let promise = PromiseBody::pending();
    let mut core = None;
    if let View::Promise(body) = promise.view() {
        body.is_thread.set(true);
        core = Some(body.share().0);
    }
    let token = host.isolate().tasks.register(promise.clone());
    let membership = host.isolate().membership();
    let on_end = move |program: &Program, outcome: Option<Outcome>| {
        let Some(outcome) = outcome else { return };
        let posted = membership.mailbox.post(program, Event::Settle(token, outcome));
        // Without the isolate that began it, others may still know the promise.
        if let Err(Event::Settle(_, outcome)) = posted {
            if let Err(error) = &outcome {
                let failure =
                    Failure { error: error.clone(), is_thread: true, promise: core.clone() };
                program.fail(failure);
            }
            core.iter().for_each(|core| core.settle(outcome.clone()));
        }
    };
    (promise, Box::new(on_end))
}

/// The work behind a promise has not begun.
pub(super) fn forget(host: &mut dyn Host, promise: &Value) {
    host.isolate().tasks.unregister(promise);
}

/// Looks into the mailbox; false if it is empty.
pub(super) fn read_mail(host: &mut dyn Host) -> bool {
    let Some(membership) = &host.isolate().membership else { return false };
    if !membership.mailbox.has_mail() {
        return false;
    }
    let events = membership.mailbox.take();
    // Whoever got something else besides can go on, and hears of the next deadlock.
    let is_only = events.len() == 1;
    for event in events {
        if is_only || !matches!(event, Event::Deadlock) {
            handle(host, event);
        }
    }
    true
}

fn handle(host: &mut dyn Host, event: Event) {
    match event {
        Event::Settle(token, outcome) => {
            let Some(promise) = host.isolate().tasks.registered(token) else { return };
            let result = unpack::unpack_outcome(host, outcome);
            promises::settle(host, &promise, result);
        }
        Event::Complete(token, complete) => {
            let Some(promise) = host.isolate().tasks.registered(token) else { return };
            let result = complete(host);
            promises::settle(host, &promise, result);
        }
        Event::Wake(wait) => host.isolate().tasks.wake_number(wait),
        Event::Deadlock => deadlock::end(host),
        Event::Describe(survey) => deadlock::answer(host, &survey),
    }
}

/// How a program with several isolates has ended.
#[derive(Default)]
pub struct Ended {
    /// The code of an `exit` outside main.
    pub exit: Option<u8>,
    /// Errors that nobody has awaited, and whether they are of spawned blocks.
    pub failures: Vec<(Error, bool)>,
    /// Objects that the threads of the others, which have ended, did not free.
    pub n_leaked: usize,
}

fn own_failures(host: &mut dyn Host) -> Vec<(Error, bool)> {
    let unobserved = tasks::unobserved(host.isolate()).into_iter();
    unobserved.map(|unobserved| (unobserved.error, unobserved.is_thread)).collect()
}

/// Stops all other isolates after main has ended.
pub fn finish(host: &mut dyn Host) -> Ended {
    let Some(membership) = host.isolate().membership.clone() else {
        return Ended { failures: own_failures(host), ..Ended::default() };
    };
    membership.program.stop();
    membership.program.jobs.finish();
    for event in membership.mailbox.close() {
        handle(host, event);
    }
    let mut failures = own_failures(host);
    for failure in membership.program.take_failures() {
        failures.push((unpack::unpack_error(host, *failure.error), failure.is_thread));
    }
    membership.program.store.clear();
    let n_leaked = membership.program.n_leaked.load(Ordering::Relaxed);
    Ended { exit: membership.program.exit_code(), failures, n_leaked }
}
