//! What a program may not exceed, as the operating system and `--max-memory` see it: files that
//! cannot be written to their end keep what they held, and results that do not fit are errors.

use std::fmt::Write;
use std::fs;
use std::process::{Command, Output};

use libtest_mimic::{Failed, Trial};

use crate::files::Scratch;

const RUFF: &str = env!("CARGO_BIN_EXE_ruff");
const ENGINES: [&str; 3] = ["--engine=tree", "--engine=vm", "--jit=always"];

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        Trial::test("limits/files_keep_what_they_held", files_keep_what_they_held),
        Trial::test("limits/formats_grow_within_memory", formats_grow_within_memory),
        Trial::test("limits/streams_are_read_within_memory", streams_are_read_within_memory),
    ]
}

const ATTEMPT: &str = r#"
func attempt(name, f) {
    try {
        f()
        print(name, "done")
    } except e {
        print(name, e.kind)
        if e.kind == "MemoryError" { print(e.message) }
    }
}
"#;

/// Calls that each write one file, `NAME`, which holds `old` before; those of `new-` make a file.
const WRITES: [(&str, &str); 18] = [
    ("write", r#"write_file("write", big)"#),
    ("new-write", r#"write_file("new-write", big, false)"#),
    ("append", r#"append_file("append", big)"#),
    ("new-append", r#"append_file("new-append", big)"#),
    ("binary", r#"write_binary_file("binary", bytes(big))"#),
    ("io_write", r#"io_write_bytes("io_write", bytes(big))"#),
    ("io_append", r#"io_append_bytes("io_append", bytes(big))"#),
    ("io_at", r#"io_write_at("io_at", bytes(big), 1)"#),
    ("io_gap", r#"io_write_at("io_gap", bytes(big), 1000)"#),
    ("io_truncate", r#"io_truncate("io_truncate", 100000)"#),
    ("io_range", r#"io_copy_range("source", "io_range", 0, 100000)"#),
    ("copy", r#"copy_file("source", "copy")"#),
    ("async", r#"await async_write_file("async", big)"#),
    ("zip", r#"{ a := zip_create("zip"); a.add_file("source"); a.close() }"#),
    ("zip-part", r#"{ a := zip_create("zip-part"); a.add_file("old"); a.add_file("source") }"#),
    ("new-zip", r#"{ a := zip_create("new-zip"); a.add_file("source"); a.close() }"#),
    ("unzip", r#"unzip("all.zip", ".")"#),
    ("image.bmp", r#"load_image("source.bmp").save("image.bmp")"#),
];

/// A picture of 200 by 200 points.
fn picture() -> Vec<u8> {
    let mut data = b"BM".to_vec();
    for word in [120_054u32, 0, 54, 40, 200, 200, 0x0018_0001, 0, 120_000, 0, 0, 0, 0] {
        data.extend(word.to_le_bytes());
    }
    data.extend(noise(120_000));
    data
}

/// Bytes that cannot be compressed.
fn noise(n: usize) -> Vec<u8> {
    let mut state = 1u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 56) as u8
    };
    (0..n).map(|_| next()).collect()
}

fn run(scratch: &Scratch, arguments: &[&str]) -> Result<Output, Failed> {
    Ok(Command::new(RUFF).args(arguments).current_dir(scratch.path()).output()?)
}

/// Each native that writes a file meets a limit on the size of files in the middle.
fn files_keep_what_they_held() -> Result<(), Failed> {
    let mut program = format!("{ATTEMPT}big := repeat(\"x\", 100000)\n");
    let mut wanted = String::new();
    for (name, call) in WRITES {
        let body = call.strip_prefix('{').and_then(|body| body.strip_suffix('}')).unwrap_or(call);
        let body = body.replace("; ", "\n");
        if body.starts_with("await") {
            writeln!(program, "try {{ {body} }} except e {{ print({name:?}, e.kind) }}")?;
        } else {
            writeln!(program, "attempt({name:?}, func() {{\n{body}\n}})")?;
        }
        writeln!(wanted, "{name} IoError")?;
    }
    for engine in ENGINES {
        let scratch = Scratch::new();
        scratch.write("unzip", &noise(100_000));
        let zip = "a := zip_create(\"all.zip\")\na.add_file(\"unzip\")\na.close()";
        run(&scratch, &["run", "-e", zip])?;
        for (name, _) in WRITES.iter().filter(|(name, _)| !name.starts_with("new-")) {
            scratch.write(name, b"old");
        }
        scratch.write("old", b"old");
        scratch.write("source", &noise(100_000));
        scratch.write("source.bmp", &picture());
        scratch.write("main.ruff", program.as_bytes());
        let mut before = names(&scratch)?;
        before.sort();
        // 64 KiB; without the trap the signal would end the program.
        let limited = format!("trap '' XFSZ; ulimit -f 128; exec '{RUFF}' run {engine} main.ruff");
        let ran = Command::new("sh").args(["-c", &limited]).current_dir(scratch.path()).output()?;
        if ran.stdout != wanted.as_bytes() {
            return Err(format!("{engine}: {ran:?} instead of {wanted:?}").into());
        }
        let mut after = names(&scratch)?;
        after.sort();
        if after != before {
            return Err(format!("{engine}: {after:?} instead of {before:?}").into());
        }
        for (name, _) in WRITES.iter().filter(|(name, _)| !name.starts_with("new-")) {
            let held = fs::read(scratch.path().join(name))?;
            if held != b"old" {
                return Err(format!("{engine}: {name} has {} bytes", held.len()).into());
            }
        }
    }
    Ok(())
}

fn names(scratch: &Scratch) -> Result<Vec<String>, Failed> {
    let mut found = Vec::new();
    for entry in fs::read_dir(scratch.path())? {
        found.push(entry?.file_name().to_string_lossy().into_owned());
    }
    Ok(found)
}

/// Runs each call under a limit of memory; all but the last must raise, and nothing must abort.
fn exceed(calls: &[(&str, &str)]) -> Result<(), Failed> {
    let mut program = ATTEMPT.to_owned();
    let mut wanted = String::new();
    for (name, call) in calls {
        writeln!(program, "attempt({name:?}, func() {{ return {call} }})")?;
        let outcome = if *name == "small" { "done" } else { "MemoryError\nOut of memory" };
        writeln!(wanted, "{name} {outcome}")?;
    }
    let scratch = Scratch::new();
    scratch.write("main.ruff", program.as_bytes());
    scratch.write("large", b"");
    fs::File::options().write(true).open(scratch.path().join("large"))?.set_len(500 << 20)?;
    for engine in ENGINES {
        let ran = run(&scratch, &["run", engine, "--max-memory=120M", "main.ruff"])?;
        if ran.status.code() != Some(0) || ran.stdout != wanted.as_bytes() {
            return Err(format!("{engine}: {ran:?} instead of {wanted:?}").into());
        }
    }
    Ok(())
}

fn formats_grow_within_memory() -> Result<(), Failed> {
    let rows = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000000) \
                SELECT i, 'text of a row' AS t FROM n";
    let query = format!("db_query(db_connect(\"sqlite\", \":memory:\"), {rows:?})");
    let blob = "db_query(db_connect(\"sqlite\", \":memory:\"), \"SELECT zeroblob(80000000) AS b\")";
    exceed(&[
        ("json", r#"parse_json("[" + repeat("[],", 3000000) + "1]")"#),
        ("json ints", r#"parse_json("[" + repeat("1,", 15000000) + "1]")"#),
        ("json dicts", r#"parse_json("[" + repeat("{\"a\":1},", 2000000) + "1]")"#),
        ("yaml", r#"parse_yaml(repeat("- [a]\n", 2000000))"#),
        ("toml", r#"parse_toml("a = [" + repeat("1,", 10000000) + "]")"#),
        ("csv", r#"parse_csv("a\n" + repeat("1\n", 9000000))"#),
        ("sqlite", &query),
        ("sqlite value", blob),
        ("small", r#"[parse_json("[1]"), parse_yaml("- 1"), parse_toml("a = 1")]"#),
    ])
}

fn streams_are_read_within_memory() -> Result<(), Failed> {
    exceed(&[
        ("text", r#"read_file("large")"#),
        ("lossy", r#"read_file_lossy("large")"#),
        ("lines", r#"read_lines("large")"#),
        ("binary", r#"read_binary_file("large")"#),
        ("first bytes", r#"io_read_bytes("large", 400000000)"#),
        ("bytes at", r#"io_read_at("large", 5, 400000000)"#),
        ("rest", r#"io_seek_read("large", 5)"#),
        ("endless", r#"io_read_bytes("/dev/zero", 400000000)"#),
        ("execute", r#"execute("head -c 300000000 /dev/zero")"#),
        ("small", r#"io_read_bytes("large", 5)"#),
    ])
}
