//! Encryption and signatures: AES-256-GCM and RSA.

use aes_gcm::aead::rand_core::RngCore;
use aes_gcm::aead::{Aead, KeyInit, OsRng};
use aes_gcm::{Aes256Gcm, Nonce};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rsa::pkcs1v15::{Signature, SigningKey, VerifyingKey};
use rsa::pkcs8::{
    DecodePrivateKey, DecodePublicKey, EncodePrivateKey, EncodePublicKey, LineEnding,
};
use rsa::signature::{SignatureEncoding, Signer, Verifier};
use rsa::{Oaep, RsaPrivateKey, RsaPublicKey};
use sha2::{Digest, Sha256};

use super::Cx;
use super::args::BytesOrStr;
use super::library_args::{Data, data_of, text_of};
use crate::error::{Error, Kind, Result};
use crate::objects::dict::Dict;
use crate::value::Value;

natives! {
    module "crypto";

    /// Encrypts a text with AES-256-GCM; base64.
    ///
    ///     print(aes_decrypt(aes_encrypt("hi", "k"), "k"))   # expect: hi
    fn aes_encrypt(plaintext: &str, key: &str) -> "string" [Other, "random"; cx];

    /// Decrypts what aes_encrypt made.
    ///
    ///     print(assert_throws(func() { aes_decrypt("AAAA", "k") }).kind)   # expect: CryptoError
    fn aes_decrypt(ciphertext: &str, key: &str) -> "string" [Pure; cx];

    /// Encrypts data with AES-256-GCM.
    ///
    ///     print(aes_encrypt_bytes("hi", "k"))   # expect: <bytes: 30>
    fn aes_encrypt_bytes(source: Data<'_>, key: Data<'_>) -> "bytes" [Other, "random"; cx];

    /// Decrypts what aes_encrypt_bytes made; a string is taken as base64.
    ///
    ///     print(bytes_to_string(aes_decrypt_bytes(aes_encrypt_bytes("hi", "k"), "k")))   # expect: hi
    fn aes_decrypt_bytes(source: BytesOrStr<'_>, key: Data<'_>) -> "bytes" [Pure; cx];

    /// A new pair of RSA keys of 2048 or 4096 bits as PEM.
    ///
    ///     print(assert_throws(func() { rsa_generate_keypair(512) }).kind)   # expect: ValueError
    fn rsa_generate_keypair(bits: i64) -> "dict" [Other, "random"; cx];

    /// Encrypts a short text with OAEP and SHA-256; base64.
    ///
    ///     print(assert_throws(func() { rsa_encrypt("hi", "no key") }).kind)   # expect: CryptoError
    fn rsa_encrypt(plaintext: Data<'_>, public_pem: &str) -> "string" [Other, "random"; cx];

    /// Decrypts what rsa_encrypt made.
    ///
    ///     print(assert_throws(func() { rsa_decrypt("AAAA", "no key") }).kind)   # expect: CryptoError
    fn rsa_decrypt(ciphertext: &str, private_pem: &str) -> "string" [Pure; cx];

    /// Signs with PKCS#1 v1.5 and SHA-256; base64.
    ///
    ///     print(assert_throws(func() { rsa_sign("hi", "no key") }).kind)   # expect: CryptoError
    fn rsa_sign(message: Data<'_>, private_pem: &str) -> "string" [Pure; cx];

    /// Whether a signature belongs to a message and key.
    ///
    ///     print(assert_throws(func() { rsa_verify("hi", "AAAA", "no key") }).kind)   # expect: CryptoError
    fn rsa_verify(message: Data<'_>, signature: &str, public_pem: &str) -> "bool" [Pure; cx];
}

const NONCE: usize = 12;
const TAG: usize = 16;

/// The key is the digest of the key text.
fn cipher(key: &[u8]) -> Aes256Gcm {
    Aes256Gcm::new(&Sha256::digest(key))
}

#[cold]
fn failed(cx: &Cx<'_>, what: impl std::fmt::Display) -> Error {
    cx.failure(Kind::CryptoError, what)
}

fn encrypt(cx: &Cx<'_>, data: &[u8], key: &[u8]) -> Result<Vec<u8>> {
    let mut nonce = [0; NONCE];
    OsRng.try_fill_bytes(&mut nonce).map_err(|e| failed(cx, e))?;
    let sealed = cipher(key).encrypt(Nonce::from_slice(&nonce), data);
    let sealed = sealed.map_err(|_| failed(cx, "cannot encrypt so much data"))?;
    Ok([&nonce, &*sealed].concat())
}

fn decrypt(cx: &Cx<'_>, data: &[u8], key: &[u8]) -> Result<Vec<u8>> {
    if data.len() < NONCE + TAG {
        return Err(failed(cx, "ciphertext too short"));
    }
    let (nonce, sealed) = data.split_at(NONCE);
    let opened = cipher(key).decrypt(Nonce::from_slice(nonce), sealed);
    opened.map_err(|_| failed(cx, "wrong key or changed data"))
}

fn from_base64(cx: &Cx<'_>, text: &str) -> Result<Vec<u8>> {
    STANDARD.decode(text).map_err(|error| failed(cx, format!("malformed base64: {error}")))
}

fn as_text(cx: &Cx<'_>, data: Vec<u8>) -> Result<String> {
    String::from_utf8(data).map_err(|_| failed(cx, "the text is not UTF-8"))
}

fn aes_encrypt(cx: &mut Cx<'_>, plaintext: &str, key: &str) -> Result<String> {
    Ok(STANDARD.encode(encrypt(cx, plaintext.as_bytes(), key.as_bytes())?))
}

fn aes_decrypt(cx: &mut Cx<'_>, ciphertext: &str, key: &str) -> Result<String> {
    let data = from_base64(cx, ciphertext)?;
    as_text(cx, decrypt(cx, &data, key.as_bytes())?)
}

fn aes_encrypt_bytes(cx: &mut Cx<'_>, source: Data<'_>, key: Data<'_>) -> Result<Vec<u8>> {
    encrypt(cx, source.0, key.0)
}

fn aes_decrypt_bytes(cx: &mut Cx<'_>, source: BytesOrStr<'_>, key: Data<'_>) -> Result<Vec<u8>> {
    match text_of(&source) {
        Some(text) => decrypt(cx, &from_base64(cx, text)?, key.0),
        None => decrypt(cx, data_of(&source).unwrap_or_default(), key.0),
    }
}

fn rsa_generate_keypair(cx: &mut Cx<'_>, bits: i64) -> Result<Dict> {
    if bits != 2048 && bits != 4096 {
        return Err(cx.bad_value("bits", "2048 or 4096", bits));
    }
    let private = RsaPrivateKey::new(&mut OsRng, bits as usize).map_err(|e| failed(cx, e))?;
    let private_pem = private.to_pkcs8_pem(LineEnding::LF).map_err(|e| failed(cx, e))?;
    let public_pem =
        private.to_public_key().to_public_key_pem(LineEnding::LF).map_err(|e| failed(cx, e))?;
    let mut dict = Dict::with_capacity(2);
    dict.insert_str("private", Value::str(&private_pem));
    dict.insert_str("public", Value::str(&public_pem));
    Ok(dict)
}

fn private_key(cx: &Cx<'_>, pem: &str) -> Result<RsaPrivateKey> {
    RsaPrivateKey::from_pkcs8_pem(pem)
        .map_err(|error| failed(cx, format!("malformed private key: {error}")))
}

fn public_key(cx: &Cx<'_>, pem: &str) -> Result<RsaPublicKey> {
    RsaPublicKey::from_public_key_pem(pem)
        .map_err(|error| failed(cx, format!("malformed public key: {error}")))
}

fn rsa_encrypt(cx: &mut Cx<'_>, plaintext: Data<'_>, public_pem: &str) -> Result<String> {
    let key = public_key(cx, public_pem)?;
    let sealed = key.encrypt(&mut OsRng, Oaep::new::<Sha256>(), plaintext.0);
    Ok(STANDARD.encode(sealed.map_err(|error| failed(cx, error))?))
}

fn rsa_decrypt(cx: &mut Cx<'_>, ciphertext: &str, private_pem: &str) -> Result<String> {
    let key = private_key(cx, private_pem)?;
    let data = from_base64(cx, ciphertext)?;
    let opened = key.decrypt_blinded(&mut OsRng, Oaep::new::<Sha256>(), &data);
    as_text(cx, opened.map_err(|_| failed(cx, "wrong key or changed data"))?)
}

fn rsa_sign(cx: &mut Cx<'_>, message: Data<'_>, private_pem: &str) -> Result<String> {
    let key = SigningKey::<Sha256>::new(private_key(cx, private_pem)?);
    let signature = key.try_sign(message.0).map_err(|error| failed(cx, error))?;
    Ok(STANDARD.encode(signature.to_vec()))
}

fn rsa_verify(
    cx: &mut Cx<'_>,
    message: Data<'_>,
    signature: &str,
    public_pem: &str,
) -> Result<bool> {
    let key = VerifyingKey::<Sha256>::new(public_key(cx, public_pem)?);
    let data = from_base64(cx, signature)?;
    let Ok(signature) = Signature::try_from(&*data) else { return Ok(false) };
    Ok(key.verify(message.0, &signature).is_ok())
}
