//! Model checking: isolates, channels, promises and the shared table under schedules that a
//! checker (shuttle) chooses.
//!
//! It is the real code that runs: the scheduler, mailboxes, channels and the end of a program.
//! Only the engine is a small one, whose functions are written in Rust. A schedule fails if an
//! assertion does, or if all threads wait: a wake-up that gets lost is such a case, since time
//! limits do not end waits here. `RUFF_SCHEDULES` says how many schedules each test tries.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};

use super::isolates::{self, Body, Engine, Membership, Work};
use super::mailbox::Mailbox;
use super::program::Program;
use super::shared_channels::SharedChannel;
use super::{pack, promises, store, tasks};
use crate::error::{Error, Kind, Result};
use crate::host::{Counters, Host, Isolate, Output};
use crate::limits::Limits;
use crate::objects::function::FunctionCode;
use crate::objects::module::{ModuleBody, Origin, Template};
use crate::value::{Value, View};

/// Bytes of stack for tasks and threads.
const STACK: usize = 256 << 10;

/// What a function of the small engine does.
type Func = Box<dyn FnOnce(&mut dyn Host) -> Result<Value>>;

/// An engine whose functions are closures, called by their number.
struct Small {
    isolate: Isolate,
    counters: Counters,
}

thread_local! {
    /// Functions that have not been called.
    static FUNCS: std::cell::RefCell<Vec<Option<Func>>> = const { std::cell::RefCell::new(Vec::new()) };
}

fn func(body: impl FnOnce(&mut dyn Host) -> Result<Value> + 'static) -> Value {
    FUNCS.with_borrow_mut(|funcs| {
        funcs.push(Some(Box::new(body)));
        Value::int(funcs.len() as i64 - 1)
    })
}

impl Small {
    fn new(mut isolate: Isolate) -> Small {
        (isolate.tasks.main_stack_bytes, isolate.tasks.stack_bytes) = (STACK, STACK);
        Small { isolate, counters: Counters { depth: 0, nested: 0, callbacks: 0 } }
    }
}

impl Host for Small {
    fn isolate(&mut self) -> &mut Isolate {
        &mut self.isolate
    }

    fn call(&mut self, callee: &Value, _args: &mut [Value]) -> Result<Value> {
        let View::Int(number) = callee.view() else { return Ok(Value::NULL) };
        let func = FUNCS.with_borrow_mut(|funcs| funcs[number as usize].take());
        func.map_or(Ok(Value::NULL), |func| func(self))
    }

    fn call_method(&mut self, f: &Value, _: &mut Value, args: &mut [Value]) -> Result<Value> {
        self.call(f, args)
    }

    fn import(&mut self, _path: &[Arc<str>], _importer: &Arc<str>) -> Result<Value> {
        Ok(Value::NULL)
    }

    fn resume_generator(&mut self, _generator: &Value) -> Result<Option<Value>> {
        Ok(None)
    }

    fn run_body(&mut self, f: &Value, _: &mut Value, args: &mut [Value]) -> Result<Value> {
        self.call(f, args)
    }

    fn adopt_module(&mut self, origin: &Origin) -> std::rc::Rc<ModuleBody> {
        ModuleBody::new("".into(), "".into(), Vec::new(), Vec::new(), origin.clone())
    }

    fn code_at(&mut self, _: &ModuleBody, _: u32, _: Option<&Template>) -> *const FunctionCode {
        std::ptr::null()
    }

    fn counters(&self) -> Counters {
        self.counters
    }

    fn set_counters(&mut self, counters: Counters) {
        self.counters = counters;
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        tasks::stop(self);
    }
}

struct SmallEngine;

impl Engine for SmallEngine {
    fn run(&self, isolate: Isolate, work: Work<'_>) -> Result<()> {
        work(&mut Small::new(isolate));
        Ok(())
    }
}

/// Starts an isolate; gives the promise of its value, and its mailbox.
fn start(
    host: &mut dyn Host,
    body: impl FnOnce(&mut dyn Host) -> Result<Value> + Send + 'static,
) -> (Value, Arc<Mailbox>) {
    let (promise, on_end) = isolates::reported_promise(host);
    let body: Body = Box::new(|host, _| body(host));
    let seed = isolates::seed(host, &Value::NULL, body, on_end).expect("null can be packed");
    (promise, isolates::start(seed).expect("there are few isolates"))
}

/// Runs a program whose main task is `body`; gives its code if it ends by `exit`.
fn run_program(body: impl FnOnce(&mut dyn Host) -> Result<Value>) -> Option<u8> {
    FUNCS.with_borrow_mut(Vec::clear);
    let mailbox = Mailbox::new(Arc::default(), true);
    let program = Arc::new(Program::new(mailbox.clone(), 8));
    let out = Output::new(Box::new(std::io::sink()), false);
    let mut isolate = Isolate::new(out, Vec::new(), Limits::DEFAULT, mailbox.interrupt.clone());
    isolate.engine = Some(Arc::new(SmallEngine));
    isolate.membership = Some(Membership { program, mailbox, is_root: true });
    let mut host = Small::new(isolate);
    let result = tasks::run_main_value(&mut host, Box::new(body));
    let drained = result.and_then(|_| tasks::drain(&mut host));
    let ended = isolates::finish(&mut host);
    assert!(drained.is_ok() || ended.exit.is_some(), "main fails: {:?}", drained.err());
    ended.exit
}

/// Tries schedules: half of them by chance, half with random priorities.
#[expect(clippy::disallowed_methods, reason = "the size of a test run is set from outside")]
fn check(scenario: impl Fn() + Send + Sync + 'static) {
    let n = std::env::var("RUFF_SCHEDULES").ok().and_then(|n| n.parse().ok()).unwrap_or(200);
    let scenario = Arc::new(scenario);
    let run = |scheduler: Box<dyn Scheduler + Send>| {
        let mut config = shuttle::Config::new();
        config.stack_size = 4 * STACK;
        config.silence_warnings = true;
        let scenario = scenario.clone();
        shuttle::Runner::new(scheduler, config).run(move || scenario());
    };
    run(Box::new(RandomScheduler::new(n / 2)));
    run(Box::new(PctScheduler::new(4, n - n / 2)));
}

fn channel(capacity: usize) -> Arc<SharedChannel> {
    Arc::new(SharedChannel::new(capacity))
}

fn send_all(host: &mut dyn Host, to: &Arc<SharedChannel>, values: &[i64]) -> Result<Value> {
    values.iter().try_for_each(|&value| to.send(host, Value::int(value)))?;
    Ok(Value::NULL)
}

fn next(host: &mut dyn Host, from: &Arc<SharedChannel>) -> Result<Option<i64>> {
    Ok(from.receive(host, None)?.and_then(|value| value.as_int()))
}

#[test]
fn a_full_channel_loses_nothing_and_keeps_the_order() {
    check(|| {
        run_program(|host| {
            let ch = channel(1);
            for first in [10, 20] {
                let theirs = ch.clone();
                start(host, move |host| send_all(host, &theirs, &[first, first + 1, first + 2]));
            }
            let mut all = Vec::new();
            for _ in 0..6 {
                all.extend(next(host, &ch)?);
            }
            for first in [10, 20] {
                let own: Vec<i64> = all.iter().copied().filter(|v| v / 10 * 10 == first).collect();
                assert_eq!(own, [first, first + 1, first + 2]);
            }
            Ok(Value::NULL)
        });
    });
}

#[test]
fn every_value_reaches_one_of_the_receivers() {
    check(|| {
        run_program(|host| {
            let ch = channel(2);
            let sum = Arc::new(AtomicI64::new(0));
            let receivers: Vec<Value> = (0..2)
                .map(|_| {
                    let (theirs, sum) = (ch.clone(), sum.clone());
                    let body = move |host: &mut dyn Host| {
                        while let Some(value) = next(host, &theirs)? {
                            sum.fetch_add(value, Ordering::Relaxed);
                        }
                        Ok(Value::NULL)
                    };
                    start(host, body).0
                })
                .collect();
            send_all(host, &ch, &[1, 10, 100, 1000])?;
            ch.close(host);
            for receiver in receivers {
                promises::await_value(host, receiver)?;
            }
            assert_eq!(sum.load(Ordering::Relaxed), 1111);
            Ok(Value::NULL)
        });
    });
}

#[test]
fn ping_pong_goes_on() {
    check(|| {
        run_program(|host| {
            let (there, back) = (channel(1), channel(1));
            let (to, from) = (there.clone(), back.clone());
            start(host, move |host| {
                while let Some(value) = next(host, &to)? {
                    send_all(host, &from, &[value + 1])?;
                }
                Ok(Value::NULL)
            });
            for i in 0..3 {
                send_all(host, &there, &[i])?;
                assert_eq!(next(host, &back)?, Some(i + 1));
            }
            Ok(Value::NULL)
        });
    });
}

#[test]
fn tasks_of_one_isolate_wait_beside_each_other() {
    check(|| {
        run_program(|host| {
            let (ch, n) = (channel(usize::MAX), Arc::new(AtomicUsize::new(0)));
            for _ in 0..2 {
                let (own, n) = (ch.clone(), n.clone());
                let body = func(move |host| {
                    n.fetch_add(usize::from(next(host, &own)?.is_some()), Ordering::Relaxed);
                    Ok(Value::NULL)
                });
                tasks::start(host, body, Value::NULL, Vec::new())?;
            }
            let theirs = ch.clone();
            let (sent, _) = start(host, move |host| send_all(host, &theirs, &[1, 2]));
            promises::await_value(host, sent)?;
            tasks::drain(host)?;
            assert_eq!(n.load(Ordering::Relaxed), 2);
            Ok(Value::NULL)
        });
    });
}

#[test]
fn a_deadlock_is_found_once_nobody_can_go_on() {
    check(|| {
        run_program(|host| {
            let (ch, never) = (channel(1), channel(1));
            let theirs = ch.clone();
            let (other, _) =
                start(host, move |host| Ok(next(host, &theirs)?.map_or(Value::NULL, Value::int)));
            let error = next(host, &never).expect_err("nobody sends");
            assert_eq!(error.message, "Channel receive would block forever");
            assert_eq!(error.help.len(), 2, "the other place is named: {:?}", error.help);
            send_all(host, &ch, &[7])?;
            assert_eq!(promises::await_value(host, other)?.as_int(), Some(7));
            Ok(Value::NULL)
        });
    });
}

#[test]
fn no_deadlock_while_another_isolate_works() {
    check(|| {
        run_program(|host| {
            let (a, b) = (channel(1), channel(1));
            let (from, to) = (a.clone(), b.clone());
            start(host, move |host| {
                let value = next(host, &from)?.unwrap_or_default();
                send_all(host, &to, &[value * 2])
            });
            let last = b.clone();
            let (doubled, _) = start(host, move |host| {
                let value = next(host, &last)?.unwrap_or_default();
                Ok(Value::int(value * 2))
            });
            send_all(host, &a, &[5])?;
            assert_eq!(promises::await_value(host, doubled)?.as_int(), Some(20));
            Ok(Value::NULL)
        });
    });
}

#[test]
fn a_value_for_a_receiver_that_is_stopped_is_not_lost() {
    check(|| {
        run_program(|host| {
            let (ch, n) = (channel(usize::MAX), Arc::new(AtomicUsize::new(0)));
            let (theirs, counted) = (ch.clone(), n.clone());
            let (_, mailbox) = start(host, move |host| {
                let value = next(host, &theirs);
                if let Ok(Some(_)) = value {
                    counted.fetch_add(1, Ordering::Relaxed);
                }
                value.map(|_| Value::NULL)
            });
            send_all(host, &ch, &[1])?;
            mailbox.stop();
            while !mailbox.is_closed() {
                shuttle::thread::yield_now();
            }
            let kept = ch.try_receive(host)?.map_or(0, |_| 1);
            assert_eq!(n.load(Ordering::Relaxed) + kept, 1);
            Ok(Value::NULL)
        });
    });
}

#[test]
fn exit_on_another_thread_wakes_main() {
    check(|| {
        let code = run_program(|host| {
            start(host, |_| Err(Error::exit(3)));
            channel(1).receive(host, None).map(Option::unwrap_or_default)
        });
        assert_eq!(code, Some(3));
    });
}

#[test]
fn the_end_of_main_stops_threads_that_wait() {
    check(|| {
        let ended = Arc::new(AtomicUsize::new(0));
        let n = ended.clone();
        run_program(move |host| {
            for _ in 0..2 {
                let n = n.clone();
                start(host, move |host| {
                    let stopped = next(host, &channel(1));
                    n.fetch_add(usize::from(stopped.is_err()), Ordering::Relaxed);
                    stopped.map(|_| Value::NULL)
                });
            }
            Ok(Value::NULL)
        });
        // A thread that had not begun to wait may have been stopped before.
        assert!(ended.load(Ordering::Relaxed) <= 2);
    });
}

fn add_one(host: &mut dyn Host) -> Result<Value> {
    let before = store::get(host, "other")?.and_then(|value| value.as_int());
    Ok(Value::int(before.unwrap_or(0)))
}

#[test]
fn updates_of_the_table_are_atomic() {
    check(|| {
        run_program(|host| {
            store::set(host, "n", &Value::int(0))?;
            let adders: Vec<Value> = (0..2)
                .map(|_| {
                    let body = |host: &mut dyn Host| {
                        let add = func(|_| Ok(Value::int(100)));
                        store::update(host, "n", &add)?;
                        store::add(host, "n", 1).map(|_| Value::NULL)
                    };
                    start(host, body).0
                })
                .collect();
            for adder in adders {
                promises::await_value(host, adder)?;
            }
            let n = store::get(host, "n")?.and_then(|value| value.as_int());
            assert!(matches!(n, Some(101 | 102)), "{n:?}");
            let refused = func(add_one);
            let error = store::update(host, "n", &refused).expect_err("the table is in use");
            assert_eq!(error.message, "The shared table is in use by shared_update");
            Ok(Value::NULL)
        });
    });
}

#[test]
fn an_update_that_waits_for_a_user_of_the_table_is_a_deadlock() {
    check(|| {
        run_program(|host| {
            store::set(host, "n", &Value::int(0))?;
            let (begun, ch) = (channel(1), channel(1));
            let (is_in, theirs) = (begun.clone(), ch.clone());
            let (other, _) = start(host, move |host| {
                let wait = func(move |host| {
                    send_all(host, &is_in, &[1])?;
                    Ok(next(host, &theirs)?.map_or(Value::NULL, Value::int))
                });
                store::update(host, "n", &wait).map(Option::unwrap_or_default)
            });
            next(host, &begun)?;
            let error = store::get(host, "n").expect_err("the update waits for main");
            assert_eq!(error.kind, Kind::ConcurrencyError.name());
            send_all(host, &ch, &[9])?;
            assert_eq!(promises::await_value(host, other)?.as_int(), Some(9));
            Ok(Value::NULL)
        });
    });
}

#[test]
fn a_promise_is_awaited_by_several_isolates() {
    check(|| {
        run_program(|host| {
            let (first, _) = start(host, |_| Ok(Value::int(4)));
            let parcel = pack::pack(host, &first, pack::Foreign::Unusable)?;
            let (second, _) = start(host, move |host| {
                let promise = super::unpack::unpack(host, parcel)?;
                let value = promises::await_value(host, promise)?.as_int();
                Ok(Value::int(value.unwrap_or(0) + 1))
            });
            assert_eq!(promises::await_value(host, second)?.as_int(), Some(5));
            assert_eq!(promises::await_value(host, first)?.as_int(), Some(4));
            Ok(Value::NULL)
        });
    });
}
