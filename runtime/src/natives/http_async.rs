//! Requests whose answers are awaited while other tasks go on.

use ureq::http::Method;

use super::Cx;
use super::access::{Url, UrlOrDict};
use super::http_client::{WithBody, answered, bare, described};
use super::http_exchange::{Answer, Outgoing, exchange};
use crate::concurrency::jobs::{self, Haste};
use crate::error::Result;
use crate::host::Host;
use crate::objects::dict::Dict;
use crate::value::Value;

natives! {
    module "http_client";

    /// A promise of http_get.
    ///
    ///     print(assert_throws(func() { async_http_get("no url") }).kind)   # expect: ValueError
    fn async_http_get(url: Url<'_>, options: Option<&Dict>) -> "promise" [Other, "net-client"; cx];

    /// A promise of http_post.
    ///
    ///     print(assert_throws(func() { async_http_post("no url") }).kind)   # expect: ValueError
    fn async_http_post(
        url: Url<'_>, body: Option<&Value>, headers: Option<&Dict>, options: Option<&Dict>
    ) -> "promise" [Other, "net-client"; cx];

    /// A promise of the response to any request.
    ///
    ///     print(assert_throws(func() { async_http_request("no url") }).kind)   # expect: ValueError
    fn async_http_request(request: UrlOrDict<'_>, options: Option<&Dict>)
        -> "promise" [Other, "net-client"; cx];
}

fn start(cx: &mut Cx<'_>, request: Outgoing) -> Result<Value> {
    let name = cx.name;
    let convert = move |host: &mut dyn Host, answer: Answer| answered(&Cx { host, name }, answer);
    jobs::run(cx.host, Haste::Abandon, move || exchange(request), convert)
}

fn async_http_get(cx: &mut Cx<'_>, url: Url<'_>, options: Option<&Dict>) -> Result<Value> {
    let request = bare(cx, Method::GET, url.0, options)?;
    start(cx, request)
}

fn async_http_post(
    cx: &mut Cx<'_>,
    url: Url<'_>,
    body: Option<&Value>,
    headers: Option<&Dict>,
    options: Option<&Dict>,
) -> Result<Value> {
    let request = WithBody { url: url.0, body, headers, options }.request(cx, Method::POST)?;
    start(cx, request)
}

fn async_http_request(
    cx: &mut Cx<'_>,
    request: UrlOrDict<'_>,
    options: Option<&Dict>,
) -> Result<Value> {
    let request = described(cx, request, options)?;
    start(cx, request)
}
