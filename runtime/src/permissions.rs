//! What a restricted program may do: capability classes, and within them paths, hosts, variables
//! and programs.
//!
//! A class is granted whole, in part or not at all; what is refused wins over what is granted.
//! Natives ask through their argument types (`natives::access`), nobody else decides.

use std::ffi::{OsStr, OsString};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Component, Path, PathBuf};

/// A class of effects.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Class {
    FsRead,
    FsWrite,
    Env,
    Process,
    NetClient,
    NetServer,
    Db,
    Clock,
    Random,
}

impl Class {
    pub const ALL: [Class; 9] = [
        Class::FsRead,
        Class::FsWrite,
        Class::Env,
        Class::Process,
        Class::NetClient,
        Class::NetServer,
        Class::Db,
        Class::Clock,
        Class::Random,
    ];

    /// The class as natives declare it.
    pub fn name(self) -> &'static str {
        match self {
            Class::FsRead => "fs-read",
            Class::FsWrite => "fs-write",
            Class::Env => "env",
            Class::Process => "process",
            Class::NetClient => "net-client",
            Class::NetServer => "net-server",
            Class::Db => "db",
            Class::Clock => "clock",
            Class::Random => "random",
        }
    }

    pub fn from_name(name: &str) -> Option<Class> {
        Class::ALL.into_iter().find(|class| class.name() == name)
    }
}

/// How much of a class is granted or refused.
#[derive(Clone, Debug)]
enum Extent {
    None,
    Part(Vec<Scope>),
    All,
}

/// A part of a class.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Scope {
    /// A path and what lies beneath.
    Path(PathBuf),
    /// A host name in lower case.
    Host(String),
    Address(IpAddr),
    /// An environment variable.
    Variable(String),
    /// A program: its resolved path if it exists, else as given.
    Program(PathBuf),
}

impl Extent {
    fn add(&mut self, scope: Option<Scope>) {
        match (&mut *self, scope) {
            (_, None) => *self = Extent::All,
            (Extent::None, Some(scope)) => *self = Extent::Part(vec![scope]),
            (Extent::Part(all), Some(scope)) => all.push(scope),
            (Extent::All, Some(_)) => {}
        }
    }

    fn has(&self, test: impl FnMut(&Scope) -> bool) -> bool {
        match self {
            Extent::None => false,
            Extent::Part(all) => all.iter().any(test),
            Extent::All => true,
        }
    }

    fn parts(&self) -> &[Scope] {
        match self {
            Extent::Part(all) => all,
            Extent::None | Extent::All => &[],
        }
    }

    fn is_all(&self) -> bool {
        matches!(self, Extent::All)
    }

    fn is_none(&self) -> bool {
        matches!(self, Extent::None)
    }
}

#[derive(Clone, Debug)]
struct Rule {
    granted: Extent,
    refused: Extent,
}

/// The rules of a run.
#[derive(Clone, Debug)]
pub struct Permissions {
    rules: [Rule; Class::ALL.len()],
    is_restricted: bool,
}

impl Default for Permissions {
    /// Everything is allowed.
    fn default() -> Permissions {
        let rules = Class::ALL.map(|_| Rule { granted: Extent::All, refused: Extent::None });
        Permissions { rules, is_restricted: false }
    }
}

/// A part of a class that cannot be understood.
#[derive(Debug)]
pub struct InvalidScope;

impl Permissions {
    /// Only the clock and random numbers are granted.
    pub fn sandbox() -> Permissions {
        let granted = |class| match class {
            Class::Clock | Class::Random => Extent::All,
            Class::FsRead
            | Class::FsWrite
            | Class::Env
            | Class::Process
            | Class::NetClient
            | Class::NetServer
            | Class::Db => Extent::None,
        };
        let rules = Class::ALL.map(|class| Rule { granted: granted(class), refused: Extent::None });
        Permissions { rules, is_restricted: true }
    }

    /// Grants a class, or a part of it.
    ///
    /// # Errors
    /// [`InvalidScope`] if the class has no such parts.
    pub fn grant(&mut self, class: Class, part: Option<&str>) -> Result<(), InvalidScope> {
        let scope = part.map(|part| scope(class, part)).transpose()?;
        self.rules[class as usize].granted.add(scope);
        Ok(())
    }

    /// Refuses a class, or a part of it.
    ///
    /// # Errors
    /// [`InvalidScope`] if the class has no such parts.
    pub fn refuse(&mut self, class: Class, part: Option<&str>) -> Result<(), InvalidScope> {
        let scope = part.map(|part| scope(class, part)).transpose()?;
        self.rules[class as usize].refused.add(scope);
        self.is_restricted = true;
        Ok(())
    }

    /// Whether anything is not allowed.
    #[inline]
    pub fn is_restricted(&self) -> bool {
        self.is_restricted
    }

    fn rule(&self, class: Class) -> &Rule {
        &self.rules[class as usize]
    }

    /// Whether at least a part of the class is granted.
    pub fn allows(&self, class: Class) -> bool {
        let rule = self.rule(class);
        !rule.refused.is_all() && !rule.granted.is_none()
    }

    /// Whether all of the class is granted, and no part refused.
    pub fn allows_all(&self, class: Class) -> bool {
        let rule = self.rule(class);
        rule.refused.is_none() && rule.granted.is_all()
    }

    fn decide(&self, class: Class, mut test: impl FnMut(&Scope) -> bool) -> bool {
        let rule = self.rule(class);
        !rule.refused.has(&mut test) && rule.granted.has(test)
    }

    /// Whether there are rules about single paths, so that a grant of databases does not cover
    /// the files of all of them.
    pub fn names_paths(&self) -> bool {
        [Class::FsRead, Class::FsWrite].into_iter().any(|class| {
            let rule = self.rule(class);
            !rule.granted.parts().is_empty() || !rule.refused.parts().is_empty()
        })
    }

    /// Whether a file or directory may be used.
    pub fn allows_path(&self, class: Class, path: &Path, last: Last) -> bool {
        if self.allows_all(class) {
            return true;
        }
        let Some(real) = resolve(path, last) else { return false };
        self.decide(class, |scope| matches!(scope, Scope::Path(root) if real.starts_with(root)))
    }

    /// Whether everything beneath a directory may be used too.
    pub fn allows_tree(&self, class: Class, path: &Path, last: Last) -> bool {
        if self.allows_all(class) {
            return true;
        }
        let Some(real) = resolve(path, last) else { return false };
        let refused = self.rule(class).refused.parts();
        let leads_to = |scope: &Scope| matches!(scope, Scope::Path(at) if at.starts_with(&real));
        !refused.iter().any(leads_to) && self.allows_path(class, path, last)
    }

    /// Whether an environment variable may be used.
    pub fn allows_variable(&self, name: &str) -> bool {
        self.decide(Class::Env, |scope| matches!(scope, Scope::Variable(own) if own == name))
    }

    /// The file of a program that may be started. A link counts as the name that it has, since
    /// one file may be many programs; but what is refused is refused under every name.
    pub fn allowed_program(&self, name: &str) -> Option<PathBuf> {
        let found = find_program(name).unwrap_or_else(|| name.into());
        let rule = self.rule(Class::Process);
        let is_it = |scope: &Scope| matches!(scope, Scope::Program(own) if *own == found);
        let real = |path: &Path| resolve(path, Last::Followed);
        let is_same_file = |scope: &Scope| match scope {
            Scope::Program(own) => *own == found || real(own) == real(&found),
            _ => false,
        };
        (!rule.refused.has(is_same_file) && rule.granted.has(is_it)).then_some(found)
    }

    /// Whether a host may be looked up and reached.
    pub fn allows_host(&self, host: &str) -> bool {
        let Ok(host) = host_scope(host) else { return false };
        match host {
            // What an address means is decided where it is known.
            Scope::Address(address) => self.allows_address(&address.to_string(), address),
            name => self.decide(Class::NetClient, |scope| *scope == name),
        }
    }

    /// Whether an address that belongs to an allowed host may be reached. Private ones and those
    /// of this machine must be granted as such, whatever name leads there.
    pub fn allows_address(&self, host: &str, address: IpAddr) -> bool {
        let address = real_address(address);
        let rule = self.rule(Class::NetClient);
        let is_here = |scope: &Scope| match scope {
            Scope::Address(own) => *own == address || own.is_loopback() && address.is_loopback(),
            Scope::Host(name) => name == "localhost" && address.is_loopback(),
            _ => false,
        };
        if rule.refused.has(is_here) {
            return false;
        }
        let is_meant = |scope: &Scope| match scope {
            Scope::Address(own) => *own == address,
            Scope::Host(name) => name == "localhost" && address.is_loopback(),
            _ => false,
        };
        if rule.granted.has(is_meant) {
            return true;
        }
        let name = host_scope(host).ok();
        !is_private(address)
            && rule.granted.parts().iter().any(|scope| Some(scope) == name.as_ref())
    }
}

/// The part of a class that a text means.
fn scope(class: Class, text: &str) -> Result<Scope, InvalidScope> {
    if text.is_empty() || text.contains('\0') {
        return Err(InvalidScope);
    }
    match class {
        Class::FsRead | Class::FsWrite => {
            resolve(Path::new(text), Last::Followed).map(Scope::Path).ok_or(InvalidScope)
        }
        Class::NetClient => host_scope(text),
        Class::Env => Ok(Scope::Variable(text.to_owned())),
        Class::Process => Ok(Scope::Program(find_program(text).unwrap_or_else(|| text.into()))),
        Class::NetServer | Class::Db | Class::Clock | Class::Random => Err(InvalidScope),
    }
}

fn host_scope(host: &str) -> Result<Scope, InvalidScope> {
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    if let Ok(address) = bare.parse::<IpAddr>() {
        return Ok(Scope::Address(real_address(address)));
    }
    let name = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    let is_name = !name.is_empty() && !name.contains([':', '/', '@', ' ', '[', ']']);
    if is_name { Ok(Scope::Host(name)) } else { Err(InvalidScope) }
}

/// An address without its disguises: IPv4 inside IPv6, and "any", which connects to this machine.
fn real_address(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) if v4.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(v6) if v6.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        other => other,
    }
}

/// Addresses that mean something else in every network.
fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let is_shared = v4.octets()[0] == 100 && v4.octets()[1] & 0xc0 == 64;
            let is_this_net = v4.octets()[0] == 0;
            let is_test = v4.octets()[0] == 198 && v4.octets()[1] & 0xfe == 18;
            v4.is_loopback()
                || v4.is_private()
                || v4.is_link_local()
                || v4.is_broadcast()
                || v4.is_multicast()
                || is_shared
                || is_this_net
                || is_test
                || v4.octets()[0] >= 240
        }
        IpAddr::V6(v6) => {
            // What a gateway turns into an address of IPv4 (RFC 6052).
            let embedded = v6.octets().last_chunk::<4>().copied().map(Ipv4Addr::from);
            let is_translated = v6.segments()[..6] == [0x64, 0xff9b, 0, 0, 0, 0];
            is_translated && embedded.is_none_or(|v4| is_private(v4.into()))
                || v6.is_loopback()
                || v6.is_unique_local()
                || v6.is_unicast_link_local()
                || v6.is_multicast()
        }
    }
}

/// Whether the last part of a path is followed if it is a link.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Last {
    Followed,
    /// The link itself is meant: what is renamed or deleted.
    Itself,
}

/// Links on the way to one file.
const MAX_LINKS: usize = 40;

/// The file that a path means: absolute, without links, `.` and `..`. Parts that do not exist
/// are kept, so that what would be created has a place too. `None` if links lead in a circle.
pub fn resolve(path: &Path, last: Last) -> Option<PathBuf> {
    let text = path.as_os_str().as_encoded_bytes();
    let follows_last = last == Last::Followed || text.ends_with(b"/") || text.ends_with(b"/.");
    let mut real = std::env::current_dir().ok()?;
    let mut waiting = Vec::new();
    push_parts(&mut waiting, path);
    let mut n_links = 0;
    while let Some(part) = waiting.pop() {
        match part {
            Part::Root => real = PathBuf::from("/"),
            Part::Parent => {
                real.pop();
            }
            Part::Name(name) => {
                real.push(name);
                if waiting.is_empty() && !follows_last {
                    break;
                }
                if let Ok(target) = std::fs::read_link(&real) {
                    n_links += 1;
                    if n_links > MAX_LINKS {
                        return None;
                    }
                    real.pop();
                    push_parts(&mut waiting, &target);
                }
            }
        }
    }
    Some(real)
}

enum Part {
    Root,
    Parent,
    Name(OsString),
}

/// Pushes the parts of a path, the first one last.
fn push_parts(waiting: &mut Vec<Part>, path: &Path) {
    let from = waiting.len();
    for component in path.components() {
        waiting.push(match component {
            Component::CurDir => continue,
            Component::Prefix(_) | Component::RootDir => Part::Root,
            Component::ParentDir => Part::Parent,
            Component::Normal(name) => Part::Name(name.to_owned()),
        });
    }
    waiting[from..].reverse();
}

/// The file of a program, searched as a shell does.
fn find_program(name: &str) -> Option<PathBuf> {
    if name.contains('/') {
        return resolve(Path::new(name), Last::Itself);
    }
    let path = std::env::var_os("PATH");
    let dirs = path.as_deref().unwrap_or(OsStr::new("/usr/bin:/bin"));
    let found = std::env::split_paths(dirs).map(|dir| dir.join(name)).find(|path| path.is_file());
    resolve(&found?, Last::Itself)
}

#[cfg(test)]
mod tests;
