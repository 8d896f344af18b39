//! Channels, promises and waiting.

use std::rc::Rc;
use std::sync::Arc;

use super::Cx;
use super::args::{Number, PromiseArg};
use crate::concurrency::channels::{self, Core};
use crate::concurrency::promises;
use crate::error::{Error, Kind, Result};
use crate::heap::Ref;
use crate::host::Isolate;
use crate::objects::array::Array;
use crate::objects::channel::ChannelBody;
use crate::objects::module::{ModuleBody, ModuleObj, Origin};
use crate::objects::promise::Rule;
use crate::semantics::{display, type_name};
use crate::value::{Tag, Value};

natives! {
    module "concurrency";

    /// A first-in first-out channel; it holds at most capacity values if that is given.
    ///
    ///     print(channel().try_receive())   # expect: null
    fn channel(capacity: Option<i64>) -> "channel" [Other];

    /// Resolves to the results in order, or is rejected like the first one that is.
    ///
    ///     print(await promise_all([async_sleep(1), async_sleep(2)]))   # expect: [null, null]
    fn promise_all as promise_all | await_all (promises: &Array, limit: Option<i64>) -> "promise" [Other; cx];

    /// Settles like the first promise that settles.
    ///
    ///     print(await promise_race([async_sleep(1)]))   # expect: null
    fn promise_race(promises: &Array) -> "promise" [Other; cx];

    /// Resolves like the first promise that resolves.
    ///
    ///     print(await promise_any([async_sleep(1)]))   # expect: null
    fn promise_any(promises: &Array) -> "promise" [Other; cx];

    /// Resolves to an array of Ok(result) and Err(error) in order.
    ///
    ///     print(await promise_all_settled([async_sleep(1)]))   # expect: [Ok(null)]
    fn promise_all_settled(promises: &Array) -> "promise" [Other; cx];

    /// A promise of null after that many milliseconds.
    ///
    ///     print(await async_sleep(1))   # expect: null
    fn async_sleep(ms: f64) -> "promise" [Other, "clock"; cx];

    /// The promise's outcome, or a TimeoutError after ms milliseconds.
    ///
    ///     print(await async_timeout(async_sleep(1), 1000))   # expect: null
    fn async_timeout(promise: PromiseArg<'_>, ms: Number) -> "promise" [Other, "clock"; cx];
}

methods! {
    static CHANNEL_TABLE of [Channel];

    /// Enqueues a value; waits while the channel is full.
    ///
    ///     print(channel().send(1))   # expect: true
    fn send(channel: &ChannelBody, value: Value) -> "bool" [cx];

    /// The next value; null when the channel is closed and empty.
    ///
    ///     ch := channel()
    ///     ch.send(1)
    ///     print(ch.receive())   # expect: 1
    fn receive(channel: &ChannelBody) -> "any" [cx];

    /// The next value, or null at once.
    ///
    ///     print(channel().try_receive())   # expect: null
    fn try_receive(channel: &ChannelBody) -> "any" [cx];

    /// The next value, or null after ms milliseconds.
    ///
    ///     print(channel().receive_timeout(1))   # expect: null
    fn receive_timeout(channel: &ChannelBody, ms: Number) -> "any" [cx];

    /// No more values are sent; all who wait go on.
    ///
    ///     ch := channel()
    ///     print(ch.close(), ch.receive())   # expect: null null
    fn close(channel: &ChannelBody) -> "null" [cx];

    /// The number of values that wait.
    ///
    ///     print(channel().len())   # expect: 0
    fn len(channel: &ChannelBody) -> "int" [];
}

fn channel(capacity: Option<i64>) -> Result<Value> {
    let capacity = match capacity {
        None => usize::MAX,
        Some(n) if n >= 1 => usize::try_from(n).unwrap_or(usize::MAX),
        Some(_) => {
            let message = "Channel capacity must be at least 1";
            return Err(Error::new(Kind::ValueError, message));
        }
    };
    Ok(ChannelBody::make(Rc::new(Core::new(capacity))))
}

/// The predefined module `Promise`: `all`, `race` and `any`.
pub(super) fn promise_module(isolate: &Isolate) -> Value {
    let body = isolate.promise_module.get_or_init(|| {
        let exports = [("all", "promise_all"), ("race", "promise_race"), ("any", "promise_any")];
        let names: Vec<Arc<str>> = exports.iter().map(|(name, _)| Arc::from(*name)).collect();
        let slots = names.iter().cloned().zip(0..).collect();
        let origin = Origin::predefined();
        let body = ModuleBody::new("Promise".into(), "".into(), names, slots, origin);
        for (slot, (_, native)) in exports.iter().enumerate() {
            body.set(slot, super::lookup(native).map_or(Value::NULL, Value::native));
        }
        body
    });
    Value::from_ref(Ref::new(ModuleObj { body: body.clone() }))
}

/// The elements, all of which must be promises.
fn elements(cx: &Cx<'_>, promises: &Array) -> Result<Vec<Value>> {
    let elements: Vec<Value> = promises.iter().collect();
    for (i, element) in elements.iter().enumerate() {
        if element.tag() != Tag::Promise {
            let got = type_name(element);
            let message =
                format!("{}: argument 'promises[{i}]' must be promise, got {got}", cx.name);
            return Err(Error::new(Kind::TypeError, message));
        }
    }
    Ok(elements)
}

fn some_elements(cx: &Cx<'_>, promises: &Array) -> Result<Vec<Value>> {
    if promises.is_empty() {
        return Err(cx.failure(Kind::ValueError, "the array must not be empty"));
    }
    elements(cx, promises)
}

fn promise_all(cx: &mut Cx<'_>, promises: &Array, limit: Option<i64>) -> Result<Value> {
    let elements = elements(cx, promises)?;
    if let Some(limit) = limit.filter(|&limit| limit < 1) {
        return Err(cx.bad_value("limit", ">= 1", limit));
    }
    Ok(promises::combine(cx.host, &elements, Rule::All))
}

fn promise_race(cx: &mut Cx<'_>, promises: &Array) -> Result<Value> {
    let elements = some_elements(cx, promises)?;
    Ok(promises::combine(cx.host, &elements, Rule::Race))
}

fn promise_any(cx: &mut Cx<'_>, promises: &Array) -> Result<Value> {
    let elements = some_elements(cx, promises)?;
    Ok(promises::combine(cx.host, &elements, Rule::Any))
}

fn promise_all_settled(cx: &mut Cx<'_>, promises: &Array) -> Result<Value> {
    let elements = elements(cx, promises)?;
    Ok(promises::combine(cx.host, &elements, Rule::Settled))
}

fn async_sleep(cx: &mut Cx<'_>, ms: f64) -> Result<Value> {
    if ms.is_nan() || ms < 0.0 {
        return Err(cx.bad_value("ms", ">= 0", ms));
    }
    Ok(promises::after(cx.host, ms))
}

fn async_timeout(cx: &mut Cx<'_>, promise: PromiseArg<'_>, ms: Number) -> Result<Value> {
    let limit = ms.to_f64();
    if limit.is_nan() || limit <= 0.0 {
        return Err(cx.bad_value("ms", "> 0", ms));
    }
    let shown = display::display(&ms.into())?;
    Ok(promises::with_timeout(cx.host, &promise, limit, shown))
}

fn send(cx: &mut Cx<'_>, channel: &ChannelBody, value: Value) -> Result<bool> {
    channels::send(cx.host, channel, value)?;
    Ok(true)
}

fn receive(cx: &mut Cx<'_>, channel: &ChannelBody) -> Result<Value> {
    Ok(channels::receive(cx.host, channel, None)?.unwrap_or_default())
}

fn try_receive(cx: &mut Cx<'_>, channel: &ChannelBody) -> Result<Value> {
    Ok(channels::try_receive(cx.host, channel)?.unwrap_or_default())
}

fn receive_timeout(cx: &mut Cx<'_>, channel: &ChannelBody, ms: Number) -> Result<Value> {
    let limit = ms.to_f64();
    if limit.is_nan() || limit < 0.0 {
        return Err(cx.bad_value("ms", ">= 0", ms));
    }
    Ok(channels::receive(cx.host, channel, Some(limit))?.unwrap_or_default())
}

fn close(cx: &mut Cx<'_>, channel: &ChannelBody) -> Result<()> {
    channels::close(cx.host, channel);
    Ok(())
}

fn len(channel: &ChannelBody) -> Result<i64> {
    Ok(channel.core.len() as i64)
}
