//! How long the data takes: loading it, and asking it.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use kflake::catalog::{Catalog, Purpose};
use kflake::check;
use kflake::flake::{Options, Plan, generate};
use kflake::resolve::{Resolver, SourceOrder};

fn load(criterion: &mut Criterion) {
    criterion.bench_function("load the embedded catalog", |bencher| {
        bencher.iter(|| {
            Catalog::embedded()
                .map(|catalog| catalog.kernels.len())
                .ok()
        });
    });
    criterion.bench_function("load it and make every toolchain", |bencher| {
        bencher.iter(|| {
            Catalog::embedded()
                .map(|catalog| catalog.toolchains().len())
                .ok()
        });
    });
}

fn resolve(criterion: &mut Criterion) {
    let Ok(catalog) = Catalog::embedded() else {
        return;
    };
    let versions: Vec<_> = ["2.6.31", "3.18.140", "4.10", "5.10.229", "6.12-rc3", "7.1"]
        .iter()
        .filter_map(|text| text.parse().ok())
        .collect();
    let arches: Vec<_> = catalog.arches.keys().collect();
    let resolver = Resolver::new(&catalog, SourceOrder::Era);
    let all = |ask: &dyn Fn(&kflake::version::KernelVersion, &kflake::id::ArchId)| {
        for version in &versions {
            for arch in &arches {
                ask(version, arch);
            }
        }
    };
    criterion.bench_function("make a resolver", |bencher| {
        bencher.iter(|| black_box(Resolver::new(&catalog, SourceOrder::Era)));
    });
    criterion.bench_function("six versions on every arch, with reasons", |bencher| {
        bencher.iter(|| {
            all(&|version, arch| drop(black_box(resolver.resolve(version, arch, Purpose::Kernel))))
        });
    });
    criterion.bench_function(
        "six versions on every arch, the toolchain alone",
        |bencher| {
            bencher.iter(|| {
                all(&|version, arch| drop(black_box(resolver.pick(version, arch, Purpose::Kernel))))
            });
        },
    );
    criterion.bench_function("the interval tables of every arch", |bencher| {
        bencher.iter(|| {
            arches
                .iter()
                .map(|arch| resolver.intervals(arch, Purpose::Kernel).len())
                .sum::<usize>()
        });
    });
}

fn checks(criterion: &mut Criterion) {
    let Ok(catalog) = Catalog::embedded() else {
        return;
    };
    let mut group = criterion.benchmark_group("check");
    group.sample_size(10);
    group.bench_function("the embedded data", |bencher| {
        bencher.iter(|| check::check(&catalog).len())
    });
    group.finish();
}

/// What `kflake gen` does in a project that is up to date.
fn write(criterion: &mut Criterion) {
    let Ok(folder) = tempfile::tempdir() else {
        return;
    };
    let look = || {
        let catalog = Catalog::embedded().ok()?;
        let tree = generate(&catalog, &Options::default()).ok()?;
        Plan::new(&tree, folder.path()).ok()
    };
    let written = look().and_then(|plan| plan.apply(false).ok());
    if written.is_none() {
        return;
    }
    let mut group = criterion.benchmark_group("gen");
    group.sample_size(20);
    group.bench_function("the flake of the full catalog", |bencher| {
        bencher.iter(|| look().map(|plan| plan.is_done()))
    });
    group.finish();
}

criterion_group!(benches, load, resolve, checks, write);
criterion_main!(benches);
