//! `kflake boot` on a terminal: the shell in the machine, and the terminal afterwards.

mod common;

use std::thread;
use std::time::Duration;

use common::terminal::Terminal;

#[test]
fn someone_at_a_terminal_has_a_shell() {
    if !common::have_nix() {
        return;
    }
    let (dir, version) = common::real_project();
    let session = format!(
        "stty -a >before; '{}' -C . boot {version} arm64 {}; echo \"left with $?\"; stty -a | cmp before - && echo as before",
        env!("CARGO_BIN_EXE_kflake"),
        common::DEBIAN.join(" ")
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
