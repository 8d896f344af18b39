//! Ways to make compiled code take its rare paths, for tests.
//!
//! They are written as `WHAT:VALUE`, several with commas between them, for example
//! `threshold:30,poison:7`.

/// Ways to make compiled code take its rare paths, for tests.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Stress {
    /// This guard, counted from 1 as they are compiled, fails the first time it is executed
    /// although it holds.
    pub exit_at: Option<u64>,
    /// Every so manieth executed guard fails although it holds.
    pub every: Option<u64>,
    /// Compile at this hotness.
    pub threshold: Option<u64>,
    /// What the compiler reads of the profile is wrong, as this seed says.
    pub poison: Option<u64>,
    /// So many bytes of code memory, which are given back and overwritten all the time.
    pub cache: Option<usize>,
    /// Loops are compiled and entered at their first back edge, before the functions around them.
    pub osr_eager: bool,
    /// What the compiler shows of the ranges of ints is checked when it runs; if it is not so,
    /// the process ends.
    pub checks_ranges: bool,
}

impl Stress {
    /// Nothing of all that.
    pub const NONE: Stress = Stress {
        exit_at: None,
        every: None,
        threshold: None,
        poison: None,
        cache: None,
        osr_eager: false,
        checks_ranges: false,
    };

    /// Reads `WHAT:VALUE,…`.
    pub fn parse(text: &str) -> Option<Stress> {
        let mut stress = Stress::NONE;
        for part in text.split(',') {
            let (name, value) = part.split_once(':')?;
            if name == "osr" && value == "eager" {
                stress.osr_eager = true;
                continue;
            }
            if name == "ranges" && value == "check" {
                stress.checks_ranges = true;
                continue;
            }
            let number: u64 = value.parse().ok()?;
            match name {
                "exit-at" => stress.exit_at = Some(number),
                "every" => stress.every = Some(number.max(1)),
                "threshold" => stress.threshold = Some(number),
                "poison" => stress.poison = Some(number),
                "cache" => stress.cache = Some(usize::try_from(number).ok()?.clamp(1, 1 << 30)),
                _ => return None,
            }
        }
        Some(stress)
    }
}
