//! Servers with bad certificates: none is talked to. Authorities and certificates are made here,
//! and the servers listen on loopback.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use ureq::tls::{Certificate, RootCerts, TlsConfig};

use super::{Agent, Method, Outgoing, Permissions, config, exchange_by};

type Authority = CertifiedIssuer<'static, KeyPair>;

/// What a server shows.
struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: KeyPair,
}

fn key() -> KeyPair {
    KeyPair::generate().expect("keys can be made")
}

fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(vec![name.to_owned()]).expect("a valid name");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params
}

fn authority(name: &str) -> Authority {
    let mut params = CertificateParams::new(Vec::new()).expect("no names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    CertifiedIssuer::self_signed(params, key()).expect("an authority")
}

fn signed(params: &CertificateParams, by: &Authority) -> Identity {
    let key = key();
    let leaf = params.signed_by(&key, by).expect("it can be signed");
    Identity { chain: vec![leaf.der().clone()], key }
}

/// Serves one connection over TLS; the port.
fn serve(identity: &Identity) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let port = listener.local_addr().expect("it is bound").port();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(identity.key.serialize_der()));
    let config =
        ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the provider knows the versions")
            .with_no_client_auth()
            .with_single_cert(identity.chain.clone(), key)
            .expect("the key fits");
    thread::spawn(move || {
        let (socket, _) = listener.accept().ok()?;
        let connection = ServerConnection::new(Arc::new(config)).ok()?;
        let mut stream = StreamOwned::new(connection, socket);
        // Fails if the client does not accept the certificate.
        let _n_read = stream.read(&mut [0; 1024]).ok()?;
        stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nsecret")
            .ok()
    });
    port
}

/// The status, or why there is none.
fn outcome(agent: &Agent, host: &str, port: u16) -> String {
    let outgoing = Outgoing {
        method: Method::GET,
        uri: format!("https://{host}:{port}/").parse().expect("a URL"),
        headers: Vec::new(),
        body: None,
        timeout: Duration::from_secs(10),
        max_redirects: 0,
        max_body: 1000,
        permissions: Arc::new(Permissions::default()),
    };
    match exchange_by(agent, outgoing) {
        Ok(incoming) => format!("status {}", incoming.status),
        Err(failure) if failure.is_timeout || failure.is_denied => {
            format!("not refused by its certificate: {}", failure.what)
        }
        Err(failure) => failure.what,
    }
}

/// An agent that trusts one authority only.
fn trusting(authority: &Authority) -> Agent {
    let root = Certificate::from_der(authority.der().as_ref()).to_owned();
    let roots = RootCerts::new_with_certs(&[root]);
    let tls = TlsConfig::builder().root_certs(roots).build();
    Agent::new_with_config(config().tls_config(tls).build())
}

/// The identities by name, and what the refusal must say.
fn bad_identities(known: &Authority) -> Vec<(&'static str, Identity, &'static str)> {
    let mut expired = params("localhost");
    expired.not_before = date_time_ymd(2000, 1, 1);
    expired.not_after = date_time_ymd(2001, 1, 1);
    let mut early = params("localhost");
    early.not_before = date_time_ymd(2998, 1, 1);
    early.not_after = date_time_ymd(2999, 1, 1);
    let mut for_clients = params("localhost");
    for_clients.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let self_signed = {
        let key = key();
        let leaf = params("localhost").self_signed(&key).expect("it signs itself");
        Identity { chain: vec![leaf.der().clone()], key }
    };
    // A certificate of a server is no authority for others.
    let server_key = key();
    let server = params("shop.example").signed_by(&server_key, known).expect("it can be signed");
    let issuer = rcgen::Issuer::new(params("shop.example"), server_key);
    let below_key = key();
    let below = params("localhost").signed_by(&below_key, &issuer).expect("it can be signed");
    let by_server =
        Identity { chain: vec![below.der().clone(), server.der().clone()], key: below_key };
    let no_name = CertificateParams::new(Vec::new()).expect("no names");
    vec![
        ("expired", signed(&expired, known), "expired"),
        ("not yet valid", signed(&early, known), "not valid yet"),
        ("self-signed", self_signed, "certificate"),
        ("another authority", signed(&params("localhost"), &authority("other")), "UnknownIssuer"),
        (
            "a false authority of the same name",
            signed(&params("localhost"), &authority("known")),
            "BadSignature",
        ),
        ("another host", signed(&params("example.com"), known), "not valid for name"),
        ("a part of the name", signed(&params("*.localhost"), known), "not valid for name"),
        ("no name", signed(&no_name, known), "not valid for name"),
        ("an address instead of the name", signed(&params("127.0.0.1"), known), "not valid for"),
        ("for clients only", signed(&for_clients, known), "certificate"),
        ("signed by another server", by_server, "certificate"),
    ]
}

#[test]
fn bad_certificates_are_refused() {
    let known = authority("known");
    let agent = trusting(&known);
    for (name, identity, wanted) in bad_identities(&known) {
        let got = outcome(&agent, "localhost", serve(&identity));
        assert!(got.contains(wanted), "{name}: {got}");
    }
}

#[test]
fn good_certificates_of_trusted_authorities_are_accepted() {
    let known = authority("known");
    let agent = trusting(&known);
    let by_name = signed(&params("localhost"), &known);
    assert_eq!(outcome(&agent, "localhost", serve(&by_name)), "status 200");
    let by_address = signed(&params("127.0.0.1"), &known);
    assert_eq!(outcome(&agent, "127.0.0.1", serve(&by_address)), "status 200");
    let got = outcome(&agent, "127.0.0.1", serve(&by_name));
    assert!(got.contains("not valid for"), "{got}");
}

/// What programs use trusts public authorities only.
#[test]
fn private_authorities_are_not_trusted() {
    let identity = signed(&params("localhost"), &authority("known"));
    let got = outcome(&super::AGENT, "localhost", serve(&identity));
    assert!(got.contains("UnknownIssuer"), "{got}");
}

#[test]
fn what_is_no_tls_is_refused() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let port = listener.local_addr().expect("it is bound").port();
    thread::spawn(move || {
        let (mut socket, _) = listener.accept().ok()?;
        let _n_read = socket.read(&mut [0; 1024]).ok()?;
        socket.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").ok()
    });
    let got = outcome(&super::AGENT, "localhost", port);
    assert!(!got.starts_with("status") && !got.starts_with("not refused"), "{got}");
}
