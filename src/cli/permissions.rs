//! What a program may do besides computing: the flags of `ruff run` that restrict it.

use std::fmt;

use clap::Args;
use ruff_runtime::permissions::{Class, Permissions};

/// The flags. A flag without a part of its class is recorded as an empty part.
#[derive(Args, Clone, Default)]
pub(super) struct PermissionArgs {
    /// Refuse files, environment, programs, network and databases unless allowed
    #[arg(long)]
    sandbox: bool,
    /// Allow reading files and directories, or only these
    #[arg(long, value_name = "PATH", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "", value_delimiter = ',', requires = "sandbox")]
    allow_read: Vec<String>,
    /// Allow creating, changing and deleting files, or only these
    #[arg(long, value_name = "PATH", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "", value_delimiter = ',', requires = "sandbox")]
    allow_write: Vec<String>,
    /// Allow connections to other machines, or only these
    #[arg(long, value_name = "HOST", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "", value_delimiter = ',', requires = "sandbox")]
    allow_net: Vec<String>,
    /// Allow waiting for connections
    #[arg(long, requires = "sandbox")]
    allow_listen: bool,
    /// Allow environment variables, or only these
    #[arg(long, value_name = "VAR", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "", value_delimiter = ',', requires = "sandbox")]
    allow_env: Vec<String>,
    /// Allow starting programs, or only these
    #[arg(long, value_name = "PROG", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "", value_delimiter = ',', requires = "sandbox")]
    allow_run: Vec<String>,
    /// Allow databases
    #[arg(long, requires = "sandbox")]
    allow_db: bool,
    /// Refuse reading files and directories, or only these
    #[arg(long, value_name = "PATH", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "", value_delimiter = ',')]
    deny_read: Vec<String>,
    /// Refuse creating, changing and deleting files, or only these
    #[arg(long, value_name = "PATH", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "", value_delimiter = ',')]
    deny_write: Vec<String>,
    /// Refuse connections to other machines, or only these
    #[arg(long, value_name = "HOST", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "", value_delimiter = ',')]
    deny_net: Vec<String>,
    /// Refuse waiting for connections
    #[arg(long)]
    deny_listen: bool,
    /// Refuse environment variables, or only these
    #[arg(long, value_name = "VAR", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "", value_delimiter = ',')]
    deny_env: Vec<String>,
    /// Refuse starting programs, or only these
    #[arg(long, value_name = "PROG", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "", value_delimiter = ',')]
    deny_run: Vec<String>,
    /// Refuse databases
    #[arg(long)]
    deny_db: bool,
    /// Refuse reading the time and waiting
    #[arg(long)]
    deny_clock: bool,
    /// Refuse random numbers
    #[arg(long)]
    deny_random: bool,
}

/// A part of a class that means nothing.
pub(super) struct InvalidPart {
    flag: &'static str,
    part: String,
}

impl fmt::Display for InvalidPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invalid value '{}' for '{}'", self.part, self.flag)
    }
}

/// The parts of a class that has none.
fn whole(is_given: bool) -> &'static [String] {
    const WHOLE: &[String] = &[String::new()];
    if is_given { WHOLE } else { &[] }
}

impl PermissionArgs {
    /// The rules that the flags make.
    ///
    /// # Errors
    /// [`InvalidPart`] for what is no path, host, variable or program.
    pub(super) fn rules(&self) -> Result<Permissions, InvalidPart> {
        let mut rules = if self.sandbox { Permissions::sandbox() } else { Permissions::default() };
        for (flag, class, parts) in self.granted() {
            for part in parts {
                let given = (!part.is_empty()).then_some(part.as_str());
                let invalid = |_| InvalidPart { flag, part: part.clone() };
                rules.grant(class, given).map_err(invalid)?;
            }
        }
        for (flag, class, parts) in self.refused() {
            for part in parts {
                let given = (!part.is_empty()).then_some(part.as_str());
                let invalid = |_| InvalidPart { flag, part: part.clone() };
                rules.refuse(class, given).map_err(invalid)?;
            }
        }
        Ok(rules)
    }

    fn granted(&self) -> [(&'static str, Class, &[String]); 7] {
        [
            ("--allow-read", Class::FsRead, self.allow_read.as_slice()),
            ("--allow-write", Class::FsWrite, self.allow_write.as_slice()),
            ("--allow-net", Class::NetClient, self.allow_net.as_slice()),
            ("--allow-listen", Class::NetServer, whole(self.allow_listen)),
            ("--allow-env", Class::Env, self.allow_env.as_slice()),
            ("--allow-run", Class::Process, self.allow_run.as_slice()),
            ("--allow-db", Class::Db, whole(self.allow_db)),
        ]
    }

    fn refused(&self) -> [(&'static str, Class, &[String]); 9] {
        [
            ("--deny-read", Class::FsRead, self.deny_read.as_slice()),
            ("--deny-write", Class::FsWrite, self.deny_write.as_slice()),
            ("--deny-net", Class::NetClient, self.deny_net.as_slice()),
            ("--deny-listen", Class::NetServer, whole(self.deny_listen)),
            ("--deny-env", Class::Env, self.deny_env.as_slice()),
            ("--deny-run", Class::Process, self.deny_run.as_slice()),
            ("--deny-db", Class::Db, whole(self.deny_db)),
            ("--deny-clock", Class::Clock, whole(self.deny_clock)),
            ("--deny-random", Class::Random, whole(self.deny_random)),
        ]
    }
}
