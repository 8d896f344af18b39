//! Rules about paths, hosts and programs, without running a program.

use std::fs;
use std::net::IpAddr;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use super::{Class, Last, Permissions, resolve};

/// A new folder that is removed when dropped.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("ruff-{}-{name}", std::process::id()));
        fs::create_dir_all(path.join("in/sub")).expect("a temporary folder");
        Folder(fs::canonicalize(path).expect("it was just created"))
    }

    fn at(&self, path: &str) -> PathBuf {
        self.0.join(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left is of no interest.
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn granted(class: Class, part: &str) -> Permissions {
    let mut rules = Permissions::sandbox();
    rules.grant(class, Some(part)).expect("a valid part");
    rules
}

fn reads(rules: &Permissions, path: &Path) -> bool {
    rules.allows_path(Class::FsRead, path, Last::Followed)
}

#[test]
fn paths_are_resolved_before_they_are_compared() {
    let folder = Folder::new("resolve");
    symlink("/etc", folder.at("in/out")).expect("a link");
    symlink("sub", folder.at("in/there")).expect("a link");
    symlink(folder.at("missing/new"), folder.at("in/dangling")).expect("a link");
    symlink("loop", folder.at("in/loop")).expect("a link");
    let rules = granted(Class::FsRead, folder.at("in").to_str().expect("UTF-8"));
    for inside in ["in", "in/", "in/new", "in/sub/../x", "in/there/x", "in/no/such/dir", "in/."] {
        assert!(reads(&rules, &folder.at(inside)), "{inside}");
    }
    for outside in [
        "",
        "in/..",
        "in/../x",
        "inner",
        "in/out",
        "in/out/passwd",
        "in/there/../../x",
        "in/dangling",
        "in/loop",
        "in/no/../../x",
        "in/out/../tmp",
    ] {
        assert!(!reads(&rules, &folder.at(outside)), "{outside}");
    }
    assert!(rules.allows_path(Class::FsRead, &folder.at("in/out"), Last::Itself));
    assert!(!rules.allows_path(Class::FsRead, &folder.at("in/out/"), Last::Itself));
    assert!(!rules.allows_path(Class::FsWrite, &folder.at("in/new"), Last::Followed));
    assert_eq!(resolve(Path::new("/../etc/./x/.."), Last::Followed), Some("/etc".into()));
}

#[test]
fn what_is_refused_wins() {
    let folder = Folder::new("refuse");
    let mut rules = Permissions::default();
    assert!(!rules.is_restricted());
    let refused = folder.at("in/sub");
    rules.refuse(Class::FsRead, refused.to_str()).expect("a path");
    assert!(rules.is_restricted() && rules.allows(Class::FsRead) && rules.names_paths());
    assert!(reads(&rules, &folder.at("in")));
    assert!(!reads(&rules, &folder.at("in/sub/deep/x")));
    assert!(!rules.allows_tree(Class::FsRead, &folder.at("in"), Last::Followed));
    assert!(rules.allows_tree(Class::FsWrite, &folder.at("in"), Last::Followed));
    rules.refuse(Class::FsRead, None).expect("the whole class");
    assert!(!rules.allows(Class::FsRead) && !reads(&rules, &folder.at("in")));
}

fn reaches(rules: &Permissions, host: &str, address: &str) -> bool {
    let address: IpAddr = address.parse().expect("an address");
    rules.allows_host(host) && rules.allows_address(host, address)
}

#[test]
fn private_addresses_must_be_meant() {
    let rules = granted(Class::NetClient, "Example.com");
    assert!(reaches(&rules, "example.com.", "93.184.216.34"));
    assert!(!reaches(&rules, "www.example.com", "93.184.216.34"));
    for private in [
        "127.0.0.1",
        "10.1.2.3",
        "192.168.0.1",
        "172.16.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "::1",
        "::",
        "fe80::1",
        "fd00::1",
        "::ffff:127.0.0.1",
        "224.0.0.1",
        "198.18.0.1",
        "240.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b::10.0.0.1",
    ] {
        assert!(!reaches(&rules, "example.com", private), "{private}");
    }
    let rules = granted(Class::NetClient, "localhost");
    assert!(reaches(&rules, "localhost", "127.0.0.1") && reaches(&rules, "LOCALHOST", "::1"));
    assert!(!reaches(&rules, "localhost", "10.0.0.1"));
    let rules = granted(Class::NetClient, "10.0.0.1");
    assert!(
        reaches(&rules, "10.0.0.1", "10.0.0.1") && reaches(&rules, "[::ffff:10.0.0.1]", "10.0.0.1")
    );
    assert!(!reaches(&rules, "10.0.0.2", "10.0.0.2"));
}

#[test]
fn refused_addresses_are_found_under_every_name() {
    let mut rules = Permissions::default();
    rules.refuse(Class::NetClient, Some("127.0.0.1")).expect("an address");
    for address in ["127.0.0.1", "127.8.8.8", "0.0.0.0", "::1", "::ffff:127.0.0.1"] {
        assert!(!reaches(&rules, "some.name", address), "{address}");
    }
    assert!(reaches(&rules, "some.name", "10.0.0.1"));
}

#[test]
fn programs_are_compared_by_file() {
    let rules = granted(Class::Process, "ls");
    let file = rules.allowed_program("ls").expect("ls is installed");
    assert!(file.is_absolute() && rules.allowed_program(&file.to_string_lossy()).is_some());
    for other in ["sh", "./ls", "/elsewhere/ls", ""] {
        assert!(rules.allowed_program(other).is_none(), "{other}");
    }
    let mut rules = Permissions::default();
    rules.refuse(Class::Process, Some("sh")).expect("a program");
    assert!(rules.allowed_program("/bin/sh").is_none() && rules.allowed_program("ls").is_some());
}

#[test]
fn parts_must_mean_something() {
    let mut rules = Permissions::sandbox();
    for (class, part) in [
        (Class::NetServer, "x"),
        (Class::Db, "x"),
        (Class::Clock, "x"),
        (Class::NetClient, "http://x/"),
        (Class::NetClient, "x:80"),
        (Class::FsRead, ""),
        (Class::Env, ""),
    ] {
        assert!(rules.grant(class, Some(part)).is_err(), "{part}");
    }
    assert!(!rules.allows(Class::Db) && rules.allows_all(Class::Clock));
}
