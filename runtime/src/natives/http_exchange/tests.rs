//! Servers with bad certificates and hosts that were not granted: none is talked to. Authorities
//! and certificates are made here, and the servers listen on loopback.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use ureq::tls::{Certificate, RootCerts, TlsConfig};

use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

use super::{
    Agent, Answer, Class, Config, DefaultResolver, Method, Outgoing, Permissions, Uri,
    checked_agent, config, exchange_by,
};

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

/// Answers every request alike; the port, and the number of connections so far.
fn plain_server(head: &str) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let port = listener.local_addr().expect("it is bound").port();
    let n_seen = Arc::new(AtomicUsize::new(0));
    let (head, counter) = (head.replace("PORT", &port.to_string()), Arc::clone(&n_seen));
    thread::spawn(move || {
        for mut socket in listener.incoming().flatten() {
            counter.fetch_add(1, Ordering::SeqCst);
            // A client that goes away is none of the test's business.
            let _ = socket.read(&mut [0; 1024]);
            let _ =
                write!(socket, "HTTP/1.1 {head}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        }
    });
    (port, n_seen)
}

fn granted(host: &str) -> Arc<Permissions> {
    let mut rules = Permissions::sandbox();
    rules.grant(Class::NetClient, Some(host)).expect("a host");
    Arc::new(rules)
}

fn get(agent: &Agent, url: &str) -> Answer {
    exchange_by(
        agent,
        Outgoing {
            method: Method::GET,
            uri: url.parse().expect("a URL"),
            headers: Vec::new(),
            body: None,
            timeout: Duration::from_secs(10),
            max_redirects: 5,
            max_body: 1000,
            permissions: Arc::new(Permissions::default()),
        },
    )
}

#[test]
fn redirects_to_hosts_that_were_not_granted_are_refused() {
    let (elsewhere, n_seen) = plain_server("200 OK");
    for host in [
        format!("localhost:{elsewhere}"),
        format!("127.0.0.2:{elsewhere}"),
        format!("2130706434:{elsewhere}"),
        format!("[::1]:{elsewhere}"),
        format!("127.0.0.1@127.0.0.2:{elsewhere}"),
        "10.0.0.1".to_owned(),
        "169.254.169.254".to_owned(),
        "[::ffff:10.0.0.1]".to_owned(),
        "example.com".to_owned(),
    ] {
        let (port, _) = plain_server(&format!("302 Found\r\nLocation: http://{host}/"));
        let agent = checked_agent(DefaultResolver::default(), granted("127.0.0.1"));
        let answer = get(&agent, &format!("http://127.0.0.1:{port}/"));
        assert!(answer.is_err_and(|failure| failure.is_denied), "{host}");
    }
    assert_eq!(n_seen.load(Ordering::SeqCst), 0);
    let (port, _) = plain_server(&format!("302 Found\r\nLocation: http://127.0.0.1:{elsewhere}/"));
    let agent = checked_agent(DefaultResolver::default(), granted("127.0.0.1"));
    assert!(get(&agent, &format!("http://127.0.0.1:{port}/")).is_ok());
    assert_eq!(n_seen.load(Ordering::SeqCst), 1);
}

/// Gives one address after the other for any name.
#[derive(Debug)]
struct Names {
    left: Mutex<Vec<&'static str>>,
}

impl Names {
    /// An agent that finds these addresses.
    fn agent(addresses: &[&'static str], rules: Arc<Permissions>) -> Agent {
        let left = addresses.iter().rev().copied().collect();
        checked_agent(Names { left: Mutex::new(left) }, rules)
    }
}

impl Resolver for Names {
    fn resolve(
        &self,
        uri: &Uri,
        _: &Config,
        _: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let address = self.left.lock().expect("no panics").pop().expect("asked once too often");
        let address: IpAddr = address.parse().expect("an address");
        let mut found = self.empty();
        found.push(SocketAddr::new(address, uri.port_u16().unwrap_or(80)));
        Ok(found)
    }
}

#[test]
fn the_address_that_was_checked_is_connected_to() {
    let (port, n_seen) = plain_server("200 OK");
    // Asked once: the second answer would be another machine.
    let agent = Names::agent(&["127.0.0.1"], granted("localhost"));
    assert!(get(&agent, &format!("http://localhost:{port}/")).is_ok());
    assert_eq!(n_seen.load(Ordering::SeqCst), 1);
    // A name that was granted does not make a private address reachable.
    for private in ["127.0.0.1", "10.0.0.1", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1"] {
        let agent = Names::agent(&[private], granted("public.test"));
        let answer = get(&agent, &format!("http://public.test:{port}/"));
        assert!(answer.is_err_and(|failure| failure.is_denied), "{private}");
    }
    assert_eq!(n_seen.load(Ordering::SeqCst), 1);
    // A name that means another machine at the next look is refused then.
    let (port, n_seen) = plain_server("302 Found\r\nLocation: http://localhost:PORT/next");
    let agent = Names::agent(&["127.0.0.1", "10.0.0.1"], granted("localhost"));
    let answer = get(&agent, &format!("http://localhost:{port}/"));
    assert!(answer.is_err_and(|failure| failure.is_denied));
    assert_eq!(n_seen.load(Ordering::SeqCst), 1);
}
