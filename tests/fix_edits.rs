//! What fixes of the data make of the very lines that kernels have, where building those kernels takes too long.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::Value;

/// The text of `file` after the edits that `fix` has for it.
fn edited(fix: &str, file: &str, text: &str) -> String {
    let fixes: Value = serde_json::from_str(include_str!("../matrix/fixes.json")).unwrap();
    let steps = fixes[fix]["apply"].as_array().unwrap();
    let mut text = text.to_owned();
    for step in steps {
        let files = step["files"].as_array().unwrap();
        if !files.iter().any(|it| it == file) {
            continue;
        }
        let mut sed = Command::new("sed")
            .args(["-E", "--sandbox", step["expression"].as_str().unwrap()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        sed.stdin
            .take()
            .unwrap()
            .write_all(text.as_bytes())
            .unwrap();
        let output = sed.wait_with_output().unwrap();
        assert!(output.status.success());
        text = String::from_utf8(output.stdout).unwrap();
    }
    text
}

#[test]
fn the_vdso_of_mips_gets_the_flags_that_keep_paths_out_of_it() {
    let text = edited(
        "mips-vdso-paths",
        "arch/mips/vdso/Makefile",
        "ccflags-vdso := \\\n\t$(filter -I%,$(KBUILD_CFLAGS)) \\\n",
    );
    assert_eq!(
        text,
        "ccflags-vdso := $(filter -ffile-prefix-map=% -fdebug-prefix-map=%,$(KBUILD_CFLAGS)) \\\n\t$(filter -I%,$(KBUILD_CFLAGS)) \\\n"
    );
}
