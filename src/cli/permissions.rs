//! What a program may do besides computing: the flags of `ruff run` that restrict it.

use clap::Args;

/// Capability classes (builtins, 1.8) that can be refused.
#[derive(Args, Clone, Default)]
pub(super) struct Permissions {
    /// Refuse files, environment, programs, network and databases unless allowed
    #[arg(long)]
    sandbox: bool,
    /// Allow in the sandbox: read, write, env, run, net, listen, db
    #[arg(long, value_name = "CLASS", value_delimiter = ',', requires = "sandbox")]
    allow: Vec<Class>,
    /// Refuse, with or without sandbox: the classes of --allow, and clock, random
    #[arg(long, value_name = "CLASS", value_delimiter = ',')]
    deny: Vec<Class>,
}

#[derive(clap::ValueEnum, Clone, Copy, PartialEq, Eq)]
enum Class {
    Read,
    Write,
    Env,
    Run,
    Net,
    Listen,
    Db,
    Clock,
    Random,
}

impl Class {
    const ALL: [Class; 9] = [
        Class::Read,
        Class::Write,
        Class::Env,
        Class::Run,
        Class::Net,
        Class::Listen,
        Class::Db,
        Class::Clock,
        Class::Random,
    ];

    /// The class as natives declare it.
    fn name(self) -> &'static str {
        match self {
            Class::Read => "fs-read",
            Class::Write => "fs-write",
            Class::Env => "env",
            Class::Run => "process",
            Class::Net => "net-client",
            Class::Listen => "net-server",
            Class::Db => "db",
            Class::Clock => "clock",
            Class::Random => "random",
        }
    }

    /// Whether the sandbox refuses the class unless it is allowed.
    fn is_confined(self) -> bool {
        !matches!(self, Class::Clock | Class::Random)
    }
}

impl Permissions {
    /// The classes that natives must not use.
    pub(super) fn denied(&self) -> Vec<&'static str> {
        let is_denied = |class: &Class| {
            let is_confined = self.sandbox && class.is_confined() && !self.allow.contains(class);
            is_confined || self.deny.contains(class)
        };
        Class::ALL.iter().filter(|class| is_denied(class)).map(|class| class.name()).collect()
    }
}
