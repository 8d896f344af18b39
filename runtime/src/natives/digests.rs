//! Digests, message authentication, passwords.

use std::io::Read;
use std::path::Path;

use hmac::{Hmac, Mac};
use md5::Md5;
use sha2::{Digest, Sha256, Sha512};

use super::Cx;
use super::access::ReadPath;
use super::encoding::hex;
use super::library_args::Data;
use crate::error::{Kind, Result};

natives! {
    module "crypto";

    /// The SHA-256 digest in hex.
    ///
    ///     print(substring(sha256("abc"), 0, 8))   # expect: ba7816bf
    fn sha256(source: Data<'_>) -> "string" [Pure];

    /// The SHA-512 digest in hex.
    ///
    ///     print(len(sha512("abc")))   # expect: 128
    fn sha512(source: Data<'_>) -> "string" [Pure];

    /// The MD5 digest in hex; for checksums only.
    ///
    ///     print(md5(""))   # expect: d41d8cd98f00b204e9800998ecf8427e
    fn md5(source: Data<'_>) -> "string" [Pure];

    /// The SHA-256 digest of a file.
    ///
    ///     path := join_path(temp_dir(), "ruff-" + uuid_v4())
    ///     write_file(path, "abc")
    ///     print(sha256_file(path) == sha256("abc"), delete_file(path))   # expect: true true
    fn sha256_file(path: ReadPath<'_>) -> "string" [Other, "fs-read"; cx];

    /// The MD5 digest of a file.
    ///
    ///     path := join_path(temp_dir(), "ruff-" + uuid_v4())
    ///     write_file(path, "abc")
    ///     print(md5_file(path) == md5("abc"), delete_file(path))   # expect: true true
    fn md5_file(path: ReadPath<'_>) -> "string" [Other, "fs-read"; cx];

    /// The HMAC with SHA-256 in hex.
    ///
    ///     print(len(hmac_sha256("data", "key")))   # expect: 64
    fn hmac_sha256(source: Data<'_>, key: Data<'_>) -> "string" [Pure];

    /// Whether the contents are equal, in a time that does not tell where they differ.
    ///
    ///     print(constant_time_equal("abc", bytes("abc")))   # expect: true
    fn constant_time_equal(a: Data<'_>, b: Data<'_>) -> "bool" [Pure];

    /// A bcrypt hash of a password.
    ///
    ///     print(assert_throws(func() { hash_password(repeat("x", 73)) }).kind)   # expect: ValueError
    fn hash_password(password: &str) -> "string" [Other, "random"; cx];

    /// Whether a password belongs to a bcrypt hash.
    ///
    ///     hash := "$2b$04$0MpUT8XJl4q4ZGQ3jY8VxO3CFVuXu2vS8nL0Q3T4t4h1K9wT5pY9e"
    ///     print(verify_password("no", hash))   # expect: false
    fn verify_password(password: &str, hash: &str) -> "bool" [Pure; cx];
}

/// The cost of new password hashes.
const COST: u32 = 12;
/// bcrypt ignores what follows.
const MAX_PASSWORD: usize = 72;

fn sha256(source: Data<'_>) -> Result<String> {
    Ok(hex(&Sha256::digest(source.0)))
}

fn sha512(source: Data<'_>) -> Result<String> {
    Ok(hex(&Sha512::digest(source.0)))
}

fn md5(source: Data<'_>) -> Result<String> {
    Ok(hex(&Md5::digest(source.0)))
}

/// The digest of a file, read in pieces.
fn of_file<D: Digest>(cx: &Cx<'_>, path: &str) -> Result<String> {
    let path: &Path = cx.path("path", path)?;
    let mut file = std::fs::File::open(path).map_err(|e| cx.io_error(path, &e))?;
    let mut digest = D::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match file.read(&mut buffer).map_err(|e| cx.io_error(path, &e))? {
            0 => return Ok(hex(&digest.finalize())),
            n => digest.update(&buffer[..n]),
        }
    }
}

fn sha256_file(cx: &mut Cx<'_>, path: ReadPath<'_>) -> Result<String> {
    of_file::<Sha256>(cx, path.0)
}

fn md5_file(cx: &mut Cx<'_>, path: ReadPath<'_>) -> Result<String> {
    of_file::<Md5>(cx, path.0)
}

/// The HMAC with SHA-256.
pub(super) fn hmac(source: &[u8], key: &[u8]) -> Hmac<Sha256> {
    let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(key).expect("keys of any length are fine");
    mac.update(source);
    mac
}

fn hmac_sha256(source: Data<'_>, key: Data<'_>) -> Result<String> {
    Ok(hex(&hmac(source.0, key.0).finalize().into_bytes()))
}

fn constant_time_equal(a: Data<'_>, b: Data<'_>) -> Result<bool> {
    // Codes under a common key are compared in constant time.
    let code = hmac(a.0, b"compare").finalize();
    Ok(code == hmac(b.0, b"compare").finalize())
}

fn hash_password(cx: &mut Cx<'_>, password: &str) -> Result<String> {
    if password.len() > MAX_PASSWORD {
        let what = format!("argument 'password' must be at most {MAX_PASSWORD} bytes");
        return Err(cx.failure(Kind::ValueError, what));
    }
    if password.contains('\0') {
        let what = "argument 'password' must be a text without NUL";
        return Err(cx.failure(Kind::ValueError, what));
    }
    bcrypt::hash(password, COST).map_err(|error| cx.failure(Kind::CryptoError, error))
}

fn verify_password(cx: &mut Cx<'_>, password: &str, hash: &str) -> Result<bool> {
    if password.len() > MAX_PASSWORD || password.contains('\0') {
        // No hash belongs to such a password, but a malformed hash is an error all the same.
        return match bcrypt::verify("", hash) {
            Ok(_) => Ok(false),
            Err(error) => Err(cx.failure(Kind::CryptoError, format!("malformed hash: {error}"))),
        };
    }
    bcrypt::verify(password, hash)
        .map_err(|error| cx.failure(Kind::CryptoError, format!("malformed hash: {error}")))
}
