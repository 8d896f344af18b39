//! Time per stage on the programs of `benches/programs`: lexer, parser, resolver, compiler, and
//! whole runs on the VM and with the JIT.

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use ruff::engine::{self, Engine, Options};
use ruff::loader::Loader;
use ruff::syntax::source::Source;
use ruff::syntax::{lexer, parser};

fn programs() -> Vec<(String, String)> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/programs");
    let mut found: Vec<(String, String)> = std::fs::read_dir(dir)
        .expect("the directory of programs is in the repository")
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let name = path.file_stem()?.to_str()?.to_owned();
            Some((name, std::fs::read_to_string(&path).ok()?))
        })
        .collect();
    found.sort();
    found
}

fn front_end(criterion: &mut Criterion) {
    let all: String = programs().into_iter().map(|(_, text)| text + "\n").collect();
    let source = Arc::new(Source::new("all.ruff", &all));
    criterion.bench_function("lex", |b| b.iter(|| black_box(lexer::lex(&source))));
    criterion.bench_function("parse", |b| b.iter(|| black_box(parser::parse(&source))));
    criterion.bench_function("parse and resolve", |b| {
        b.iter(|| black_box(Loader::new(PathBuf::new()).check(source.clone()).is_ok()));
    });
    criterion.bench_function("parse, resolve and compile", |b| {
        b.iter(|| {
            let loader = Loader::new(PathBuf::new());
            let form = engine::DumpForm::Bytecode;
            black_box(engine::dump(&loader, &source, form, Some("no such function")).is_ok())
        });
    });
}

fn whole_runs(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("run");
    group.sample_size(10);
    for (name, text) in programs() {
        for engine in [Engine::Vm, Engine::Jit] {
            let options = Options::new(engine);
            group.bench_function(format!("{name}/{}", engine.name()), |b| {
                b.iter(|| {
                    let source = Source::new("bench.ruff", &text);
                    black_box(engine::run_captured(source, PathBuf::new(), &options).exit_code)
                });
            });
        }
    }
    group.finish();
}

criterion_group!(stages, front_end, whole_runs);
criterion_main!(stages);
