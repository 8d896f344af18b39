//! Pulling values through lazy iterators (LS 15.1 and section 4.2 of the library reference).
//!
//! A pull takes the iterator's state out, so that stage functions may run freely; using the same
//! iterator from inside is an error. A request goes down through the stages until one of them
//! (or the source) has a value, then the value goes up through the stages above.

use std::cell::Cell;

use crate::concurrency::coroutine::FOREIGN;
use crate::error::{Error, Kind, Result};
use crate::heap::Ref;
use crate::host::Host;
use crate::objects::array::Array;
use crate::objects::iterator::{IteratorBody, IteratorState, Source, Stage};
use crate::semantics::arith::check_memory;
use crate::semantics::iterate::{item_from, range_bounds, range_len};
use crate::semantics::{truthy, type_name};
use crate::value::{Tag, Value, View};

/// Iterators that may wait for one another at the same time.
const MAX_NESTING: u32 = 1000;

thread_local! {
    static NESTING: Cell<u32> = const { Cell::new(0) };
}

/// An iterator over an array, string, bytes, set, queue or stack; an iterator itself.
pub fn make_iterator(source: Value) -> Value {
    if matches!(source.tag(), Tag::Iterator | Tag::Generator) {
        return source;
    }
    IteratorBody::make(Source::Collection { value: source, at: 0 }, Vec::new())
}

/// The iterator that a lazy stage makes of `range(args)`, without the array in between.
///
/// # Errors
/// As `range`.
pub fn range_iterator(args: &[Value]) -> Result<Value> {
    let (at, stop, step) = range_bounds(args)?;
    check_memory(range_len(at, stop, step) as usize * size_of::<Value>())?;
    Ok(IteratorBody::make(Source::Range { at, stop, step }, Vec::new()))
}

/// A new iterator that applies `stage` to the items of an array or iterator.
pub fn add_stage(source: &Value, stage: Stage) -> Value {
    let source = match source.view() {
        View::Iterator(body) => {
            if let Ok(mut state) = body.state.try_borrow_mut() {
                absorb_source(&mut state);
            }
            Source::Iterator(source.clone())
        }
        View::Generator(_) => Source::Iterator(source.clone()),
        _ => Source::Collection { value: source.clone(), at: 0 },
    };
    IteratorBody::make(source, vec![stage])
}

/// Merges a source iterator that nobody else can use any more, so that chains stay flat.
pub(crate) fn absorb_source(state: &mut IteratorState) {
    while let Source::Iterator(inner) = &mut state.source
        && let Some(body) = inner.unique_mut::<IteratorBody>()
        && !body.state.get_mut().is_running
    {
        let below = body.state.get_mut();
        let source = std::mem::replace(&mut below.source, Source::Exhausted);
        let mut stages = std::mem::take(&mut below.stages);
        stages.append(&mut state.stages);
        state.stages = stages;
        state.source = source;
    }
}

/// The next value of an iterator; `None` at its end, then for good. An error ends it too.
///
/// # Errors
/// What stage functions raise; ConcurrencyError if the iterator is running already.
pub fn pull(host: &mut dyn Host, iterator: &Value) -> Result<Option<Value>> {
    let body = match iterator.view() {
        View::Iterator(body) => body,
        View::Generator(_) => return host.resume_generator(iterator),
        _ => return Ok(None),
    };
    let mut state = {
        let mut shared = body.state.borrow_mut();
        if shared.is_running {
            let message = "Iterator is already running";
            return Err(Error::new(Kind::ConcurrencyError, message));
        }
        if matches!(shared.source, Source::Foreign) {
            return Err(Error::new(Kind::ConcurrencyError, FOREIGN));
        }
        shared.is_running = true;
        let source = std::mem::replace(&mut shared.source, Source::Exhausted);
        let stages = std::mem::take(&mut shared.stages);
        IteratorState { source, stages, is_running: false }
    };
    let result = if enter() {
        let result = run(host, &mut state);
        leave();
        result
    } else {
        Err(Error::new(Kind::RecursionError, "Value nested too deeply"))
    };
    if !matches!(result, Ok(Some(_))) {
        state = IteratorState { source: Source::Exhausted, stages: Vec::new(), is_running: false };
    }
    let idle = std::mem::replace(&mut *body.state.borrow_mut(), state);
    drop(idle);
    result
}

/// Counts an iterator that waits for what is below it; false if there are too many.
pub(crate) fn enter() -> bool {
    let has_room = NESTING.get() < MAX_NESTING;
    NESTING.set(NESTING.get() + u32::from(has_room));
    has_room
}

/// Whether an iterator waits for what is below it, in any task of the thread.
pub(crate) fn is_active() -> bool {
    NESTING.get() > 0
}

/// Ends what [`enter`] began.
pub(crate) fn leave() {
    NESTING.set(NESTING.get() - 1);
}

/// What a stage makes of a request from above.
enum Answer {
    /// It has to ask below.
    AskBelow,
    Item(Value),
    /// It will never have an item again.
    End,
}

/// What a stage makes of an item from below.
enum Passed {
    On(Value),
    /// The item was dropped; the next one is needed.
    Dropped,
    End,
}

fn run(host: &mut dyn Host, state: &mut IteratorState) -> Result<Option<Value>> {
    absorb_source(state);
    if matches!(state.source, Source::Exhausted) && state.stages.is_empty() {
        return Ok(None);
    }
    'request: loop {
        let (mut item, mut at) = request(host, state)?;
        while at < state.stages.len() {
            let stage = &mut state.stages[at];
            at += 1;
            item = match item {
                None => switch_over(host, stage)?,
                Some(value) => match pass(host, stage, value)? {
                    Passed::On(value) => Some(value),
                    Passed::Dropped => continue 'request,
                    Passed::End => None,
                },
            };
        }
        return Ok(item);
    }
}

/// Goes down until something has an item or has ended; gives it with the number of the stage
/// that gets it next.
fn request(host: &mut dyn Host, state: &mut IteratorState) -> Result<(Option<Value>, usize)> {
    for at in (0..state.stages.len()).rev() {
        match answer(host, &mut state.stages[at])? {
            Answer::AskBelow => {}
            Answer::Item(item) => return Ok((Some(item), at + 1)),
            Answer::End => return Ok((None, at + 1)),
        }
    }
    let item = match &mut state.source {
        Source::Exhausted | Source::Foreign => None,
        Source::Collection { value, at } => item_from(value, at),
        Source::Iterator(inner) => pull(host, inner)?,
        Source::Range { at, stop, step } => next_of_range(at, *stop, *step),
    };
    if item.is_none() {
        state.source = Source::Exhausted;
    }
    Ok((item, 0))
}

fn next_of_range(at: &mut i64, stop: i64, step: i64) -> Option<Value> {
    let has_more = if step > 0 { *at < stop } else { *at > stop };
    // Saturated, it has reached the end.
    has_more.then(|| Value::int(std::mem::replace(at, at.saturating_add(step))))
}

fn answer(host: &mut dyn Host, stage: &mut Stage) -> Result<Answer> {
    Ok(match stage {
        Stage::Take { left: 0 } | Stage::TakeWhile { has_ended: true, .. } => Answer::End,
        Stage::Chain { other, is_on_other: true } => match pull(host, other)? {
            Some(item) => Answer::Item(item),
            None => Answer::End,
        },
        Stage::FlatMap { inner: inner_slot @ Some(_), .. } => {
            let inner = inner_slot.as_ref().expect("matched above");
            match pull(host, inner)? {
                Some(item) => Answer::Item(item),
                None => {
                    *inner_slot = None;
                    Answer::AskBelow
                }
            }
        }
        Stage::Map(_)
        | Stage::Filter(_)
        | Stage::Take { .. }
        | Stage::Skip { .. }
        | Stage::TakeWhile { .. }
        | Stage::SkipWhile { .. }
        | Stage::StepBy { .. }
        | Stage::Zip { .. }
        | Stage::Enumerate { .. }
        | Stage::Chain { .. }
        | Stage::FlatMap { .. } => Answer::AskBelow,
    })
}

/// The end from below reaches a stage: a chain goes on with its other iterator.
fn switch_over(host: &mut dyn Host, stage: &mut Stage) -> Result<Option<Value>> {
    match stage {
        Stage::Chain { other, is_on_other: is_on_other @ false } => {
            *is_on_other = true;
            pull(host, other)
        }
        _ => Ok(None),
    }
}

fn pass(host: &mut dyn Host, stage: &mut Stage, item: Value) -> Result<Passed> {
    Ok(match stage {
        Stage::Map(func) => Passed::On(host.call(func, &mut [item])?),
        Stage::Filter(func) => keep_if(truthy(&host.call(func, &mut [item.clone()])?), item),
        Stage::Take { left } => {
            *left -= 1;
            Passed::On(item)
        }
        Stage::Skip { left } => {
            let was_reached = *left == 0;
            *left = left.saturating_sub(1);
            keep_if(was_reached, item)
        }
        Stage::TakeWhile { func, has_ended } => {
            if truthy(&host.call(func, &mut [item.clone()])?) {
                return Ok(Passed::On(item));
            }
            *has_ended = true;
            Passed::End
        }
        Stage::SkipWhile { func, has_begun } => {
            *has_begun = *has_begun || !truthy(&host.call(func, &mut [item.clone()])?);
            keep_if(*has_begun, item)
        }
        Stage::StepBy { step, wait } => {
            let is_due = *wait == 0;
            *wait = if is_due { *step - 1 } else { *wait - 1 };
            keep_if(is_due, item)
        }
        Stage::Zip { other } => match pull(host, other)? {
            Some(second) => Passed::On(pair(item, second)),
            None => Passed::End,
        },
        Stage::Enumerate { next } => {
            let number = *next;
            *next = next.wrapping_add(1);
            Passed::On(pair(Value::int(number), item))
        }
        Stage::Chain { .. } => Passed::On(item),
        Stage::FlatMap { func, inner } => {
            let items = flat_items(host.call(func, &mut [item])?)?;
            match pull(host, &items)? {
                Some(first) => {
                    *inner = Some(items);
                    Passed::On(first)
                }
                None => Passed::Dropped,
            }
        }
    })
}

fn keep_if(is_kept: bool, item: Value) -> Passed {
    if is_kept { Passed::On(item) } else { Passed::Dropped }
}

fn pair(first: Value, second: Value) -> Value {
    Value::from_ref(Ref::new(Array::from_values(vec![first, second])))
}

/// The iterator over a result of flat_map's function.
///
/// # Errors
/// As [`check_flat`].
pub fn flat_items(result: Value) -> Result<Value> {
    check_flat(&result)?;
    Ok(make_iterator(result))
}

/// Whether the items of a value can take its place.
///
/// # Errors
/// TypeError for anything but an array, set, queue, stack or iterator.
pub fn check_flat(result: &Value) -> Result<()> {
    if matches!(result.tag(), Tag::Array | Tag::Set | Tag::Queue | Tag::Stack | Tag::Iterator)
        || result.tag() == Tag::Generator
    {
        return Ok(());
    }
    let got = type_name(result);
    let message = format!(
        "flat_map: result of 'func' must be array, set, queue, stack or iterator, got {got}"
    );
    Err(Error::new(Kind::TypeError, message))
}
