//! `parallel_map` and `par_each`: a function on many items, on several threads.
//!
//! Each thread is an isolate with a snapshot of the function. The items are packed when the call
//! begins; threads take them in small groups from the front until none is left or one has failed.
//! The last thread to end wakes the task that has called.

use super::isolates::{self, Body, OnEnd};
use super::parcel::{ErrorParcel, Outcome, Parcel};
use super::program::Program;
use super::{pack, promises, unpack};
use crate::error::{Error, Kind, Result};
use crate::heap::Ref;
use crate::host::Host;
use crate::objects::array::Array;
use crate::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use crate::sync::{Arc, Mutex, MutexGuard, PoisonError};
use crate::value::Value;

/// Groups that a thread takes of its share, so that threads end at about the same time.
const GROUPS: usize = 16;

/// What the threads of a call share.
struct Job {
    items: Mutex<Items>,
    results: Mutex<Vec<Option<Parcel>>>,
    /// The error of the lowest index so far.
    failure: Mutex<Option<(usize, Box<ErrorParcel>)>>,
    has_failed: AtomicBool,
    n_threads: AtomicUsize,
    /// What wakes the caller.
    on_end: Mutex<Option<OnEnd>>,
    keeps_results: bool,
}

struct Items {
    left: std::vec::IntoIter<Parcel>,
    next: usize,
    group: usize,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Job {
    /// The next items and the index of the first one; none if the thread is to end.
    fn take(&self) -> (usize, Vec<Parcel>) {
        let mut items = lock(&self.items);
        if self.has_failed.load(Ordering::Relaxed) {
            return (0, Vec::new());
        }
        let (first, group) = (items.next, items.group);
        let taken: Vec<Parcel> = items.left.by_ref().take(group).collect();
        items.next += taken.len();
        (first, taken)
    }

    fn fail(&self, index: usize, error: Box<ErrorParcel>) {
        self.has_failed.store(true, Ordering::Relaxed);
        let mut failure = lock(&self.failure);
        if failure.as_ref().is_none_or(|(known, _)| index < *known) {
            *failure = Some((index, error));
        }
    }

    /// A thread has ended, or has not come about.
    fn ended(&self, program: &Program) {
        if self.n_threads.fetch_sub(1, Ordering::AcqRel) == 1
            && let Some(on_end) = lock(&self.on_end).take()
        {
            on_end(program, Some(Ok(Parcel::NULL)));
        }
    }

    /// The life of a thread.
    fn work(&self, host: &mut dyn Host, func: &Value) -> Result<()> {
        loop {
            let (first, items) = self.take();
            if items.is_empty() {
                return Ok(());
            }
            for (i, item) in items.into_iter().enumerate() {
                if self.has_failed.load(Ordering::Relaxed) {
                    return Ok(());
                }
                let result = unpack::unpack(host, item)
                    .and_then(|item| host.call(func, &mut [item]))
                    .and_then(|result| promises::await_value(host, result));
                if let Err(error) = &result
                    && !error.is_catchable()
                {
                    return Err(error.clone());
                }
                match pack::pack_outcome(host, result) {
                    Ok(parcel) if self.keeps_results => {
                        lock(&self.results)[first + i] = Some(parcel);
                    }
                    Ok(_) => {}
                    Err(error) => self.fail(first + i, error),
                }
            }
        }
    }

    /// What the call gives.
    fn finish(&self, host: &mut dyn Host) -> Result<Option<Value>> {
        if let Some((_, error)) = lock(&self.failure).take() {
            return Err(unpack::unpack_error(host, *error));
        }
        if !self.keeps_results {
            return Ok(None);
        }
        let parcels = std::mem::take(&mut *lock(&self.results));
        let mut results = Vec::with_capacity(parcels.len());
        for parcel in parcels {
            results.push(unpack::unpack(host, parcel.unwrap_or(Parcel::NULL))?);
        }
        Ok(Some(Value::from_ref(Ref::new(Array::from_values(results)))))
    }
}

/// The number of processors.
fn n_processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// `func` of every item on at most `workers` threads; the results in order if they are wanted.
///
/// # Errors
/// The error of the lowest index that has failed; ConcurrencyError if there are too many threads.
pub fn map(
    host: &mut dyn Host,
    items: Vec<Value>,
    func: &Value,
    workers: Option<usize>,
    keeps_results: bool,
) -> Result<Value> {
    let n_items = items.len();
    if n_items == 0 {
        let empty = Value::from_ref(Ref::new(Array::new()));
        return Ok(if keeps_results { empty } else { Value::NULL });
    }
    let program = host.isolate().membership().program;
    let usual = program.pool.size().min(n_processors());
    let n_threads = workers.unwrap_or(usual).min(n_items);
    let mut parcels = Vec::with_capacity(n_items);
    for item in items {
        parcels.push(pack::pack_owned(host, item)?);
    }
    let snapshot = pack::pack_snapshot(host, func)?;
    let (promise, on_end) = isolates::reported_promise(host);
    let group = (n_items / (n_threads * GROUPS)).max(1);
    let job = Arc::new(Job {
        items: Mutex::new(Items { left: parcels.into_iter(), next: 0, group }),
        results: Mutex::new(if keeps_results { vec![None; n_items] } else { Vec::new() }),
        failure: Mutex::default(),
        has_failed: AtomicBool::new(false),
        n_threads: AtomicUsize::new(n_threads),
        on_end: Mutex::new(Some(on_end)),
        keeps_results,
    });
    for i in 0..n_threads {
        if let Err(error) = start_thread(host, &job, snapshot.clone()) {
            if i == 0 || !error.is_catchable() {
                isolates::forget(host, &promise);
                return Err(error);
            }
            // Those that have started do all the work.
            for _ in i..n_threads {
                job.ended(&program);
            }
            break;
        }
    }
    promises::await_then(host, &promise, Box::new(move |host, _| job.finish(host)))
}

fn start_thread(host: &mut dyn Host, job: &Arc<Job>, snapshot: Parcel) -> Result<()> {
    let (own, ending) = (job.clone(), job.clone());
    let body: Body = Box::new(move |host, func| own.work(host, &func).map(|()| Value::NULL));
    let on_end = move |program: &Program, outcome: Option<Outcome>| {
        match outcome {
            Some(Ok(_)) => {}
            Some(Err(error)) => ending.fail(usize::MAX, error),
            None => {
                let error = Error::new(Kind::ConcurrencyError, "The thread was stopped");
                ending.fail(usize::MAX, Box::new(ErrorParcel::without_values(&error)));
            }
        }
        ending.ended(program);
    };
    let seed = isolates::seed_with(host, snapshot, body, Box::new(on_end))?;
    isolates::start(seed).map(drop)
}
