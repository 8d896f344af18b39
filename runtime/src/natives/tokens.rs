//! JSON web tokens with HS256, and the addresses of OAuth 2.

use std::time::{SystemTime, UNIX_EPOCH};

use aes_gcm::aead::OsRng;
use aes_gcm::aead::rand_core::RngCore;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::Mac;

use super::Cx;
use super::args::DictValue;
use super::digests::hmac;
use super::encoding::{hex, percent};
use super::library_args::{Data, text_of};
use super::{json, json_write};
use crate::error::{Error, Kind, Result};
use crate::value::{Value, View};

natives! {
    module "auth";

    /// An HS256 token with the payload.
    ///
    ///     print(jwt_decode(jwt_encode({"u": 1}, "s"), "s"))   # expect: {"u": 1}
    fn jwt_encode(payload: DictValue<'_>, secret: Data<'_>) -> "string" [Pure; cx];

    /// The payload of an HS256 token whose signature is right.
    ///
    ///     print(assert_throws(func() { jwt_decode("a.b.c", "s") }).kind)   # expect: CryptoError
    fn jwt_decode(token: &str, secret: Data<'_>) -> "dict" [Pure; cx];

    /// Whether jwt_decode would succeed and exp and nbf hold.
    ///
    ///     print(jwt_verify(jwt_encode({"exp": 1}, "s"), "s"))   # expect: false
    fn jwt_verify(token: &str, secret: Data<'_>) -> "bool" [Other, "clock"; cx];

    /// The address to which a user is sent to grant access.
    ///
    ///     print(oauth2_auth_url("id", "http://a/b", "https://c/d", "e f", "s"))   # expect: https://c/d?client_id=id&redirect_uri=http%3A%2F%2Fa%2Fb&response_type=code&scope=e%20f&state=s
    fn oauth2_auth_url(
        client_id: &str, redirect_uri: &str, auth_url: &str, scope: &str, state: Option<&str>
    ) -> "string" [Other, "random"; cx];
}

const HEADER: &str = "{\"typ\":\"JWT\",\"alg\":\"HS256\"}";

/// Seconds by which clocks may differ.
const TOLERANCE: f64 = 60.0;

#[cold]
fn refused(cx: &Cx<'_>, what: &str) -> Error {
    cx.failure(Kind::CryptoError, what)
}

fn jwt_encode(cx: &mut Cx<'_>, payload: DictValue<'_>, secret: Data<'_>) -> Result<String> {
    let payload = json_write::write(cx, &payload, false)?;
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(HEADER), URL_SAFE_NO_PAD.encode(payload));
    let signature = hmac(signed.as_bytes(), secret.0).finalize().into_bytes();
    Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

/// A part of a token as JSON object.
fn part(cx: &Cx<'_>, text: &str, what: &str) -> Result<Value> {
    let malformed = || refused(cx, &format!("malformed {what}"));
    let data = URL_SAFE_NO_PAD.decode(text).map_err(|_| malformed())?;
    let text = String::from_utf8(data).map_err(|_| malformed())?;
    let value = json::read(cx, &text).map_err(|_| malformed())?;
    if matches!(value.view(), View::Dict(_)) { Ok(value) } else { Err(malformed()) }
}

fn entry(object: &Value, name: &str) -> Value {
    match object.view() {
        View::Dict(dict) => dict.get_str(name).cloned().unwrap_or_default(),
        _ => Value::NULL,
    }
}

fn jwt_decode(cx: &mut Cx<'_>, token: &str, secret: Data<'_>) -> Result<Value> {
    let malformed = || refused(cx, "malformed token");
    let (signed, signature) = token.rsplit_once('.').ok_or_else(malformed)?;
    let (header, payload) = signed.split_once('.').ok_or_else(malformed)?;
    let header = part(cx, header, "header")?;
    if text_of(&entry(&header, "alg")) != Some("HS256") {
        return Err(refused(cx, "the algorithm is not HS256"));
    }
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| malformed())?;
    if hmac(signed.as_bytes(), secret.0).verify_slice(&signature).is_err() {
        return Err(refused(cx, "wrong signature"));
    }
    part(cx, payload, "payload")
}

fn jwt_verify(cx: &mut Cx<'_>, token: &str, secret: Data<'_>) -> Result<bool> {
    let Ok(payload) = jwt_decode(cx, token, secret) else { return Ok(false) };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    let holds = |name: &str, test: &dyn Fn(f64) -> bool| match entry(&payload, name).view() {
        View::Null => true,
        View::Int(at) => test(at as f64),
        View::Float(at) => test(at),
        _ => false,
    };
    Ok(holds("exp", &|at| now < at + TOLERANCE) && holds("nbf", &|at| now >= at - TOLERANCE))
}

fn oauth2_auth_url(
    cx: &mut Cx<'_>,
    client_id: &str,
    redirect_uri: &str,
    auth_url: &str,
    scope: &str,
    state: Option<&str>,
) -> Result<String> {
    let state = match state {
        Some(state) => state.to_owned(),
        None => {
            let mut random = [0; 16];
            OsRng.try_fill_bytes(&mut random).map_err(|error| refused(cx, &error.to_string()))?;
            hex(&random)
        }
    };
    let separator = if auth_url.contains('?') { '&' } else { '?' };
    Ok(format!(
        "{auth_url}{separator}client_id={}&redirect_uri={}&response_type=code&scope={}&state={}",
        percent(client_id),
        percent(redirect_uri),
        percent(scope),
        percent(&state)
    ))
}
