//! Whether the kernel modules of a payload are for the kernel of the image that it goes into.

use std::collections::BTreeSet;
use std::path::Path;

use super::BuildError;
use super::base::Base;
use super::kernel_module::{KernelModule, Packed};
use super::oci::Layout;
use super::payload::{EntryKind, Payload, Unread};
use crate::catalog::Arch;
use crate::files;
use crate::text::{clean_line, shown};

/// The kernel that modules are to be for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForKernel {
    /// What `uname -r` says of it.
    release: String,
    /// All that a module says of it, where that is known.
    vermagic: Option<String>,
    /// The matrix' name of its arch, where that is known.
    arch: Option<String>,
}

/// The annotations by which the image of an SDK says what is in its `kernel-misc`.
const RELEASE: &str = "kflake.sdk.release";
const VERMAGIC: &str = "kflake.sdk.vermagic";
const ARCH: &str = "kflake.arch";

impl ForKernel {
    /// The kernel of an SDK's image.
    ///
    /// # Errors
    /// When it is the image of something else.
    pub fn of_image(layout: &Layout) -> Result<ForKernel, BuildError> {
        let said = |name: &str| layout.annotation(name).map(str::to_owned);
        let release = said(RELEASE).ok_or_else(|| BuildError::Payload {
            path: layout.dir().to_owned(),
            reason: format!("it has no annotation {RELEASE}, so it is not the image of an SDK"),
            help: "`kflake image --sdk CELL --out DIR` makes one".to_owned(),
        })?;
        Ok(ForKernel {
            release,
            vermagic: said(VERMAGIC),
            arch: said(ARCH),
        })
    }

    /// The kernel of an SDK, or of its folder `kernel-misc`.
    ///
    /// # Errors
    /// When it is a folder of something else.
    pub fn of_folder(dir: &Path) -> Result<ForKernel, BuildError> {
        let misc = dir.join("kernel-misc");
        let misc = if misc.is_dir() { &misc } else { dir };
        let text = |name: &str| files::read_text(&misc.join(name)).ok();
        let line = |name: &str| text(name).map(|it| it.trim().to_owned());
        let release = line("kernel-release").filter(|it| !it.is_empty());
        let release = release.ok_or_else(|| BuildError::Payload {
            path: misc.to_owned(),
            reason: "it has no kernel-release, so it is not the folder of an SDK".to_owned(),
            help: "`kflake sdk CELL --out DIR` makes one".to_owned(),
        })?;
        let facts: Option<serde_json::Value> = files::read(&dir.join("sdk.json"), files::MAX_DATA)
            .ok()
            .and_then(|it| serde_json::from_slice(&it).ok());
        let arch = facts.and_then(|it| Some(it.get("arch")?.as_str()?.to_owned()));
        Ok(ForKernel {
            release,
            vermagic: line("kernel-vermagic").filter(|it| !it.is_empty()),
            arch,
        })
    }

    /// A kernel by its release, or by all that a module says of it.
    pub fn of_text(text: &str) -> ForKernel {
        let text = text.trim();
        let release = text.split(' ').next().unwrap_or_default();
        ForKernel {
            release: release.to_owned(),
            vermagic: (release != text).then(|| text.to_owned()),
            arch: None,
        }
    }

    /// The arch of it that the SDK names.
    pub fn arch(&self) -> Option<&str> {
        self.arch.as_deref()
    }

    /// What `uname -r` says of it.
    pub fn release(&self) -> &str {
        &self.release
    }

    /// Why it does not load a module.
    fn refuses(&self, module: &KernelModule) -> Option<String> {
        let (is, wanted) = match &self.vermagic {
            Some(vermagic) => (module.vermagic.as_str(), vermagic.as_str()),
            None => (module.release(), self.release.as_str()),
        };
        (is != wanted).then(|| said(is, wanted, "the kernel is"))
    }
}

/// The kernel modules of a payload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PayloadModules {
    /// How many there are.
    pub count: usize,
    /// What they are for, each once.
    releases: BTreeSet<String>,
}

impl PayloadModules {
    /// The releases that they are for, as a list; none: there are no modules.
    pub fn releases(&self) -> Option<String> {
        let all: Vec<&str> = self.releases.iter().map(String::as_str).collect();
        (!all.is_empty()).then(|| all.join(", "))
    }
}

fn said(is: &str, wanted: &str, whose: &str) -> String {
    let (is, wanted) = (clean_line(is), clean_line(wanted));
    format!("it was built for `{is}`, and {whose} `{wanted}`")
}

/// Holds every kernel module of `payload` against `kernel`, against the modules of `base`, and against the folder that it lies in.
///
/// # Errors
/// When one is for another kernel or another machine, cannot be read, or nothing says which kernel it should be for.
pub fn check(
    payload: &Payload,
    kernel: Option<&ForKernel>,
    base: Option<&Base>,
    arch: &Arch,
) -> Result<PayloadModules, BuildError> {
    let mut modules = PayloadModules::default();
    for entry in payload.entries() {
        let (Some(packed), EntryKind::File(stamp)) = (Packed::of(&entry.path), &entry.kind) else {
            continue;
        };
        let at = payload.at(&entry.path);
        let refused = |reason: String, help: &str| BuildError::PayloadModule {
            path: at.clone(),
            reason,
            help: help.to_owned(),
        };
        let module = KernelModule::read(payload.contents(&entry.path, *stamp), packed);
        let module = module.map_err(|error| {
            Unread::of(error).unwrap_or_else(|error| {
                refused(
                    format!("cannot tell which kernel it is for: {error}"),
                    "stage the module that the kernel's build made, or give the file another name",
                )
            })
        })?;
        if !module.is_for(arch) {
            let reason = format!("it is a module for a machine other than {}", arch.uname);
            return Err(refused(reason, "build it with the SDK of the right cell"));
        }
        let rebuild = "build it against the kernel of the image, with the SDK of that kernel";
        if let Some(reason) = kernel.and_then(|it| it.refuses(&module)) {
            return Err(refused(reason, rebuild));
        }
        if let Some(reason) = base.and_then(|it| disagrees(it, &module, kernel.is_some())) {
            return Err(refused(reason, rebuild));
        }
        if kernel.is_none() && base.is_none_or(|it| it.modules().next().is_none()) {
            return Err(BuildError::Payload {
                path: at,
                reason: "it is a kernel module, and nothing says which kernel it should fit"
                    .to_owned(),
                help: "name the kernel with --kernel: the SDK's folder or image, or a release \
                       such as 6.1.192"
                    .to_owned(),
            });
        }
        if let Some(folder) = release_folder(&entry.path)
            && folder != module.release()
        {
            let reason = format!(
                "it is for {}, and lies in the modules of {}",
                clean_line(module.release()),
                shown(folder)
            );
            return Err(refused(reason, "install it with `make modules_install`"));
        }
        modules.count += 1;
        modules.releases.insert(module.release().to_owned());
    }
    Ok(modules)
}

/// How the modules of the base image disagree with a module. With a kernel `named`, those of other kernels do not count.
fn disagrees(base: &Base, module: &KernelModule, named: bool) -> Option<String> {
    let others = || {
        let all = base.modules().map(|(_, it)| it);
        all.filter(|it| !named || it.release() == module.release())
    };
    if others().any(|it| it.vermagic == module.vermagic) {
        return None;
    }
    let same = others().find(|it| it.release() == module.release());
    let other = same.or_else(|| others().next())?;
    let whose = "the modules of the base image for";
    Some(said(&module.vermagic, &other.vermagic, whose))
}

/// The release whose modules are in the folder that `path` is in: `lib/modules/RELEASE`.
fn release_folder(path: &Path) -> Option<&str> {
    let mut parts = path.iter().map(|it| it.to_str().unwrap_or_default());
    let first = parts.next()?;
    let lib = if first == "usr" { parts.next()? } else { first };
    (lib == "lib" && parts.next()? == "modules")
        .then(|| parts.next())?
        .filter(|_| parts.next().is_some())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::build::kernel_module::tests::module;
    use crate::catalog::Catalog;
    use crate::exit;

    const VERMAGIC: &str = "6.1.192 SMP mod_unload aarch64";

    /// A payload with the file `name`, held against `kernel` for arm64.
    fn check(name: &str, bytes: &[u8], kernel: Option<&str>) -> Result<PayloadModules, BuildError> {
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path().join(name);
        fs::create_dir_all(at.parent().unwrap()).unwrap();
        fs::write(at, bytes).unwrap();
        let catalog = Catalog::embedded().unwrap();
        let arch = &catalog.arches[&"arm64".parse::<crate::id::ArchId>().unwrap()];
        let payload = Payload::read(dir.path()).unwrap();
        let kernel = kernel.map(ForKernel::of_text);
        super::check(&payload, kernel.as_ref(), None, arch)
    }

    #[test]
    fn a_module_is_held_against_its_kernel() {
        let good = module(183, VERMAGIC);
        let place = "usr/lib/modules/6.1.192/extra/a.ko";
        let checked = check(place, &good, Some("6.1.192")).unwrap();
        assert_eq!(checked.releases().unwrap(), "6.1.192");
        assert_eq!(
            check("anywhere.ko", &good, Some(VERMAGIC)).unwrap().count,
            1
        );
        assert_eq!(
            check("a.txt", &good, None).unwrap(),
            PayloadModules::default()
        );
        // the number of a machine does not tell its byte order
        let mut big = good.clone();
        big[5] = 2;
        assert!(check(place, &big, Some("6.1.192")).is_err());
        for (name, bytes, kernel, said, code) in [
            (
                place,
                &good[..],
                Some("6.1.193"),
                "the kernel is `6.1.193`",
                exit::FAILED,
            ),
            (
                place,
                &good,
                Some("6.1.192 mod_unload aarch64"),
                "`6.1.192 SMP",
                exit::FAILED,
            ),
            (place, &good, None, "nothing says which kernel", exit::USAGE),
            (
                place,
                &module(62, VERMAGIC),
                Some("6.1.192"),
                "a machine other than",
                exit::FAILED,
            ),
            (place, b"text", Some("6.1.192"), "no ELF file", exit::FAILED),
            ("a.ko.zst", &good, Some("6.1.192"), "zstd: ", exit::FAILED),
            ("a.ko.gz", &good, Some("6.1.192"), "gzip", exit::FAILED),
            (
                "a.ko.xz",
                &good,
                Some("6.1.192"),
                "cannot tell which kernel",
                exit::FAILED,
            ),
            (
                "lib/modules/6.1/a.ko",
                &good,
                Some("6.1.192"),
                "the modules of 6.1",
                exit::FAILED,
            ),
        ] {
            let error = check(name, bytes, kernel).unwrap_err();
            assert!(error.to_string().contains(said), "{error}");
            assert_eq!(error.exit_code(), code, "{error}");
        }
    }

    #[test]
    fn an_sdk_says_which_kernel_it_is_of() {
        let dir = tempfile::tempdir().unwrap();
        let misc = dir.path().join("kernel-misc");
        assert!(ForKernel::of_folder(dir.path()).is_err());
        fs::create_dir(&misc).unwrap();
        fs::write(misc.join("kernel-release"), "6.1.192\n").unwrap();
        fs::write(misc.join("kernel-vermagic"), format!("{VERMAGIC} \n")).unwrap();
        fs::write(dir.path().join("sdk.json"), "{\"arch\": \"arm64\"}").unwrap();
        let it = ForKernel::of_folder(dir.path()).unwrap();
        assert_eq!(it.arch(), Some("arm64"));
        assert_eq!(
            (it.release(), it.vermagic.as_deref()),
            ("6.1.192", Some(VERMAGIC))
        );
        let it = ForKernel::of_folder(&misc).unwrap();
        assert_eq!((it.release(), it.arch()), ("6.1.192", None));
        assert_eq!(release_folder(Path::new("lib/modules/6.1")), None);
        assert_eq!(
            release_folder(Path::new("usr/lib/modules/6.1/a")),
            Some("6.1")
        );
    }
}
