//! Where restricted programs are checked: each argument claims what it leads to, and a call is
//! permitted if all claims are.
//!
//! The types of this file stand in declarations for the plain types whose values they hold. A
//! native that touches more than its arguments name (the files of a directory, the addresses of
//! a host) asks [`Guard`] for the rest.

use std::net::IpAddr;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::slice::Iter;
use std::sync::Arc;

use super::Cx;
use super::args::{Fit, FromArg, StrOrDict};
use super::library_args::{Texts, text_of};
use crate::error::{Error, Kind, Result};
use crate::objects::array::Array;
use crate::permissions::{Class, Last, Permissions};
use crate::value::{Value, View};

/// What one argument leads to.
enum Claim {
    Read(String, Last),
    Write(String, Last),
    /// Everything beneath a directory.
    ReadTree(String),
    WriteTree(String),
    /// A path and its new place, where it must not become readable.
    Move(String, String),
    Variable(String),
    Program(String),
    Host(String),
    /// More than any part of a class.
    Whole(Class),
}

/// What the arguments of a call lead to.
pub(super) struct Claims {
    /// The declared classes, separated by a comma.
    classes: &'static str,
    /// A class that covers the call instead.
    instead: Option<Class>,
    claims: Vec<Claim>,
    /// The path that is moved, until its new place is known.
    moved: String,
}

impl Claims {
    pub(super) fn new(classes: &'static str) -> Claims {
        Claims { classes, instead: None, claims: Vec::new(), moved: String::new() }
    }

    /// The call is covered by another class than the declared one.
    pub(super) fn covered_by(&mut self, class: Class) {
        self.instead = Some(class);
    }

    /// The URL of a request; what is not one fails later, with an error of its own.
    pub(super) fn url(&mut self, url: &str) {
        let Some((_, rest)) = url.split_once("://") else { return };
        let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let name = match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
            _ => host,
        };
        self.claims.push(Claim::Host(name.to_owned()));
    }

    fn program(&mut self, argv: &Array) {
        let first = argv.get(0);
        self.claims.extend(first.as_ref().and_then(text_of).map(|p| Claim::Program(p.to_owned())));
    }
}

/// The rules of the run, for natives that find out during the call what they touch.
#[derive(Clone)]
pub(super) struct Guard {
    name: &'static str,
    pub permissions: Arc<Permissions>,
}

impl Guard {
    #[cold]
    pub(super) fn denied(&self, class: Class) -> Error {
        let what = format!("{}: capability '{}' denied", self.name, class.name());
        Error::new(Kind::PermissionError, what)
    }

    fn check(&self, class: Class, is_allowed: bool) -> Result<()> {
        if is_allowed { Ok(()) } else { Err(self.denied(class)) }
    }

    /// # Errors
    /// PermissionError if the path must not be used.
    pub(super) fn path(&self, class: Class, path: &Path) -> Result<()> {
        self.check(class, self.permissions.allows_path(class, path, Last::Followed))
    }

    /// A SQLite file: the class `db` covers it, but rules about paths hold as well.
    #[cfg(feature = "databases")]
    pub(super) fn allows_database(&self, file: &str) -> bool {
        let rules = &self.permissions;
        // An empty name is a temporary file of SQLite's own; a URI hides which file it means.
        let is_harmless = file.is_empty() || file == ":memory:";
        let is_uri = file.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("file:"));
        let may = |class| rules.allows_path(class, Path::new(file), Last::Followed);
        !rules.names_paths() || is_harmless || !is_uri && may(Class::FsRead) && may(Class::FsWrite)
    }

    /// # Errors
    /// PermissionError if an address must not be reached.
    #[cfg(feature = "network")]
    pub(super) fn addresses(
        &self,
        host: &str,
        addresses: impl Iterator<Item = IpAddr>,
    ) -> Result<()> {
        let mut addresses = addresses;
        let is_allowed = addresses.all(|at| self.permissions.allows_address(host, at));
        self.check(Class::NetClient, is_allowed)
    }

    /// The file to start for a program; the name itself in unrestricted runs.
    ///
    /// # Errors
    /// PermissionError if the program must not be started.
    pub(super) fn program(&self, name: &str) -> Result<PathBuf> {
        if self.permissions.allows_all(Class::Process) {
            return Ok(name.into());
        }
        self.permissions.allowed_program(name).ok_or_else(|| self.denied(Class::Process))
    }

    fn claim(&self, claim: &Claim) -> Result<()> {
        use Class::{Env, FsRead, FsWrite, NetClient, Process};
        let rules = &self.permissions;
        // A path with NUL is refused before it reaches the operating system.
        let path = |class, text: &str, last| {
            let is_path = !text.contains('\0');
            self.check(class, !is_path || rules.allows_path(class, Path::new(text), last))
        };
        let tree = |class, text: &str, last| {
            let is_path = !text.contains('\0');
            self.check(class, !is_path || rules.allows_tree(class, Path::new(text), last))
        };
        let can_read = |text: &str| rules.allows_tree(FsRead, Path::new(text), Last::Itself);
        match claim {
            Claim::Read(text, last) => path(FsRead, text, *last),
            Claim::Write(text, last) => path(FsWrite, text, *last),
            Claim::ReadTree(text) => tree(FsRead, text, Last::Followed),
            Claim::WriteTree(text) => tree(FsWrite, text, Last::Itself),
            Claim::Move(old, new) => self.check(FsRead, can_read(old) || !can_read(new)),
            Claim::Variable(name) => self.check(Env, rules.allows_variable(name)),
            Claim::Program(name) => self.check(Process, rules.allowed_program(name).is_some()),
            Claim::Host(host) => self.check(NetClient, rules.allows_host(host)),
            Claim::Whole(class) => self.check(*class, rules.allows_all(*class)),
        }
    }
}

impl Cx<'_> {
    #[inline]
    pub(super) fn is_restricted(&mut self) -> bool {
        self.host.isolate().permissions.is_restricted()
    }

    /// The rules of the run.
    pub(super) fn guard(&mut self) -> Guard {
        Guard { name: self.name, permissions: self.host.isolate().permissions.clone() }
    }

    /// # Errors
    /// PermissionError for a class that is not granted, or not for these arguments.
    #[cold]
    pub(super) fn permit(&mut self, claims: &Claims) -> Result<()> {
        let guard = self.guard();
        if !claims.instead.is_some_and(|class| guard.permissions.allows(class)) {
            for class in claims.classes.split(", ").filter_map(Class::from_name) {
                guard.check(class, guard.permissions.allows(class))?;
            }
        }
        claims.claims.iter().try_for_each(|claim| guard.claim(claim))
    }
}

/// Types of arguments that lead somewhere; each stands for a plain type.
macro_rules! claiming {
    ($($(#[$doc:meta])* $Name:ident($Plain:ty) = $word:literal, $role:literal: |$value:ident, $claims:ident| $body:expr;)*) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub(super) struct $Name<'a>(pub $Plain);

        impl<'a> FromArg<'a> for $Name<'a> {
            const TYPE: &'static str = $word;
            const LEADS_TO: &'static str = $role;
            fn fit(value: &Value) -> Fit {
                <$Plain as FromArg<'a>>::fit(value)
            }
            fn convert(slot: &'a mut Value) -> Self {
                $Name(<$Plain as FromArg<'a>>::convert(slot))
            }
            fn check(slots: &mut Iter<'_, Value>, name: &str, param: &str) -> Result<()> {
                <$Plain as FromArg<'a>>::check(slots, name, param)
            }
            fn claim(slots: &mut Iter<'_, Value>, $claims: &mut Claims) {
                let Some($value) = slots.next() else { return };
                $body
            }
        }

        impl<'a> Deref for $Name<'a> {
            type Target = $Plain;
            fn deref(&self) -> &$Plain {
                &self.0
            }
        }
    )* };
}

/// As `claiming`, for texts.
macro_rules! text_claims {
    ($($(#[$doc:meta])* $Name:ident as $role:literal: |$text:ident| $claim:expr;)*) => {
        claiming! { $(
            $(#[$doc])*
            $Name(&'a str) = "string", $role: |value, claims| {
                if let Some($text) = text_of(value) {
                    let $text = $text.to_owned();
                    claims.claims.push($claim);
                }
            };
        )* }

        $( impl<'a> From<$Name<'a>> for &'a str {
            fn from(argument: $Name<'a>) -> &'a str {
                argument.0
            }
        } )*
    };
}

text_claims! {
    /// A path that is read.
    ReadPath as "read": |text| Claim::Read(text, Last::Followed);
    /// A path that is looked at, without following a link.
    ReadEntry as "read": |text| Claim::Read(text, Last::Itself);
    /// A directory that is read with all that lies beneath.
    ReadTree as "read": |text| Claim::ReadTree(text);
    /// A path that is created or changed.
    WritePath as "write": |text| Claim::Write(text, Last::Followed);
    /// A path that is removed itself, with all that lies beneath.
    WriteEntry as "write": |text| Claim::WriteTree(text);
    /// The name of an environment variable.
    VariableName as "variable": |text| Claim::Variable(text);
    /// The name or address of another machine.
    HostName as "host": |text| Claim::Host(text);
}

claiming! {
    /// A path that gets another place.
    MovedPath(&'a str) = "string", "write": |value, claims| {
        if let Some(text) = text_of(value) {
            text.clone_into(&mut claims.moved);
            claims.claims.push(Claim::WriteTree(text.to_owned()));
        }
    };
    /// The new place of a path.
    NewPath(&'a str) = "string", "write": |value, claims| {
        if let Some(text) = text_of(value) {
            let old = std::mem::take(&mut claims.moved);
            claims.claims.push(Claim::WriteTree(text.to_owned()));
            claims.claims.push(Claim::Move(old, text.to_owned()));
        }
    };
    /// A command for the shell.
    ShellCommand(&'a str) = "string", "program": |_value, claims| {
        claims.claims.push(Claim::Program("sh".to_owned()));
    };
    /// The directory to go to.
    WorkDir(&'a str) = "string", "directory": |_value, claims| claims.claims.push(Claim::Whole(Class::Process));
    /// The URL of a request.
    Url(&'a str) = "string", "url": |value, claims| {
        if let Some(url) = text_of(value) {
            claims.url(url);
        }
    };
    /// A URL, or a dict that describes a request.
    UrlOrDict(StrOrDict<'a>) = "string|dict", "url": |value, claims| {
        let url = match value.view() {
            View::Dict(dict) => dict.get_str("url").and_then(text_of),
            _ => text_of(value),
        };
        if let Some(url) = url {
            claims.url(url);
        }
    };
    /// URLs of requests that are sent together.
    Urls(Texts<'a>) = "array<string>", "url": |value, claims| {
        if let View::Array(urls) = value.view() {
            for url in urls.iter() {
                claims.url(text_of(&url).unwrap_or(""));
            }
        }
    };
    /// Paths that are read.
    ReadPaths(Texts<'a>) = "array<string>", "read": |value, claims| {
        if let View::Array(paths) = value.view() {
            let paths = paths.iter().filter_map(|path| text_of(&path).map(str::to_owned));
            claims.claims.extend(paths.map(|path| Claim::Read(path, Last::Followed)));
        }
    };
    /// Paths that are created or changed.
    WritePaths(Texts<'a>) = "array<string>", "write": |value, claims| {
        if let View::Array(paths) = value.view() {
            let paths = paths.iter().filter_map(|path| text_of(&path).map(str::to_owned));
            claims.claims.extend(paths.map(|path| Claim::Write(path, Last::Followed)));
        }
    };
    /// A program and its arguments.
    Argv(Texts<'a>) = "array<string>", "program": |value, claims| {
        if let View::Array(argv) = value.view() {
            claims.program(argv);
        }
    };
    /// Programs with their arguments.
    Commands(&'a Array) = "array", "program": |value, claims| {
        if let View::Array(all) = value.view() {
            for argv in all.iter() {
                if let View::Array(argv) = argv.view() {
                    claims.program(argv);
                }
            }
        }
    };
}
