//! Hostile ZIP archives: names and links that lead out of the output directory, bombs, and
//! archives whose parts contradict each other. Each is made here, byte by byte.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use libtest_mimic::{Failed, Trial};
use ruff::engine;
use ruff::syntax::source::Source;

use crate::files::Scratch;
use crate::settings::Setting;

/// A name and what makes the cases.
type Table = (&'static str, fn() -> Vec<Case>);

pub(crate) fn trials() -> Vec<Trial> {
    let tables: [Table; 3] = [("leading_out", leading_out), ("bombs", bombs), ("broken", broken)];
    let mut trials = Vec::new();
    for (name, cases) in tables {
        for setting in &Setting::ALL[..3] {
            let name = format!("archives/{name}::{}", setting.name());
            trials.push(Trial::test(name, move || run(&cases(), *setting)));
        }
    }
    trials
}

/// How long one archive may occupy the program, however large it claims to be.
const LIMIT: Duration = Duration::from_secs(20);

/// An archive, the options with which it is extracted, and what must come of it.
struct Case {
    name: String,
    archive: Vec<u8>,
    options: &'static str,
    /// The start of the error; "ok" if there must be none.
    wanted: &'static str,
}

impl Case {
    fn new(name: &str, archive: Vec<u8>, wanted: &'static str) -> Case {
        let name = name.to_owned();
        Case { name, archive, options: "{}", wanted }
    }
}

#[derive(Clone)]
struct Entry<'a> {
    name: &'a [u8],
    data: Vec<u8>,
    is_deflated: bool,
    /// The size that the archive admits.
    size: u32,
    crc: u32,
    /// Unix mode.
    mode: u32,
    /// The entry whose bytes this one shares.
    shares: Option<usize>,
}

fn stored<'a>(name: &'a [u8], data: &[u8]) -> Entry<'a> {
    Entry {
        name,
        data: data.to_vec(),
        is_deflated: false,
        size: data.len() as u32,
        crc: crc32(data),
        mode: 0o100_644,
        shares: None,
    }
}

fn link<'a>(name: &'a [u8], target: &[u8]) -> Entry<'a> {
    Entry { mode: 0o120_777, ..stored(name, target) }
}

/// `n` zeros, compressed as far as the format can.
fn zeros(name: &[u8], n: usize) -> Entry<'_> {
    let (mut bits, mut n_bits, mut data) = (0u32, 0, Vec::new());
    let mut put = |value: u32, width: u32| {
        bits |= value << n_bits;
        n_bits += width;
        while n_bits >= 8 {
            data.push(bits as u8);
            bits >>= 8;
            n_bits -= 8;
        }
    };
    // The last block, with the fixed codes, which stand with their first bit first.
    put(0b011, 3);
    put(0b0000_1100, 8);
    for _ in 0..(n - 1) / 258 {
        put(0b1010_0011, 8);
        put(0, 5);
    }
    for _ in 0..(n - 1) % 258 {
        put(0b0000_1100, 8);
    }
    put(0, 7 + 7);
    let crc = crc32(&vec![0; n]);
    Entry { is_deflated: true, size: n as u32, crc, data, ..stored(name, b"") }
}

fn crc32(data: &[u8]) -> u32 {
    let table: Vec<u32> = (0..256u32)
        .map(|i| (0..8).fold(i, |c, _| if c & 1 == 1 { 0xEDB8_8320 ^ (c >> 1) } else { c >> 1 }))
        .collect();
    !data.iter().fold(!0, |c, byte| table[((c ^ u32::from(*byte)) & 255) as usize] ^ (c >> 8))
}

/// The fields that the header before an entry and the one in the directory share.
fn common(entry: &Entry<'_>) -> Vec<u8> {
    let mut out = vec![20, 0, 0, 8, u8::from(entry.is_deflated) * 8, 0, 0, 0, 33, 0];
    out.extend(entry.crc.to_le_bytes());
    out.extend((entry.data.len() as u32).to_le_bytes());
    out.extend(entry.size.to_le_bytes());
    out.extend((entry.name.len() as u16).to_le_bytes());
    out.extend([0, 0]);
    out
}

/// The end of an archive with a directory of `n` entries.
fn end(n: u16, at: u32, length: u32) -> Vec<u8> {
    let mut out = b"PK\x05\x06\0\0\0\0".to_vec();
    out.extend(n.to_le_bytes());
    out.extend(n.to_le_bytes());
    out.extend(length.to_le_bytes());
    out.extend(at.to_le_bytes());
    out.extend([0, 0]);
    out
}

fn archive(entries: &[Entry<'_>]) -> Vec<u8> {
    let (mut out, mut directory, mut places) = (Vec::new(), Vec::new(), Vec::new());
    for entry in entries {
        let place = match entry.shares {
            Some(other) => places[other],
            None => {
                let place = out.len() as u32;
                out.extend(b"PK\x03\x04");
                out.extend(common(entry));
                out.extend(entry.name);
                out.extend(&entry.data);
                place
            }
        };
        places.push(place);
        // Made on Unix, so that the mode counts.
        directory.extend(b"PK\x01\x02\x14\x03");
        directory.extend(common(entry));
        directory.extend([0; 6]);
        directory.extend((entry.mode << 16).to_le_bytes());
        directory.extend(place.to_le_bytes());
        directory.extend(entry.name);
    }
    let at = out.len() as u32;
    let n = entries.len();
    let ending = end(n.min(0xFFFF) as u16, at, directory.len() as u32);
    let length = directory.len() as u64;
    out.extend(directory);
    if n > 0xFFFF {
        let mut wide = b"PK\x06\x06".to_vec();
        wide.extend(44u64.to_le_bytes());
        wide.extend([45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        for number in [n as u64, n as u64, length, u64::from(at)] {
            wide.extend(number.to_le_bytes());
        }
        let place = out.len() as u64;
        out.extend(wide);
        out.extend(b"PK\x06\x07\0\0\0\0");
        out.extend(place.to_le_bytes());
        out.extend([1, 0, 0, 0]);
    }
    out.extend(ending);
    out
}

fn leading_out() -> Vec<Case> {
    let good = stored(b"good.txt", b"good");
    let names: [&[u8]; 21] = [
        b"../evil",
        b"../../evil",
        b"a/../../evil",
        b"a/b/../../../evil",
        b"./../evil",
        b"a/./../../evil",
        b"..",
        b"a/..",
        b"../",
        b"/evil",
        b"//evil",
        b"/etc/../evil",
        b"..\\evil",
        b"a\\..\\..\\evil",
        b"a/..\\..\\evil",
        b"\\evil",
        b"\\\\host\\share\\evil",
        b"C:\\evil",
        b"C:evil",
        b"c:/evil",
        b"good\0/../evil",
    ];
    let mut cases: Vec<Case> = names
        .into_iter()
        .map(|name| {
            let shown = String::from_utf8_lossy(name).into_owned();
            let bytes = archive(&[good.clone(), stored(name, b"evil")]);
            Case::new(&shown, bytes, "ValueError unzip: entry '")
        })
        .collect();
    let links: [(&[u8], &[u8]); 5] = [
        (b"l", b"/etc/passwd"),
        (b"l", b".."),
        (b"l", b"good.txt"),
        (b"d/l", b"../.."),
        (b"l/", b".."),
    ];
    for (name, target) in links {
        let bytes = archive(&[good.clone(), link(name, target), stored(b"l/evil", b"evil")]);
        cases.push(Case::new("a link", bytes, "ValueError unzip: entry '"));
    }
    let plain = archive(&[good, stored("é/→.txt".as_bytes(), b"x"), stored(b"d/...", b"")]);
    cases.push(Case::new("nothing wrong", plain, "ok"));
    cases
}

const MIB: usize = 1 << 20;

fn bombs() -> Vec<Case> {
    let with = |name: &str, archive, options| Case {
        options,
        ..Case::new(name, archive, "ValueError unzip: ")
    };
    let lying = Entry { size: 10, ..zeros(b"bomb", 8 * MIB) };
    let names: Vec<String> = (0..400).map(|i| format!("f{i}")).collect();
    let sharing: Vec<Entry<'_>> = (0..names.len())
        .map(|i| Entry { shares: (i > 0).then_some(0), ..zeros(names[i].as_bytes(), MIB) })
        .collect();
    let many: Vec<String> = (0..100_001).map(|i| i.to_string()).collect();
    let many: Vec<Entry<'_>> = many.iter().map(|name| stored(name.as_bytes(), b"")).collect();
    let two = [zeros(b"a", 3 * MIB), zeros(b"b", 3 * MIB)];
    let lying_twice = two.clone().map(|entry| Entry { size: 10, ..entry });
    vec![
        with("an entry", archive(&[zeros(b"bomb", 8 * MIB)]), "{\"max_entry_bytes\": 1000000}"),
        Case::new("an entry that lies", archive(&[lying]), "ParseError unzip: '"),
        with("all entries", archive(&two), "{\"max_total_bytes\": 5000000}"),
        Case::new("all entries lie", archive(&lying_twice), "ParseError unzip: '"),
        with("overlapping entries", archive(&sharing), "{\"max_total_bytes\": 5000000}"),
        with("too many entries", archive(&many), "{}"),
        with("no entries allowed", archive(&two), "{\"max_entries\": 1}"),
        Case::new("no bomb", archive(&[zeros(b"a", 2 * MIB)]), "ok"),
    ]
}

fn broken() -> Vec<Case> {
    let good = stored(b"good.txt", b"good");
    let whole = archive(std::slice::from_ref(&good));
    let changed = |at: usize, bytes: &[u8]| {
        let mut archive = whole.clone();
        archive[at..at + bytes.len()].copy_from_slice(bytes);
        archive
    };
    let directory = 30 + 8 + 4;
    let ending = whole.len() - 22;
    let mut all = vec![
        ("nothing", Vec::new()),
        ("text", b"this is no archive".to_vec()),
        ("only an end with entries", end(0xFFFF, 0, 0xFFFF_FFFF)),
        ("a directory behind the end", changed(ending + 16, &[0xFF; 4])),
        ("an unknown method", {
            let mut archive = changed(8, &[77]);
            archive[directory + 10] = 77;
            archive
        }),
        ("a wrong checksum", archive(&[Entry { crc: 1, ..good.clone() }])),
        ("a name longer than the file", changed(directory + 28, &[0xFF, 0xFF])),
        ("data longer than the file", changed(directory + 20, &[0xFF, 0xFF, 0xFF, 0x7F])),
        ("an entry behind the end", changed(directory + 42, &[0xFF, 0xFF, 0xFF, 0x7F])),
        ("no header before the entry", changed(0, b"XX")),
        ("data that is not compressed", archive(&[Entry { is_deflated: true, ..good.clone() }])),
    ];
    for n in [5, directory + 3, ending + 3, whole.len() - 1] {
        all.push(("cut", whole[..n].to_vec()));
    }
    // An encrypted entry.
    let mut encrypted = changed(6, &[1]);
    encrypted[directory + 8] |= 1;
    all.push(("encrypted", encrypted));
    all.into_iter().map(|(name, archive)| Case::new(name, archive, "ParseError unzip: '")).collect()
}

const PROGRAM: &str = r#"
try {
    print("ok", len(unzip("a.zip", "out/deep", OPTIONS)))
} except e { print(e.kind, e.message) }
try { print(type(zip_list("a.zip"))) } except e { print(e.kind) }
"#;

fn run(cases: &[Case], setting: Setting) -> Result<(), Failed> {
    let mut wrong = String::new();
    for case in cases {
        let scratch = Scratch::new();
        scratch.write("root/a.zip", &case.archive);
        let folder = scratch.path().join("root");
        let program = PROGRAM
            .replace("\"a.zip\"", &format!("{:?}", folder.join("a.zip")))
            .replace("\"out/deep\"", &format!("{:?}", folder.join("out/deep")))
            .replace("OPTIONS", case.options);
        let start = Instant::now();
        let source = Source::new("main.ruff", &program);
        let finished = engine::run_captured(source, folder.clone(), &setting.options());
        let took = start.elapsed();
        let shown = String::from_utf8_lossy(&finished.stdout).into_owned();
        let mut complain = |what: &str| {
            // Writing to a string cannot fail.
            let _ = writeln!(wrong, "{}: {what}: {shown}{}", case.name, finished.stderr);
        };
        if !shown.starts_with(case.wanted) {
            complain("not as wanted");
        }
        if finished.exit_code != 0 || took > LIMIT {
            complain("ended or slow");
        }
        let (n_inside, n_outside) = left(scratch.path(), &folder.join("out/deep"));
        if n_outside != 1 || n_inside > 0 && case.wanted != "ok" {
            complain(&format!("{n_inside} files inside, {n_outside} outside"));
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.into()) }
}

/// The files below a folder: those inside of `inner`, and the others.
fn left(folder: &Path, inner: &Path) -> (usize, usize) {
    let (mut n_inside, mut n_outside) = (0, 0);
    let mut open = vec![folder.to_owned()];
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(&dir).into_iter().flatten().flatten() {
            let is_dir = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if is_dir {
                open.push(entry.path());
            } else if entry.path().starts_with(inner) {
                n_inside += 1;
            } else {
                n_outside += 1;
            }
        }
    }
    (n_inside, n_outside)
}
