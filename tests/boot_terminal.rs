//! `kflake boot` on a terminal: the shell in the machine, and the terminal afterwards.

mod common;

use std::path::Path;
use std::thread;
use std::time::Duration;

use common::terminal::Terminal;

/// Where Debian's `linux-source-6.1` puts the kernel.
const KERNEL: &str = "/usr/src/linux-source-6.1.tar.xz";

#[test]
fn someone_at_a_terminal_has_a_shell() {
    if !common::have_nix() {
        return;
    }
    assert!(
        Path::new(KERNEL).exists(),
        "{KERNEL} is missing: `make deps` installs it"
    );
    let dir = tempfile::tempdir().unwrap();
    let said = common::succeeded(common::kflake(dir.path(), &["kernel", "add", KERNEL])).stdout;
    let said = String::from_utf8(said).unwrap();
    let version = said.split_whitespace().nth(1).unwrap();
    let session = format!(
        "stty -a >before; '{}' -C . boot {version} arm64 {}; echo \"left with $?\"; stty -a | cmp before - && echo as before",
        env!("CARGO_BIN_EXE_kflake"),
        common::HOST_DEBIAN.join(" ")
    );
    let mut terminal = Terminal::start(dir.path(), &session);
    // the kernel may have to be built first
    terminal.wait("/ # ", 1500);
    terminal.press("uname\r");
    terminal.expect(&format!("Linux {version} "));
    terminal.expect("aarch64");
    terminal.press("echo 'a  b' > /tmp/x\r");
    terminal.expect("/ # ");
    terminal.press("cat /tmp/x\r");
    terminal.expect("a  b\n/ # ");
    terminal.press("nonsense\r");
    terminal.expect("nonsense: no such program or command");
    // what runs is interrupted, and the shell is not
    terminal.press("cat /proc/kmsg\r");
    terminal.expect("Run /init as init process");
    thread::sleep(Duration::from_millis(500));
    terminal.press("\u{3}");
    terminal.expect("Interrupt\n/ # ");
    terminal.press("exit\r");
    terminal.expect("left with 0");
    terminal.expect("as before");
    terminal.end();
}
